"""Detectors that wait for operators, and what comes of a duel: two numbers, and what they are made of.

`import siphonbench` loads this module, so it imports the generator and the detectors only when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from siphonbench.workflows.duel.outcome import BUDGET, DuelOutcome, Prices

if TYPE_CHECKING:
    import polars as pl

    from baselines.base.detector import Detector
    from generator.dataset import Dataset, Split
    from leaderboard.tasks.ground_truth import GroundTruth

Tick = Callable[[int, int], None]
_NOTHING = 1e-9  # USD; keeps a division by no spending finite


@dataclass(frozen=True)
class Arena:
    """Trained detectors, and the terms on which they meet any operator's campaigns.

    Attributes
    ----------
    detectors : tuple of Detector
        Fitted.
    preset, seed : str, int
        World that the operator's campaigns are put into.
    prices : Prices
        What an operator pays.
    false_positives : float
        Share of benign accounts that each detector may ever alert about.
    every : int
        Days from one look of a detector to the next; the last day of the window is always one.
    """

    detectors: tuple[Detector, ...]
    preset: str
    seed: int
    prices: Prices = field(default_factory=Prices)
    false_positives: float = BUDGET
    every: int = 1

    def fight(
        self, campaigns: Path | dict[str, Any], workers: int = 1, tick: Tick = lambda *_: None
    ) -> list[DuelOutcome]:
        """Put an operator's campaigns into the world, and let each detector answer day by day.

        Parameters
        ----------
        campaigns : path or dict
            TOML file as `scenario new --campaign` writes it, or the same as a dict: {"cohorts": [{...}]}.
        workers : int
            Processes that make the world.
        tick : callable
            Told (done, total).

        Raises
        ------
        UserError
            With all faults of the campaigns at once; if a detector breaks the contract, or nothing was collected.
        """
        from leaderboard.tasks import scoring

        total, outcomes = len(self.detectors) + 1, list[DuelOutcome]()
        with self.world(campaigns, workers) as data:
            world = data.reveal("test")
            truth, purchases = scoring.truth(world, "early"), _purchases(world)
            if not purchases["useful_usd"]:
                raise UserError(
                    f"{_name(campaigns)}: nothing was collected; give it more accounts, days or requests a day"
                )
            for done, detector in enumerate(self.detectors, 1):
                tick(done, total)
                outcomes.append(self._outcome(detector, world, truth, purchases, data.digest))
        tick(total, total)
        return outcomes

    @contextmanager
    def world(self, campaigns: Path | dict[str, Any], workers: int = 1) -> Iterator[Dataset]:
        """Make the world with an operator's campaigns in it; its files are gone afterwards.

        Parameters
        ----------
        campaigns, workers
            As for `fight`.

        Yields
        ------
        Dataset
            Of the split *test* alone.

        Raises
        ------
        UserError
            With all faults of the campaigns at once.
        """
        import tempfile

        from generator import dataset
        from generator.pipeline import generate
        from siphonbench.workflows.duel import rules

        document = campaigns if isinstance(campaigns, dict) else rules.read(campaigns)
        plan = rules.plan(document, _name(campaigns), self.preset, self.seed)
        with tempfile.TemporaryDirectory() as folder:
            yield dataset.load(generate.generate(plan, Path(folder, "test"), workers))

    def _outcome(
        self, detector: Detector, world: Split, truth: GroundTruth, purchases: dict[str, Any], digest: str
    ) -> DuelOutcome:
        from leaderboard.tasks import early

        task, scores = _daily_scores(detector, world.without_labels(), truth.known, self.every)
        card = early.score(scores, truth, digest, budget=self.false_positives)
        overall, curves = card.tables["overall"], card.curves["collected"]
        tokens, obtained = (float(curves[k][1][-1]) for k in ("without a detector", "with it"))
        campaigns = card.counts["campaigns"]
        lost_usd = overall["usd_lost"].value * campaigns
        price = lost_usd * purchases["all_usd"] / max(purchases["useful_usd"], _NOTHING)
        accounts = purchases["accounts"] * self.prices.account
        gear = self.prices.gear(purchases["cards"], purchases["addresses"], purchases["devices"])
        return DuelOutcome(
            detector=detector.name,
            task=task,
            campaigns=campaigns,
            **{k: purchases[k] for k in ("accounts", "cards", "addresses", "devices")},
            tokens=tokens,
            tokens_obtained=obtained,
            price_usd=price,
            accounts_usd=accounts,
            gear_usd=gear,
            planned_usd=purchases["all_usd"] + accounts + gear,
            tokens_per_usd=obtained / max(price + accounts + gear, _NOTHING),
            prevented=card.primary.value,
            prevented_low=card.primary.low,
            prevented_high=card.primary.high,
            detected=overall["detected"].value,
            false_positives=self.false_positives,
        )


def arena(
    *detectors: str,
    train: Dataset,
    preset: str = "nano",
    seed: int = 0,
    prices: Prices | None = None,
    false_positives: float = BUDGET,
) -> Arena:
    """Train detectors for duels with operators; `Arena.fight` then says what comes of one.

    Parameters
    ----------
    *detectors : str
        By name or module:Class.
    train : Dataset
        Its train world is learnt from.
    preset, seed, prices, false_positives
        See `Arena`.

    Returns
    -------
    Arena
        With the fitted detectors.

    Raises
    ------
    UserError
        If there is no such detector or it can't fight, or the share is none.

    Examples
    --------
    >>> import tempfile, siphonbench
    >>> campaign = {"name": "mine", "archetype": "A1", "tier": "overt", "accounts": 20}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arena = siphonbench.arena("volume", train=siphonbench.generate("nano", 3, folder), seed=3)
    ...     (outcome,) = arena.fight({"cohorts": [campaign]})
    >>> outcome.detector, outcome.campaigns, 0 <= outcome.prevented <= 1
    ('volume', 1, True)
    """
    from baselines.base import evaluation

    kinds = [fighter(name) for name in detectors]
    if not 0 < false_positives <= 0.5:
        raise UserError(f"false positives: {false_positives} is no share from above 0 to 0.5; 0.001 is usual")
    fitted = tuple(evaluation.fit(kind(seed=seed % 2**31), [train.reveal("train")]) for kind in kinds)
    return Arena(fitted, preset, seed, prices or Prices(), false_positives)


def fighter(name: str) -> type[Detector]:
    """Find a detector that can fight a duel.

    Parameters
    ----------
    name : str
        Of a detector, or module:Class.

    Raises
    ------
    UserError
        If there is none, it is an upper bound, or it answers neither *early* nor *accounts*.
    """
    from baselines import plugins

    kind = plugins.find(name)
    if kind.upper_bound:
        raise UserError(f"{kind.name} knows part of the truth and fights no duel: choose another detector")
    if not {"early", "accounts"} & set(kind.tasks):
        raise UserError(f"{kind.name} answers {', '.join(kind.tasks)}; a duel needs early or accounts")
    return kind


def _purchases(world: Split) -> dict[str, Any]:
    """What the operator of a world paid for: accounts, gear, list price of useful answers and of all."""
    import polars as pl

    sums = pl.col("accounts", "list_price_usd", "list_price_all_usd").sum()
    accounts, useful, paid = world.campaigns.polars().select(sums).collect().row(0)
    members = world.labels.polars().filter(pl.col("campaign").is_not_null()).select("account_id")
    payments = world.accounts.polars().join(members, on="account_id").select("payment_id")
    requests = world.requests.polars().join(members, on="account_id")
    gear = requests.select(pl.col("ip_prefix", "tls_fingerprint").n_unique()).collect()
    addresses, devices = gear.row(0)
    return {
        "accounts": accounts,
        "cards": payments.select(pl.col("payment_id").drop_nulls().n_unique()).collect().item(),
        "addresses": addresses,
        "devices": devices,
        "useful_usd": useful,
        "all_usd": paid,
    }


def _name(campaigns: Path | dict[str, Any]) -> str:
    return "campaigns" if isinstance(campaigns, dict) else str(campaigns)


def _daily_scores(fitted: Detector, test: Split, known: pl.DataFrame, every: int) -> tuple[str, pl.DataFrame]:
    """Scores day by day, each the last look's; the lowest of all where no look was yet.

    A detector that can't answer day by day looks when the window has ended.
    """
    import polars as pl

    from baselines.base import evaluation

    if "early" in fitted.tasks:
        task, said = "early", evaluation.replay(fitted, test, every)
    else:
        task, day = "accounts", pl.lit(test.days - 1, pl.Int32).alias("day")
        said = evaluation.answer(fitted, test).select(day, "account_id", "score")
    days = pl.DataFrame({"day": range(test.days)}, {"day": pl.Int32})
    asked = known.rename({"day": "since"}).join(days, how="cross").filter(pl.col("day") >= pl.col("since"))
    latest = asked.sort("day").join_asof(said.sort("day"), on="day", by="account_id", check_sortedness=False)
    score = pl.col("score").fill_null(said["score"].min())
    return task, latest.select("day", "account_id", score).sort("day", "account_id")
