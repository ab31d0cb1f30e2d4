"""Intervals: whole groups left out within strata, the same folds for every entry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from generator.arrays import F64, Integers
from leaderboard.metrics.resampling import Folds
from leaderboard.records import estimate
from leaderboard.records.estimate import AMOUNT, Estimate

STRATUM = np.array([0, 0, 1, 1, 1, 2])  # groups 0, 1 | 2, 3, 4 | 5, alone


def weights(most: int = 48, digest: str = "d", stratum: Integers = STRATUM) -> F64:
    folds = Folds(stratum, digest, most)
    return folds.weights(0, sum(folds.strata))


def test_each_group_is_left_out_once_and_strata_keep_their_weight() -> None:
    w = weights()
    assert Folds(STRATUM, "d").strata == (2, 3)
    assert ((w == 0).sum(axis=1) == [1, 1, 1, 1, 1, 0]).all()
    for s, size in enumerate((2, 3, 1)):
        assert w[s == STRATUM].sum(axis=0) == pytest.approx(size)


def test_many_groups_share_folds_that_depend_on_the_dataset_alone() -> None:
    many = np.zeros(100, np.int64)
    w = weights(8, stratum=many)
    assert w.shape == (100, 8)
    assert set((w == 0).sum(axis=0)) == {12, 13}
    assert w.sum(axis=0) == pytest.approx(100)
    assert (w == weights(8, stratum=many)).all()
    assert (w != weights(8, "e", many)).any()


def test_measures_of_all_replicates_in_their_order() -> None:
    got = Folds(STRATUM, "d").measure(lambda w: {"first": w[0], "sum": w.sum(axis=0)}, cells=10**7)
    assert (got["first"] == weights()[0]).all()
    assert got["sum"] == pytest.approx(6)


def test_where_nothing_can_be_left_out_there_are_no_replicates() -> None:
    alone = Folds(np.arange(3), "d").measure(lambda w: {"sum": w.sum(axis=0)})["sum"]
    assert alone.shape == (0,)
    assert Estimate(0.5, alone, ()).interval() == (0.5, 0.5)


def test_a_mean_has_the_textbook_interval() -> None:
    x = np.random.default_rng(1).normal(5, 1, 12)
    without = (x.sum() - x) / 11
    difference = Estimate(x.mean(), without, (12,)) - Estimate(0.0, np.zeros(12), (12,))
    assert difference.interval() == pytest.approx(stats.t.interval(0.95, 11, x.mean(), stats.sem(x)))


def test_an_interval_stays_in_its_range() -> None:
    swing = np.array([-0.05, 0.05, 0.0])
    low, high = Estimate(0.95, 0.95 + swing, (3,)).interval()
    assert 0 < low < 0.95 < high < 1
    low, high = Estimate(20.0, 20 + 200 * swing, (3,)).interval(AMOUNT)
    assert 0 < low < 20 < high < math.inf


def test_an_interval_leaves_out_what_could_not_be_measured() -> None:
    some, all_ = (Estimate(0.5, np.array(x), (len(x),)) for x in ([np.nan, 0.4, 0.6, np.nan], [0.4, 0.6]))
    assert some.interval() == all_.interval()
    assert Estimate(0.5, np.array([np.nan, np.nan]), (2,)).interval() == (0.5, 0.5)


def test_differences_are_paired() -> None:
    swing = np.array([-0.1, 0.0, 0.1])
    ahead, behind = Estimate(0.6, 0.6 + swing, (3,)), Estimate(0.5, 0.5 + swing, (3,))
    assert ahead.interval()[0] < behind.interval()[1]  # they overlap, yet one is always ahead
    assert (ahead - behind).interval() == pytest.approx((0.1, 0.1))


def test_a_series_joins_the_campaigns_of_its_seeds() -> None:
    rng = np.random.default_rng(2)
    seeds = [Estimate(v, v + rng.normal(0, 0.05, 10), (4, 6)) for v in (0.4, 0.6)]
    both = estimate.mean(seeds)
    assert (both.value, both.strata) == (0.5, (4, 6, 4, 6))
    assert both.spread[0] == pytest.approx(math.hypot(*(e.spread[0] for e in seeds)) / 2)
    assert both.spread[1] > max(e.spread[1] for e in seeds)
