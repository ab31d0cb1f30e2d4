"""Resampling: whole groups, within strata, the same draws for every entry."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard import uncertainty

GROUP = np.array([0, 0, 1, 2, 2, 2, 3, 4])
STRATUM = np.array([0, 0, 0, 1, 1, 1, 1, 1])  # groups 0, 1 | 2, 3, 4


def drawn(resamples: int, digest: str = "d") -> uncertainty.F64:
    return np.concatenate(list(uncertainty.weights(GROUP, STRATUM, digest, resamples)))


def test_groups_stay_whole_and_strata_keep_their_size() -> None:
    w = drawn(200)
    assert w.shape == (200, 8)
    assert (w[:, 0] == w[:, 1]).all()
    assert (w[:, 3] == w[:, 4]).all()
    one_each = w[:, [0, 2, 3, 6, 7]]  # one row of each group
    assert (one_each[:, :2].sum(axis=1) == 2).all()
    assert (one_each[:, 2:].sum(axis=1) == 3).all()
    assert one_each.mean(axis=0) == pytest.approx([1] * 5, abs=0.25)


def test_a_resample_depends_on_dataset_and_number_only() -> None:
    assert (drawn(120)[:73] == drawn(73)).all()
    assert (drawn(50) != drawn(50, "e")).any()


def test_interval() -> None:
    assert uncertainty.interval(np.arange(1001.0)) == (25.0, 975.0)


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
    assert uncertainty.differs(np.array(a), np.array(b)) is expected
