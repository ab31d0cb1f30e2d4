"""The oracle of true cohorts: what it is told, what it is not, and that pooling finds a planted campaign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from baselines.base import detector
from baselines.detectors.upper_bounds import all_but_one_oracle, cohort_numbers, cohort_oracle
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


def test_all_but_one_judges_a_cohort_without_its_own_label(train: Split, target: Split) -> None:
    theirs = pl.col("cohort").cast(pl.String) == "c0"
    label = pl.when(theirs).then(pl.lit("grey")).otherwise(pl.col("label").cast(pl.String)).alias("label")
    frame = target.labels.polars().with_columns(label, served=pl.col("served") & ~theirs)
    table = Table("account_labels", [frame], target.labels.columns)
    hidden = replace(target, tables={**target.tables, "account_labels": table})
    members = target.labels.polars().filter(theirs).collect()["account_id"].cast(pl.String)
    known, unknown = (
        all_but_one_oracle.score_each([train, split], [1], 0)[0].sort("account_id") for split in (target, hidden)
    )
    own = known["account_id"].cast(pl.String).is_in(members.implode())
    assert known.filter(own)["score"].to_list() == unknown.filter(own)["score"].to_list()
    assert known.filter(~own)["score"].to_list() != unknown.filter(~own)["score"].to_list()


def test_it_is_shown_nothing_of_the_truth_but_cohorts(target: Split) -> None:
    shown = cohort_numbers.with_cohort_numbers(target)
    assert shown.labels.columns == ("account_id", "cohort")
    assert set(shown.labels.polars().collect().columns) == {"account_id", "cohort"}
    with pytest.raises(MaskedLabelsError):
        _ = shown.request_labels


def test_parts_are_of_one_cohort_and_of_every_size() -> None:
    cohort = np.repeat([0, 1, 2], [12, 5, 1])
    parts = list(cohort_oracle._parts(cohort, np.array([60, 3, 1]), np.random.default_rng(0)))
    assert len(parts) == 60
    assert parts[0].tolist() == cohort.tolist()
    sizes = [np.bincount(label) for label in parts]
    groups = [
        cohort[label == g] for label, size in zip(parts, sizes, strict=True) for g in np.flatnonzero(size > 1)
    ]
    assert all(len(set(members)) == 1 for members in groups)
    assert {len(g) for g in groups if g[0] == 0} == set(range(2, 13))
    assert sum(g[0] == 1 for g in groups) == 3
