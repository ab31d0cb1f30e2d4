"""Arms race at the command line: a reckless operator is caught, and nobody leaves the allowed dials."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines.base.detector import Detector
from baselines.detectors.trivial.chance import Constant
from generator.dataset import Split
from generator.errors import UserError
from siphonbench.cli.main import app
from siphonbench.workflows.duel import arena as duelling
from siphonbench.workflows.duel import rules
from siphonbench.workflows.duel.arena import Arena
from siphonbench.workflows.duel.outcome import Prices

SEED = 7  # nano of it is there for other tests too
RECKLESS = """
[[cohorts]]
name = "loud"
archetype = "A1"
tier = "overt"
accounts = 40
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def duel(folder: Path, text: str, detector: str = "xgboost-early") -> dict[str, Any]:
    file = folder / "mine.toml"
    file.write_text(text)
    done = call("duel", file, detector, "--preset", "nano", "--seed", SEED, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class SharedCards(Detector):
    """Relational, and no more: how many accounts known so far pay with the same instrument."""

    name = "shared-cards"
    description = "accounts that share a payment instrument"
    source = "this test"
    fields = ("accounts.payment_id",)

    def fit(self, *worlds: Split) -> Self:
        return self

    def score(self, split: Split) -> pl.DataFrame:
        held = split.accounts.polars().collect()
        others = pl.when(pl.col("payment_id").is_null()).then(0.0).otherwise(pl.len().over("payment_id"))
        return held.select("account_id", others.cast(pl.Float64).alias("score"))


def arena(*detectors: Detector, seed: int = 3, **terms: Any) -> Arena:
    return Arena(detectors or (SharedCards(),), "nano", seed, **{"false_positives": 0.02} | terms)


def campaign(accounts: int = 30, tier: str = "evasive", **dials: float) -> dict[str, Any]:
    cohort = {"name": "mine", "archetype": "A2", "tier": tier, "accounts": accounts, "first_day": 1, "days": 6}
    return {"cohorts": [cohort | {"dials": {"rate": 100} | dials}]}


CARELESS = campaign(tier="overt", leak_payment=0.9, leak_prefix=0.6, leak_device=0.6, link_pool=1)
CAREFUL = campaign(tier="overt", leak_payment=0.3, leak_prefix=0.3, leak_device=0.26, link_pool=4)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_sharing_is_cheap_and_gets_one_caught(seed: int) -> None:
    (careless,), (careful,) = (arena(seed=seed).fight(c) for c in (CARELESS, CAREFUL))
    assert careless.tokens == pytest.approx(careful.tokens, rel=0.05)  # who shares a network shares its hours
    assert careless.gear_usd < careful.gear_usd
    assert careless.prevented > careful.prevented
    assert careless.tokens_per_usd < careful.tokens_per_usd
    for found in (careless, careful):
        assert found.tokens_obtained == pytest.approx(found.tokens * (1 - found.prevented))
        paid = found.price_usd + found.accounts_usd + found.gear_usd
        assert found.tokens_per_usd == pytest.approx(found.tokens_obtained / paid)
        assert paid <= found.planned_usd * (1 + 1e-6)


def test_more_accounts_cost_more() -> None:
    small, middle, large = (arena().fight(campaign(n))[0] for n in (10, 20, 60))
    assert small.accounts < middle.accounts < large.accounts
    for cost in ("accounts_usd", "gear_usd", "planned_usd", "tokens"):
        assert getattr(small, cost) < getattr(middle, cost) < getattr(large, cost), cost
    assert large.accounts_usd == 5 * large.accounts


def test_prices_count_and_change_nothing_else() -> None:
    usual = arena().fight(CARELESS)[0]
    free = arena(prices=Prices(0, 0, 0, 0)).fight(CARELESS)[0]
    dear = arena(prices=Prices(account=7, card=11, address=13, device=17)).fight(CARELESS)[0]
    assert free.accounts_usd == free.gear_usd == 0
    assert dear.accounts_usd == 7 * dear.accounts
    assert dear.gear_usd == 11 * dear.cards + 13 * dear.addresses + 17 * dear.devices
    assert dear.tokens_per_usd < usual.tokens_per_usd < free.tokens_per_usd
    assert dear.prevented == usual.prevented == free.prevented


def test_what_may_be_flagged_decides_what_is_prevented() -> None:
    found = [arena(false_positives=b).fight(CARELESS)[0].prevented for b in (0.001, 0.01, 0.05, 0.5)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_who_knows_nothing_prevents_next_to_nothing() -> None:
    blind, shared = arena(Constant(), SharedCards(), seed=1).fight(CARELESS)
    assert blind.prevented < 0.03 < shared.prevented
    assert blind.tokens == shared.tokens


def test_who_collects_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duelling, "_purchases", lambda world: {"useful_usd": 0.0})
    with pytest.raises(UserError, match=r"^campaigns: nothing was collected; give it more accounts"):
        arena().fight(campaign(1))


@pytest.mark.slow
def test_it_is_the_same_at_the_command_line_and_again(nano_of: Callable[[int], Path], tmp_path: Path) -> None:
    first, again = duel(tmp_path, RECKLESS, "volume"), duel(tmp_path, RECKLESS, "volume")
    assert first == again
    train = nano_of(SEED)
    trained = siphonbench.arena("volume", train=siphonbench.load(train), seed=SEED)
    assert asdict(trained.fight(tmp_path / "mine.toml")[0]) == first
    assert asdict(trained.fight(tomllib.loads(RECKLESS))[0]) == first
    file = tmp_path / "mine.toml"
    done = call("duel", file, "volume", "--seed", SEED, "--train", train, "--json")
    assert json.loads(done.stdout) == first


@pytest.mark.parametrize("archetype", [f"A{n}" for n in range(1, 10)])
def test_dials_may_be_turned_to_their_ends_and_no_further(archetype: str) -> None:
    cohort = {"name": "mine", "archetype": archetype, "tier": "overt", "accounts": 20}
    allowed = rules.allowed(archetype)
    turned = {d: ends for d, ends in allowed.items() if ends[0] < ends[1] and d != "size"}
    assert {"rate", "synchrony", "camouflage"} <= turned.keys()
    for side in (0, 1):
        dials = {d: ends[side] for d, ends in turned.items()}
        assert rules.plan({"cohorts": [cohort | {"dials": dials}]}, "mine").cohorts
        beyond = {d: ends[side] + (side - 0.5) * (ends[1] - ends[0]) for d, ends in turned.items()}
        with pytest.raises(UserError) as told:
            rules.plan({"cohorts": [cohort | {"dials": beyond}]}, "mine")
        assert str(told.value).startswith(f"mine: {len(turned)} faults")
        assert not [d for d in turned if f"dials.{d}: " not in str(told.value)]


def test_all_faults_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    dials = "dials = { synchrony = 0.99, camouflage = 7, colour = 1 }\n"
    file.write_text("days = 3\ncampaigns = 2\n" + RECKLESS.replace("40", "73") + dials)
    done = call("duel", file, "volume")
    assert (done.exit_code, done.stdout) == (2, "")
    (sentence,) = done.stderr.strip().splitlines()
    for said in (
        "days: belongs to the world",
        "campaigns: 2 must be 0",
        "73 accounts are more than the 72",
        "cohorts[0].dials.synchrony: 0.99 is outside 0.15 to 0.6, which A1 allows",
        "cohorts[0].dials.camouflage: 7 is outside 0 to 1",
        "cohorts[0].dials.colour: no such dial",
    ):
        assert said in sentence


@pytest.mark.parametrize(
    ("text", "detector", "said"),
    [
        (RECKLESS, "xgboost-aggregates --false-positives 0", "false positives: 0.0 is no share"),
        (RECKLESS, "volume --account-usd nan --card-usd -1", "account nan, card -1.0: give dollars"),
        (RECKLESS, "volume --train nowhere", "nowhere"),
        (RECKLESS, "volume --preset huge", "huge"),
        ("", "volume", "cohorts: there are none"),
        (RECKLESS.replace("A1", "B1").replace("overt", ""), "volume", "B1 is no campaign"),
        ("[[cohorts", "volume", "can't be read as TOML"),
        (RECKLESS, "nobody", "no detector 'nobody'"),
        (RECKLESS, "cohort-oracle", "knows part of the truth"),
    ],
)
def test_bad_input_is_one_sentence(text: str, detector: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    done = call("duel", file, *detector.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["mine.toml"]
