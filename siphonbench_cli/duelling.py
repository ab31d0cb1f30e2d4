"""One operator's campaigns against one detector: the scenario's rules, both worlds, and two numbers."""

from __future__ import annotations

import math
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import siphonbench
from generator import checks, config, ranges, release
from generator.archetypes import DIALS, Range, archetypes
from generator.config import Config
from generator.errors import UserError
from generator.schema import KINDS

if TYPE_CHECKING:
    import polars as pl

    from baselines.detector import Detector
    from generator.dataset import Split

NONE = {"campaigns": 0, "extraction_accounts": 0, "least_campaigns": 0}
ACCOUNT_USD = 5.0
"""What an operator pays for one more account: phone, card and address (assumption)."""
_OPEN = ("preset", "name", "seed", "cohorts", *NONE)
_SDS = 2.0  # of a lognormal dial that an operator may go from its median


@dataclass(frozen=True)
class Outcome:
    """What came of a duel.

    Attributes
    ----------
    detector, task : str
        Its name; "early" if it answered day by day, "accounts" if only when the window ended.
    campaigns, accounts : int
        Of the operator; replacements included.
    tokens, tokens_obtained : float
        Of output in extraction answers: without alerts, and until the alerts took effect.
    price_usd, accounts_usd : float
        List price that the operator paid until then, camouflage included (taken to be spent in step with the
        rest), and cost of all accounts.
    tokens_per_usd : float
        The operator's number.
    prevented, prevented_low, prevented_high : float
        The detector's number: share of tokens prevented, mean over campaigns, and its 95 % interval.
    detected : float
        Share of campaigns noticed before they ended.
    false_positives : float
        Budget: share of benign accounts ever alerted about.
    """

    detector: str
    task: str
    campaigns: int
    accounts: int
    tokens: float
    tokens_obtained: float
    price_usd: float
    accounts_usd: float
    tokens_per_usd: float
    prevented: float
    prevented_low: float
    prevented_high: float
    detected: float
    false_positives: float


def plans(file: Path, preset: str | None, seed: int | None) -> tuple[Config, Config]:
    """What to train on, the preset's train world, and a test world with the operator's campaigns in it.

    Raises
    ------
    UserError
        With every fault of the file at once.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read as TOML: {error}") from error
    document |= {"preset": preset} if preset else {}
    document |= {} if seed is None else {"seed": seed}
    merged = config.over_preset(document, str(file)) | {"splits": ["test"]}
    found = checks.faults(merged, [f.name for f in fields(Config) if f.name != "secret"])
    found += _faults(document, config.preset(document.get("preset", "nano"))["extraction_accounts"])
    if found:
        raise UserError(f"{file}: {len(found)} fault{'s' * (len(found) > 1)}: " + "; ".join(found))
    test = config.from_dict(merged | NONE, str(file))
    trained = config.from_preset(document.get("preset", "nano"), test.seed)
    return replace(trained, splits=("train",)), test


def fight(
    train: Config,
    test: Config,
    kind: type[Detector],
    account_usd: float = ACCOUNT_USD,
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> Outcome:
    """Make both worlds, train, answer day by day, and judge at a budget of 0.1 % false positives.

    Raises
    ------
    UserError
        If the detector breaks the contract, or no campaign collected anything.
    """
    import polars as pl

    from leaderboard import early, scoring, truth

    with tempfile.TemporaryDirectory() as folder:
        made = [siphonbench.load(release.generate(p, Path(folder, p.splits[0]), workers)) for p in (train, test)]
        tick(1, 3)
        world = made[1].reveal("test")
        told = truth.read(world, "early")
        task, said = _answer(
            kind(seed=test.seed % 2**31), made[0].reveal("train"), world.without_labels(), told.known
        )
        tick(2, 3)
        card = scoring.score("early", said, told, made[1].digest)
        ledger = world.campaigns.polars().select(pl.col("accounts", "list_price_usd", "list_price_all_usd").sum())
        accounts, useful, spent = ledger.collect().row(0)
    overall, lines = card.tables["overall"], card.curves["collected"]
    tokens, obtained = (float(lines[k][1][-1]) for k in ("without a detector", "with it"))
    price = overall["usd_lost"].value * card.counts["campaigns"] * spent / max(useful, 1e-9)
    return Outcome(
        detector=kind.name,
        task=task,
        campaigns=card.counts["campaigns"],
        accounts=accounts,
        tokens=tokens,
        tokens_obtained=obtained,
        price_usd=price,
        accounts_usd=accounts * account_usd,
        tokens_per_usd=obtained / max(price + accounts * account_usd, 1e-9),
        prevented=card.primary.value,
        prevented_low=card.primary.low,
        prevented_high=card.primary.high,
        detected=overall["detected"].value,
        false_positives=early.BUDGET,
    )


def _answer(detector: Detector, train: Split, test: Split, known: pl.DataFrame) -> tuple[str, pl.DataFrame]:
    """Scores day by day; of a detector that can't, lowest ones until the last day, when it answers."""
    import polars as pl

    from baselines import answers

    if "early" in detector.tasks:
        return "early", answers.run(detector, train, test, "early").predictions
    scores = answers.run(detector, train, test, "accounts").predictions
    days = pl.DataFrame({"day": range(test.days)}, {"day": pl.Int32})
    dated = scores.join(known.rename({"day": "since"}), on="account_id").join(days, how="cross")
    waits = pl.when(pl.col("day") < test.days - 1).then(scores["score"].min()).otherwise(pl.col("score"))
    late = dated.filter(pl.col("day") >= pl.col("since")).select("day", "account_id", waits.alias("score"))
    return "accounts", late.sort("day", "account_id")


