"""The oracle of true cohorts: what it is told, what it is not, and that pooling finds a planted campaign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from baselines.base import detector
from baselines.detectors.upper_bounds import cohort_numbers, cohort_oracle
from baselines.graph import group_pooling, links
from baselines.registry import DETECTORS, UPPER_BOUNDS
from generator.dataset import Split, Table
from generator.errors import MaskedLabelsError


@pytest.fixture(scope="module")
def scores(train: Split, target: Split) -> pl.DataFrame:
    return cohort_numbers.run_cohort_oracle([train], target).predictions


def renamed(split: Split, name: pl.Expr) -> Split:
    """The split with its cohorts called otherwise."""
    labels = split.labels.polars().with_columns(name.alias("cohort"))
    table = Table("account_labels", [labels], split.labels.columns)
    return replace(split, tables={**split.tables, "account_labels": table})


def test_upper_bounds_stand_on_no_board() -> None:
    assert not set(UPPER_BOUNDS) & set(DETECTORS)
    assert all(d.upper_bound for d in UPPER_BOUNDS.values())
    assert not any(d.upper_bound for d in DETECTORS.values())


def test_planted_campaigns_score_higher_than_every_benign_cohort(scores: pl.DataFrame, target: Split) -> None:
    truth = target.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    by_label = (
        scores.join(truth, on="account_id").group_by("label").agg(pl.col("score").min(), high=pl.max("score"))
    )
    found = {label: (low, high) for label, low, high in by_label.iter_rows()}
    assert found["extraction"][0] > found["benign"][1]


def test_each_model_learns_from_whole_traits(train: Split) -> None:
    oracle = cohort_oracle.CohortOracle(models=6)
    oracle.fit(train.restrict(oracle.fields))
    trait = np.array([cohort_oracle._trait(name) for name in oracle._columns])
    seen = [set(trait[columns]) for columns, _ in oracle._fitted]
    assert all(
        set(columns) == set(np.flatnonzero(np.isin(trait, list(s))))
        for (columns, _), s in zip(oracle._fitted, seen, strict=True)
    )
    assert {len(s) for s in seen} == {-(-len(set(trait)) // 2)}
    assert len(set(map(frozenset, seen))) == 6
    assert {"requests", "model", "domain"} <= set.union(*seen)


def test_members_of_a_cohort_share_their_score(scores: pl.DataFrame, target: Split) -> None:
    shown = cohort_oracle.shown_cohorts(target).labels
    truth = shown.polars().select(pl.col("account_id", "cohort").cast(pl.String)).collect()
    assert (
        scores.join(truth, on="account_id").group_by("cohort").agg(pl.col("score").n_unique())["score"].max() == 1
    )
    assert len(scores) == len(detector.accounts(target))


def test_an_account_that_did_none_of_its_cohorts_work_is_a_cohort_of_one(target: Split) -> None:
    labels = (
        target.labels.polars().select(pl.col("account_id", "cohort").cast(pl.String)).sort("account_id").collect()
    )
    idle, busy = labels.filter(pl.col("cohort") == "c0")["account_id"].to_list()[:2]
    work = pl.when(pl.col("account_id").cast(pl.String) == idle).then(0).otherwise(5)
    frame = target.labels.polars().with_columns(cohort_requests=work)
    table = Table("account_labels", [frame], target.labels.columns)
    told = cohort_numbers.with_cohort_numbers(replace(target, tables={**target.tables, "account_labels": table}))
    number = dict(told.labels.polars().collect().iter_rows())
    sizes = labels["cohort"].value_counts()
    assert list(number.values()).count(number[idle]) == 1
    assert list(number.values()).count(number[busy]) == dict(sizes.iter_rows())["c0"] - 1


def test_names_of_cohorts_tell_nothing(scores: pl.DataFrame, train: Split, target: Split) -> None:
    other = renamed(target, pl.concat_str(pl.lit("z"), pl.col("cohort").cast(pl.String).str.reverse()))
    again = cohort_numbers.run_cohort_oracle([train], other).predictions
    assert np.allclose(again["score"], scores["score"])


def test_it_is_shown_nothing_of_the_truth_but_cohorts(target: Split) -> None:
    shown = cohort_numbers.with_cohort_numbers(target)
    assert shown.labels.columns == ("account_id", "cohort")
    assert set(shown.labels.polars().collect().columns) == {"account_id", "cohort"}
    with pytest.raises(MaskedLabelsError):
        _ = shown.request_labels


def test_hand_worked_pools(train: Split) -> None:
    """Three accounts with a payment instrument of their own against three strangers."""
    world = group_pooling.prepare(train)
    held = dict(zip([link.name for link in links.LINKS], world.incidences, strict=True))["payment"]
    key = int(np.argmax(np.asarray(held.sum(axis=0))))
    same = np.flatnonzero(held[:, [key]].toarray()[:, 0])[:3]
    strangers = np.flatnonzero(np.asarray(held.sum(axis=1)) == 0)[:3]
    index = (np.repeat([0, 1], 3), np.r_[same, strangers])
    members = sparse.csr_array((np.ones(6), index), shape=(2, len(world.ids)))
    pooled = group_pooling.pool(world, members)
    assert pooled["size"].tolist() == [np.log(3)] * 2
    assert pooled["payment top"].tolist() == [1, 0]
    assert pooled["payment pairs"].tolist() == [pytest.approx(np.log(2)), 0]
    k = world.names.index("requests")
    assert pooled["mean requests"][0] == pytest.approx(world.values[same, k].mean())
    assert pooled["spread requests"][0] == pytest.approx(world.values[same, k].std(ddof=1))
