"""Another hand: the same physics and the same promises, by other laws, and a config that names whose they are."""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.audit import structure
from generator.audit.physics import invariants
from generator.config import dataset_config, hands
from generator.config.archetypes import archetypes
from generator.config.dataset_config import Config
from generator.config.parameters import CHOICES
from generator.dataset import Dataset, load
from generator.errors import UserError
from generator.hands import conduct, dispatcher, exits, inventory, organisations
from generator.pipeline import arrow_tables, generate
from generator.population import cohorts
from generator.population.accounts import Accounts, draw_accounts
from generator.population.population_plan import PopulationPlan
from generator.schema import DAY_MS
from generator.traffic import sessions, simulate

OTHERS = [name for name, hand in hands.HANDS.items() if hand.module]


@pytest.fixture(scope="module")
def config(tiny_config: Config) -> Config:
    return replace(tiny_config, hand="second")


@pytest.fixture(scope="module")
def made(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(generate.generate(config, Path(tmp_path_factory.mktemp("second")) / "data"))


@pytest.fixture(scope="module")
def people(config: Config) -> tuple[PopulationPlan, Accounts]:
    plan = cohorts.build_plan(config, "train")
    return plan, draw_accounts(plan, np.arange(len(plan.account_key)))


def _public(plan: PopulationPlan) -> pl.DataFrame:
    frames = [
        pl.DataFrame(table)
        for bucket in range(plan.config.buckets)
        for _, table in arrow_tables.requests(plan, simulate.simulate(plan, bucket))
    ]
    frame = pl.concat(frames, how="vertical_relaxed")
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).sort("request_id")


def test_an_unknown_hand_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match=r"hand: 'secnd' is none of first, second") as told:
        dataset_config.from_dict(dataset_config.preset("nano") | {"seed": 1, "hand": "secnd"}, "mine.toml")
    assert "mine.toml" in str(told.value)
    with pytest.raises(UserError, match="hand: 2 is none of"):
        dataset_config.from_dict(dataset_config.preset("nano") | {"seed": 1, "hand": 2}, "x")


def test_a_file_names_the_hand_and_the_first_goes_unnamed(tmp_path: Path) -> None:
    """What was made before there was another keeps the digest of its configuration."""
    file = tmp_path / "mine.toml"
    file.write_text('preset = "nano"\nhand = "second"\n')
    second, first = dataset_config.from_file(file), dataset_config.from_preset("nano")
    assert (second.hand, first.hand) == ("second", "first")
    assert second.as_dict()["hand"] == "second"
    assert "hand" not in first.as_dict()
    assert dataset_config.from_dict(second.as_dict(), "x") == second
    assert second.digest != first.digest


@pytest.mark.parametrize("name", OTHERS)
def test_laws_of_a_hand_take_what_the_first_ones_take(name: str) -> None:
    module = import_module(hands.HANDS[name].module)
    own = {n: getattr(module, n) for n in hands.LAWS if hasattr(module, n)}
    assert len(own) == len(hands.LAWS) == 11
    for law, function in own.items():
        wanted = inspect.signature(hands.LAWS[law]).parameters
        assert list(inspect.signature(function).parameters) == list(wanted), law


def test_any_number_of_workers_gives_the_same_bytes(made: Dataset, config: Config, tmp_path: Path) -> None:
    other = generate.generate(config, tmp_path / "two", workers=2)
    files = sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(made.path) for p in made.path.rglob("*") if p.is_file())
    assert all((other / f).read_bytes() == (made.path / f).read_bytes() for f in files)


def test_another_hand_makes_another_world_of_the_same_size(made: Dataset, tiny: Dataset) -> None:
    assert made.digest != tiny.digest
    for name, split in made.splits.items():
        other = tiny.splits[name]
        assert set(split.tables) == set(other.tables)
        ids = [s.accounts.polars().collect()["account_id"].cast(pl.String).sort() for s in (split, other)]
        assert ids[0].equals(ids[1])
    shared = [
        name for name in schema.arrow_schema("account_labels").names if not name.endswith(("served", "requests"))
    ]
    truth = [d.train.labels.polars().select(shared).collect().sort("account_id") for d in (made, tiny)]
    assert truth[0].equals(truth[1])  # who belongs to which campaign is no matter of hands


def test_no_law_of_physics_is_broken(made: Dataset) -> None:
    for name, split in made.splits.items():
        for law, tally in zip(invariants.INVARIANTS, invariants.violations(split), strict=True):
            assert tally.violations == 0, (name, law.name, tally.example)


@pytest.mark.slow
def test_no_law_of_physics_is_broken_on_nano(tmp_path: Path) -> None:
    plain = dataset_config.preset("nano") | {"seed": 7, "hand": "second"}
    nano = load(generate.generate(dataset_config.from_dict(plain, "nano"), tmp_path / "nano"))
    for name, split in nano.splits.items():
        for law, tally in zip(invariants.INVARIANTS, invariants.violations(split), strict=True):
            assert tally.violations == 0, (name, law.name, tally.example)


def test_permuted_labels_leave_the_public_bytes_alone(made: Dataset) -> None:
    assert structure.permuted_labels(made).passed


def test_shards_are_the_world_and_more_cohorts_leave_others_alone(all_kinds: Config) -> None:
    kinds = replace(all_kinds, hand="second")
    many = _public(cohorts.build_plan(replace(kinds, buckets=3), "train"))
    assert _public(cohorts.build_plan(replace(kinds, buckets=1), "train")).equals(many)
    fewer = _public(cohorts.build_plan(replace(kinds, cohorts=()), "train"))
    ids = fewer["account_id"].unique()
    assert many.filter(pl.col("account_id").is_in(ids.implode())).equals(fewer)
    assert many.height > fewer.height