def _faults(document: dict[str, Any], most: int) -> Iterator[str]:
    """What an operator may not do, beside what nobody may."""
    keys = {f.name for f in fields(Config)}
    for key in document:
        if key in NONE and document[key] != 0:
            yield f"{key}: {document[key]!r} must be 0: an operator's campaigns stand in [[cohorts]]"
        elif key in keys and key not in _OPEN:
            yield f"{key}: belongs to the world, which the operator can't change: leave it out"
    cohorts = document.get("cohorts", [])
    if not isinstance(cohorts, list) or not all(isinstance(c, dict) for c in cohorts):
        return
    if not cohorts:
        yield "cohorts: there are none: write at least one campaign, e.g. with: siphonbench scenario new"
    sizes = [c["accounts"] for c in cohorts if type(c.get("accounts")) is int]
    if sum(sizes) > most:
        yield f"cohorts: {sum(sizes):,} accounts are more than the {most:,} that this preset gives an operator"
    for i, cohort in enumerate(cohorts):
        archetype = archetypes().get(str(cohort.get("archetype")))
        if archetype and archetype.label != "extraction":
            yield f"cohorts[{i}].archetype: {archetype.id} is no campaign: choose one of A1 to A9"
        elif archetype and isinstance(cohort.get("dials", {}), dict):
            yield from _outside(f"cohorts[{i}].dials", archetype.id, cohort.get("dials", {}))


def _outside(where: str, archetype: str, dials: dict[str, Any]) -> Iterator[str]:
    known = archetypes()[archetype]
    for dial, spec in dials.items():
        try:
            own = ranges.parse(dial, spec)
        except ValueError:
            continue  # told already
        below = [known.tier(tier, kind)[dial] for tier in ("", *known.tiers) for kind in KINDS]
        allowed = [_span(dial, r) for r in below]
        low, high = min(a for a, _ in allowed), max(b for _, b in allowed)
        for first, last in {
            _span(dial, ranges.over(own, b)) for b in (below if own.law == ranges.TIMES else below[:1])
        }:
            slack = 1e-6 * max(abs(low), abs(high))
            if first < low - slack or last > high + slack:
                asked = f"{first:g}" if first == last else f"{first:g} to {last:g}"
                unit = DIALS[dial].unit.removesuffix("1") if DIALS[dial].unit == "1" else f" {DIALS[dial].unit}"
                yield f"{where}.{dial}: {asked} is outside {low:g} to {high:g}{unit}, which {archetype} allows"
                break


def _span(dial: str, r: Range) -> tuple[float, float]:
    """Ends of a range; of a lognormal one, so many SDs around its median, within the dial's bounds."""
    if r.law != "lognormal":
        return r.low, r.high
    ends = (r.low * math.exp(sign * _SDS * r.high) for sign in (-1, 1))
    low, high = (min(max(x, DIALS[dial].low), DIALS[dial].high) for x in ends)
    return low, high
