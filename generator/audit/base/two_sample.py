"""Two-sample comparisons: does a column that must not tell differ between extraction accounts and benign ones?

The statistic is the deviation of the ROC AUC from one half, which is the Mann-Whitney statistic over the number of
pairs (Mann and Whitney, 1947; ties at mid-ranks). Its standard error is the one under equal distributions, widened
by Kish's design effect (Kish, Survey Sampling, 1965) where members of a cohort are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I64, Mask


@dataclass(frozen=True)
class Comparison:
    """One column compared in one split.

    Attributes
    ----------
    trace : str
        What was compared, such as "request_id bit 3".
    split : str
        Where.
    deviation : float
        ROC AUC - 0.5: above 0 where extraction accounts have the larger values.
    standard_error : float
        Standard deviation of the AUC if the label were dealt out to the units (or cohorts) at random.
    """

    trace: str
    split: str
    deviation: float
    standard_error: float


def compare_ranks(
    trace: str, split: str, positive: Mask, score: npt.NDArray[Any], cohort: I64 | None = None
) -> Comparison | None:
    """Compare a column of numbers.

    Parameters
    ----------
    trace, split : str
        What is compared, and where.
    positive : ndarray of bool, shape (rows,)
        Class of each row.
    score : ndarray, shape (rows,)
        The column; rows with NaN are left out.
    cohort : ndarray of int, shape (rows,), optional
        Members of a cohort may be alike: their correlation inside the classes widens the standard error.

    Returns
    -------
    Comparison or None
        None where a class has no row.
    """
    known = ~np.isnan(score)
    y, group = positive[known], None if cohort is None else cohort[known]
    if y.all() or not y.any():
        return None
    u = _mid_ranks(score[known])
    deviation = float(u[y].mean() - u[~y].mean()) / len(u)
    u = (u - u.mean()) / len(u)
    variance = float((u**2).mean())
    squared_error = 0.0
    for side in (y, ~y):
        squared_error += variance * _design_effect(u[side], None if group is None else group[side]) / side.sum()
    return Comparison(trace, split, deviation, float(np.sqrt(squared_error)))


def compare_shares(trace: str, split: str, ones: tuple[int, int], units: tuple[int, int]) -> Comparison | None:
    """Compare a binary column of independent units.

    Parameters
    ----------
    trace, split : str
        What is compared, and where.
    ones : (int, int)
        Units with a one, among positives and among negatives.
    units : (int, int)
        All units, among positives and among negatives.

    Returns
    -------
    Comparison or None
        None where a class has no unit.
    """
    if not all(units):
        return None
    share = sum(ones) / sum(units)
    standard_error = 0.5 * np.sqrt(share * (1 - share) * (1 / units[0] + 1 / units[1]))
    return Comparison(trace, split, (ones[0] / units[0] - ones[1] / units[1]) / 2, float(standard_error))


def compare_counts(
    trace: str, split: str, counts: F64, positive: Mask, repeats: Sequence[float] = (1, 1)
) -> Comparison | None:
    """Compare rows that were counted.

    Parameters
    ----------
    trace, split : str
        What is compared, and where.
    counts : ndarray, shape (groups, codes)
        Rows per group (of one class each) and value; rows of a group may be alike.
    positive : ndarray of bool, shape (groups,)
        Class of each group.
    repeats : pair of float
        How many rows of positives and of negatives one draw stands for: where a group sends one value over and
        over, its code was drawn once.

    Returns
    -------
    Comparison or None
        None where a class has no row.
    """
    total = counts.sum(axis=0)
    n = total.sum()
    u = (np.cumsum(total) - total / 2) / max(n, 1)
    means, squared_error = [], 0.0
    for side, repeated in zip((positive, ~positive), repeats, strict=True):
        inside = counts[side]
        size = inside.sum()
        if size == 0:
            return None
        mean = (inside @ u).sum() / size
        square = float((inside @ (u - mean) ** 2).sum())
        sums = inside @ (u - mean)
        rows = inside.sum(axis=1)
        pairs = float((rows * (rows - 1)).sum())
        correlation = 0.0 if square <= 0 or pairs <= 0 else ((sums**2).sum() - square) / pairs / (square / size)
        means.append(mean)
        # One group that rules its class is its own mean: how alike its rows are shows in what it repeats alone.
        squared_error += max(1 + min(1.0, max(0.0, correlation)) * pairs / size, repeated) / size
    variance = float(total @ (u - 0.5) ** 2) / n
    return Comparison(trace, split, float(means[0] - means[1]), float(np.sqrt(variance * squared_error)))


def _mid_ranks(score: npt.NDArray[Any]) -> F64:
    _, back, counts = np.unique(score, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[back]


def _design_effect(u: F64, group: I64 | None) -> float:
    """How many times the variance of a mean grows because members of a group are alike."""
    if group is None or len(u) < 2:
        return 1.0
    _, back, sizes = np.unique(group, return_inverse=True, return_counts=True)
    d = u - u.mean()
    total = float((d**2).mean())
    pairs = float((sizes * (sizes - 1)).sum())
    if total <= 0 or pairs == 0:
        return 1.0
    inside = float((np.bincount(back, d) ** 2).sum() - (d**2).sum())
    correlation = min(1.0, max(0.0, inside / pairs / total))
    return 1 + correlation * pairs / len(u)
