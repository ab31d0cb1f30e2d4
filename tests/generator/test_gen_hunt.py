"""The hunt finds what it is for: one planted leak of each kind, and the same numbers without it pass."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from generator.audit.base import labelled_split
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.hunt import (
    account_models,
    binned_features,
    borders,
    group_statistics,
    keys,
    onset,
    relational_rules,
    rules,
)
from generator.audit.hunt.account_features import AccountFeatures
from generator.audit.hunt.hunted_split import DAY, HuntedSplit
from generator.audit.hunt.relational_rules import RuleReach
from generator.dataset import Dataset, Split

ACCOUNTS, DAYS = 1500, 8


def invented(name: str) -> HuntedSplit:
    """A split of accounts without requests: one in fifteen served, in three tiers, by cohorts of ten."""
    at = np.arange(ACCOUNTS)
    positive = at // 10 % 15 == 0
    truth = pl.DataFrame(
        {
            "account_id": [f"acc_{i:06d}" for i in at],
            "label": np.where(positive, "extraction", "benign"),
            "tier": [
                ("overt", "evasive", "adaptive")[i // 150 % 3] if p else None
                for i, p in zip(at, positive, strict=True)
            ],
            "archetype": ["A1"] * ACCOUNTS,
            "cohort": [f"c{i // 10}" for i in at],
            "served": positive,
        }
    )
    return HuntedSplit(LabelledSplit(Split(name, datetime(2026, 1, 5, tzinfo=UTC), DAYS, {}, masked=False), truth))


SPLITS = tuple(invented(name) for name in ("train", "validation", "test"))


def described(leak: str) -> list[AccountFeatures]:
    """Thirty features of chance, a third of them with a clock; a leak is one of them."""
    worlds = []
    for seed, split in enumerate(SPLITS):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(ACCOUNTS, 30))
        if leak == "debut":
            x[split.labelled.hidden, 25] += 2.5
        if leak == "middle":
            x[split.labelled.hidden, 7] = rng.normal(0, 0.03, split.labelled.hidden.sum())
        names = tuple(f"x{i}" for i in range(30))
        worlds.append(AccountFeatures(split, names, x.astype(np.float32), np.arange(30) >= 20))
    return worlds


@pytest.fixture(scope="module")
def clean_models() -> list[account_models.ModelReach]:
    return account_models.reached(described(""))


def test_a_planted_debut_fails_both_gates_of_the_models(clean_models: list[account_models.ModelReach]) -> None:
    assert all(gate.passed for gate in account_models.gates(clean_models)), account_models.gates(clean_models)
    models = account_models.reached(described("debut"))
    lift, added = account_models.gates(models)
    assert not lift.passed, lift
    assert not added.passed, added
    assert models[0].gains[0][0] == "x25"


def test_what_tells_without_a_clock_is_not_laid_to_onset() -> None:
    """A habit that both models see: accounts alone tell, and debuts add nothing."""
    lift, added = account_models.gates(account_models.reached(described("middle")))
    assert not lift.passed, lift
    assert added.passed, added


def test_a_planted_middle_is_found_by_bins_and_not_by_order() -> None:
    assert binned_features.gate(binned_features.lifts(described(""))).passed
    found = binned_features.gate(binned_features.lifts(described("middle")))
    assert not found.passed
    assert found.where.startswith("x7 ")
    for world in described("middle"):
        x = world.values[:, 7].astype(float)
        chance = world.split.labelled.hidden[world.judged].mean()
        assert max(world.split.hidden_ap(x), world.split.hidden_ap(-x)) < 3 * chance


def with_visits(leak: bool) -> list[HuntedSplit]:
    """Requests at random moments; the leak lets hidden accounts begin with the window."""
    worlds = []
    for seed, split in enumerate(SPLITS):
        rng = np.random.default_rng(seed)
        row = np.repeat(np.arange(ACCOUNTS), rng.integers(2, 30, ACCOUNTS))
        at = rng.integers(0, DAYS * 86_400, len(row))
        if leak:
            first = np.unique(row, return_index=True)[1]
            at[first[split.labelled.hidden]] = rng.integers(0, 3600, split.labelled.hidden.sum())
        fresh = HuntedSplit(split.labelled)
        visits = pl.DataFrame({"row": row, "at": at, "fresh": True}, schema_overrides={"row": pl.UInt32})
        fresh.__dict__["visits"] = [visits]  # a cached property: nothing is read
        worlds.append(fresh)
    return worlds


def test_a_campaign_that_begins_with_the_window_piles_up_at_its_border() -> None:
    assert borders.gate(with_visits(False)).passed
    found = borders.gate(with_visits(True))
    assert not found.passed
    assert "first request" in found.where.split(",")[0] or "first day" in found.where.split(",")[0]


def holdings(leak: bool, seed: int, split: HuntedSplit) -> pl.DataFrame:
    """Every account holds a value of its own company, and one in two a common one; campaigns share a late one."""
    rng = np.random.default_rng(seed)
    began = rng.uniform(0, 1, ACCOUNTS)
    frame = {
        "key": np.arange(ACCOUNTS) // 3,
        "row": np.arange(ACCOUNTS),
        "requests": rng.integers(5, 50, ACCOUNTS),
        "first": began,
        "last": rng.uniform(6, 8, ACCOUNTS),
        "days": rng.integers(1, 8, ACCOUNTS),
        "fresh": rng.uniform(0.5, 1, ACCOUNTS),
    }
    if leak:
        members = np.flatnonzero(split.labelled.extraction)
        frame["key"][members] = 100_000 + members // 10
        frame["first"][members] = rng.uniform(3, 5, len(members))
        frame["fresh"][members] = 1.0
    return pl.DataFrame(frame).with_columns(pl.col("row", "key").cast(pl.UInt32)).sort("row", "key")


def of_members(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed + 100)
    drawn = {name: rng.integers(0, 40, ACCOUNTS) for name in (*group_statistics.MAIN, "plan", "email_domain")}
    own = {
        "all": 100,
        "began": rng.uniform(0, 1, ACCOUNTS),
        "ended": 8.0,
        "created": rng.uniform(-300, 0, ACCOUNTS),
    }
    return pl.DataFrame({"row": np.arange(ACCOUNTS), **own, **drawn}).with_columns(pl.col("row").cast(pl.UInt32))


def reach(leak: bool, monkeypatch: pytest.MonkeyPatch) -> list[RuleReach]:
    number = {split.name: i for i, split in enumerate(SPLITS)}
    monkeypatch.setattr(keys, "KEYS", ("system_prompt_hash",))
    monkeypatch.setattr(keys, "holdings", lambda s, key: holdings(leak, number[s.name], s))
    monkeypatch.setattr(group_statistics, "members", lambda s: of_members(number[s.name]))
    return relational_rules.reached(SPLITS)


def test_the_reviewed_rule_and_the_search_find_a_late_shared_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reach(True, monkeypatch)
    by_kind = {r.trained: r for r in found}
    assert by_kind[False].judged > 0.9  # nobody trained it
    assert by_kind[True].judged > 0.9
    gate = relational_rules.gate(found)
    assert not gate.passed
    assert gate.where.split(" ")[1].startswith("system_prompt_hash")


def test_without_the_late_prompt_no_rule_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reach(False, monkeypatch)
    assert relational_rules.gate(found).passed


def test_the_histogram_of_the_search_ranks_as_the_library_does() -> None:
    rng = np.random.default_rng(0)
    classes = rng.choice(3, 800, p=[0.9, 0.05, 0.05])
    worst = (np.round(rng.random((800, 4)) * 40) / 40).astype(np.float32)
    worst[classes > 0, 1] += np.float32(0.0)
    aps = rules._mean_aps(worst, classes, np.array([5, 1, 0]), 1)
    for k, ap in enumerate(aps):
        expected = []
        for tier, without in ((1, 1), (2, 0)):
            judged = (classes == 0) | (classes == tier)
            y = np.r_[classes[judged] == tier, np.zeros(5), np.ones(without)]
            expected.append(average_precision_score(y, np.r_[worst[judged, k], np.full(5 + without, 0.0)]))
        assert ap == pytest.approx(np.mean(expected), abs=1e-6)


def test_statistics_of_a_group_by_hand() -> None:
    held = pl.DataFrame(
        {
            "key": [1, 1],
            "row": [0, 1],
            "requests": [10, 30],
            "first": [2.0, 3.0],
            "last": [4.0, 7.0],
            "days": [1, 2],
            "fresh": [1.0, 0.5],
        },
        schema_overrides={"row": pl.UInt32},
    )
    own = {name: [7, 7] for name in (*group_statistics.MAIN, "plan")}
    about = {"row": [0, 1], "all": [40, 30], "began": [0.0, 3.0], "ended": [8.0, 7.0], "created": [-10.0, -30.0]}
    members = pl.DataFrame({**about, **own, "email_domain": [1, 2]}, schema_overrides={"row": pl.UInt32})
    values = group_statistics.described(held, members)
    first = dict(zip(group_statistics.STATISTICS, values[0].tolist(), strict=True))
    assert first["size"] == 1  # log2 of two members
    assert (first["first day"], first["last day"], first["persistence"]) == (2, 7, 5)
    assert first["uniqueness of prompts"] == pytest.approx((10 + 15) / 40)
    assert first["share of the member's traffic"] == 0.25
    assert first["members active before its first day"] == 0.5
    assert (first["countries of members"], first["domains of members"]) == (0.5, 1)
    assert first["age of members"] == 20


def test_holdings_agree_with_polars_for_every_kind_of_key(tiny: Dataset) -> None:
    split = labelled_split.labelled_splits(tiny)[0]
    hunted = HuntedSplit(split)
    for key in ("tls_fingerprint", "email_domain", keys.ECHOES):
        held = keys.holdings(hunted, key)
        assert (held.group_by("key").len()["len"] > 1).all(), key
        assert held["row"].is_sorted()
    rows = tiny.train.requests.polars().select(pl.col("account_id").cast(pl.String), "tls_fingerprint").collect()
    expected = rows.group_by("tls_fingerprint", "account_id").len().filter(pl.len().over("tls_fingerprint") > 1)
    held = keys.holdings(hunted, "tls_fingerprint")
    assert len(held) == len(expected)
    assert held["requests"].sum() == expected["len"].sum()


def test_values_that_tie_for_the_main_one_are_taken_in_one_order() -> None:
    """Groups come in any order: forty accounts hold two values as often, from the same moment, unequally long."""
    rows = [(row, at, value) for row in range(40) for value, end in ((1, 2.0), (2, 3.0)) for at in (0.0, end)]
    frame = pl.DataFrame(rows, schema={"row": pl.UInt32, "at": pl.Float64, "value": pl.Int64}, orient="row")
    frame = frame.select(
        "row", pl.col("at") * DAY, *(pl.col("value").alias(f"held {name}") for name in onset.HELD)
    )
    described = onset._of_bucket(frame, days=7)
    last = [c for c in described.columns if c.endswith("main one last seen, day")]
    assert len(last) == len(onset.HELD)
    assert described.select(last).unique().rows() == [(2.0,) * len(last)]
