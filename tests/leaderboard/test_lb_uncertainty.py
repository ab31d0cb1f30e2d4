"""Resampling: whole groups, within strata, the same draws for every entry."""

from __future__ import annotations

import numpy as np
import pytest

from generator.arrays import F64
from leaderboard.metrics import resampling

STRATUM = np.array([0, 0, 1, 1, 1])  # groups 0, 1 | 2, 3, 4


def drawn(resamples: int, digest: str = "d") -> F64:
    return resampling.Draws(STRATUM, digest, resamples).weights(0, resamples)


def test_strata_keep_their_size() -> None:
    w = drawn(200)
    assert w.shape == (5, 200)
    assert (w[:2].sum(axis=0) == 2).all()
    assert (w[2:].sum(axis=0) == 3).all()
    assert w.mean(axis=1) == pytest.approx([1] * 5, abs=0.25)


def test_a_resample_depends_on_dataset_and_number_only() -> None:
    assert (drawn(120)[:, :73] == drawn(73)).all()
    assert (drawn(50) != drawn(50, "e")).any()


def test_measures_of_all_resamples_in_their_order() -> None:
    draws = resampling.Draws(STRATUM, "d", 300)
    got = draws.measure(lambda w: {"first": w[0], "sum": w.sum(axis=0)}, cells=10**6)
    assert (got["first"] == drawn(300)[0]).all()
    assert (got["sum"] == 5).all()


def test_an_interval_leaves_out_what_could_not_be_measured() -> None:
    assert resampling.interval(np.array([np.nan, 0.5, np.nan, 0.5])) == (0.5, 0.5)
    assert resampling.interval(np.array([np.nan])) == (0.0, 1.0)


def test_interval() -> None:
    assert resampling.interval(np.arange(1001.0)) == (25.0, 975.0)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6], True),  # overlapping, yet always ahead
        ([0.5, 0.6, 0.7], [0.6, 0.5, 0.6], False),
        ([0.5, 0.6], [0.5, 0.6], False),
        ([0.4, 0.5], [0.5, 0.6], True),
    ],
)
def test_differences_are_paired(a: list[float], b: list[float], expected: bool) -> None:
    assert resampling.differs(np.array(a), np.array(b)) is expected