def test_the_table_of_conduct_names_what_there_is() -> None:
    table = conduct.document()
    assert set(table["laws"]) - {"default"} <= set(archetypes())
    for laws in table["laws"].values():
        assert len(laws) == 3
        assert set(laws) <= set(conduct.LAWS)
    for name, ranges in table["traits"].items():
        assert set(ranges) == {"plain", *schema.TIERS}, name
        assert all(low <= high for low, high in ranges.values()), name


def test_one_card_is_of_one_stretch_of_a_line(people: tuple[PopulationPlan, Accounts]) -> None:
    """Sharing follows from places on the line, and goes across buyers."""
    plan, accounts = people
    stock = inventory.stock_of(plan, accounts.index)
    card, owned = stock.card(), stock.owned
    assert 0.1 < owned.mean() < 0.5
    assert not owned[
        conduct.follows(plan, accounts.cohort, "organisation") & (plan.sizes[accounts.cohort] > 1)
    ].any()
    frame = pl.DataFrame(
        {
            "card": card[owned],
            "lot": stock.lot[owned],
            "serial": stock.serial[owned],
            "buyer": accounts.cohort[owned],
        }
    )
    shared = frame.group_by("card").agg(
        pl.col("lot").n_unique(), pl.col("serial").max() - pl.col("serial").min(), pl.col("buyer").n_unique()
    )
    assert shared["lot"].to_list() == [1] * shared.height
    assert int(shared["serial"].to_numpy().max()) < 18
    assert int(shared["buyer"].to_numpy().max()) > 1


def test_parts_of_a_ring_take_turns(people: tuple[PopulationPlan, Accounts]) -> None:
    """Members of one part begin in the same waves, and no other part in these."""
    plan, accounts = people
    ring = conduct.whole(plan, accounts.cohort, "ring")
    queues = conduct.follows(plan, accounts.cohort, "queue")
    group = int(np.flatnonzero(queues & (ring > 1))[0])
    cohort, turns = accounts.cohort[group], int(ring[group])
    row = np.flatnonzero(accounts.cohort == cohort).repeat(50)
    at = np.linspace(0, 3, len(row))
    start = dispatcher.lease_starts(plan, accounts, row, at, np.arange(len(row)).astype(np.uint64))
    assert (start >= at * DAY_MS - 1).all()
    lease = DAY_MS / np.floor(1440 / float(conduct.trait(plan, accounts.cohort[row], "lease")[0]))
    assert (start <= (at * DAY_MS) + lease * (turns + 12)).all()
    part = plan.account_member[accounts.index[row]] % turns
    assert len(set(part.tolist())) == turns
    wave = np.floor(start / lease - start[0] / lease + 0.5).astype(np.int64)
    same = [np.bincount((wave - wave.min())[part == p] % turns, minlength=turns) for p in range(turns)]
    favourite = [int(counts.argmax()) for counts in same]  # most begin at their turn, some are late
    assert len(set(favourite)) == turns


def test_an_exit_is_held_by_one_customer_after_another(people: tuple[PopulationPlan, Accounts]) -> None:
    plan, accounts = people
    row = np.arange(len(accounts)).repeat(24)
    hours = np.tile(np.arange(24), len(accounts)) * 3_600_000
    prefix, _, _ = exits.held(plan, accounts, row, hours)
    frame = pl.DataFrame({"prefix": prefix, "account": row})
    assert frame.group_by("account").agg(pl.col("prefix").n_unique())["prefix"].to_numpy().mean() > 3
    assert frame.group_by("prefix").agg(pl.col("account").n_unique())["account"].to_numpy().mean() > 3


def test_people_are_in_their_office_on_working_days_only(people: tuple[PopulationPlan, Accounts]) -> None:
    plan, accounts = people
    size = plan.sizes[accounts.cohort]
    who = np.flatnonzero(conduct.follows(plan, accounts.cohort, "organisation") & (size > 3))
    bits = np.arange(len(who)).astype(np.uint64)
    noon = ((0.5 - accounts.utc_offset[who]) * DAY_MS).astype(np.int64)
    business = CHOICES["asn_type"].index("business")

    def in_office(day: int) -> float:
        return float((organisations.places(plan, accounts, who, bits, noon + day * DAY_MS)[1] == business).mean())

    monday = plan.config.window("train").weekday()
    assert in_office(7 - monday) > 0.1  # a Monday
    assert in_office(5 - monday) == 0  # a Saturday


def test_members_keep_their_day_and_their_window(people: tuple[PopulationPlan, Accounts]) -> None:
    plan, accounts = people
    days = np.arange(-1, plan.config.days)
    counts = sessions.request_counts(plan, accounts, days)
    alone = sessions.request_counts(plan, accounts, days[2:4])
    assert (counts[:, 2:4] == alone).all()  # a day does not depend on which others are asked for
    drawn = sessions.draw_sessions(plan, accounts, counts=counts)
    assert drawn.length.sum() == counts.sum()
    late = drawn.start - drawn.day * DAY_MS
    assert late.min() >= 0
    assert sessions.in_window(plan, accounts, drawn.account[drawn.work], drawn.day[drawn.work]).all()
    assert (accounts.created < plan.config.days - 0.5).all()
    assert (accounts.born >= accounts.created).all()
