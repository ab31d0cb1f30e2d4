"""Measures of a ranking, quick enough for a thousand columns.

Ties are one block, entered at once: a constant gets exactly chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, Mask


def blocks(positive: Mask, score: npt.NDArray[Any]) -> tuple[F64, F64, bool]:
    """Count positives and negatives per distinct score, lowest first.

    Parameters
    ----------
    positive : ndarray of bool, shape (rows,)
        Class of each row.
    score : ndarray, shape (rows,)
        Scores; NaN is a value of its own.

    Returns
    -------
    positives, negatives : ndarray of float64, shape (distinct scores,)
        Rows of each block; those with NaN, if there are any, are the last one.
    missing : bool
        Whether there are any.

    Examples
    --------
    >>> positives, negatives, missing = blocks(np.array([True, False, False]), np.array([2.0, 1.0, 2.0]))
    >>> positives.tolist(), negatives.tolist(), missing
    ([0.0, 1.0], [1.0, 1.0], False)
    """
    order = np.argsort(score)  # NaN last; the order inside a block says nothing
    ordered = score[order]
    missing = int(np.isnan(ordered).sum()) if ordered.dtype.kind == "f" else 0
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if missing:
        starts = starts[starts <= len(ordered) - missing]
    p = np.add.reduceat(positive[order].astype(np.float64), starts)
    return p, np.diff(np.r_[starts, len(ordered)]) - p, missing > 0


def average_precision(p: F64, n: F64) -> float:
    """Average precision of blocks; equals scikit-learn's.

    Parameters
    ----------
    p, n : ndarray of float64, shape (blocks,)
        Positives and negatives of each block, best first.

    Examples
    --------
    >>> average_precision(np.array([1.0, 1.0]), np.array([0.0, 2.0]))
    0.75
    """
    above = np.cumsum(p)
    return float((p / p.sum() * above / np.maximum(above + np.cumsum(n), 1e-300)).sum())


def lifts(p: F64, n: F64, missing: bool) -> tuple[float, float]:
    """Average precision over prevalence, of "higher is worse" and of "lower is worse".

    Parameters
    ----------
    p, n : ndarray of float64, shape (blocks,)
        Positives and negatives of each block, lowest score first.
    missing : bool
        Whether the last block has no score: it comes last both ways.

    Returns
    -------
    (float, float)
        1 is chance.
    """
    prevalence = p.sum() / (p.sum() + n.sum())
    last = slice(len(p) - 1, None) if missing else slice(len(p), None)
    rest = slice(0, len(p) - 1) if missing else slice(0, None)
    both = []
    for step in (-1, 1):
        q, m = (np.r_[x[rest][::step], x[last]] for x in (p, n))
        both.append(average_precision(q, m) / prevalence)
    return both[0], both[1]


def recall(positive: Mask, score: npt.NDArray[Any], fpr: float) -> float:
    """Share of positives above the threshold that a share of the negatives passes; linear inside a block.

    Parameters
    ----------
    positive : ndarray of bool, shape (rows,)
        Class of each row.
    score : ndarray, shape (rows,)
        Higher is worse.
    fpr : float
        Share of the negatives that may pass, 0 to 1.
    """
    p, n, _ = blocks(positive, score)
    p, n = np.r_[0, np.cumsum(p[::-1])], np.r_[0, np.cumsum(n[::-1])]
    at = n[-1] * fpr
    last = int((n <= at).sum()) - 1
    if last == len(n) - 1:
        return 1.0
    share = (at - n[last]) / (n[last + 1] - n[last])
    return float((p[last] + share * (p[last + 1] - p[last])) / p[-1])
