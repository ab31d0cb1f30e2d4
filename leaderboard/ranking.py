"""Metrics of a ranking, weighted and vectorised over resamples.

Tie rule, for every metric: accounts with equal scores are one block, entered at once. A threshold inside a block
flags each of its members with the same probability. So a constant scorer gets exactly chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Positives and negatives at or above each distinct score, best first.

    Attributes
    ----------
    positives, negatives : ndarray of float64, shape (resamples, blocks)
        Weight inside each block of equal scores.
    """

    positives: F64
    negatives: F64

    @property
    def prevalence(self) -> F64:
        """Share of positives, shape (resamples,)."""
        p, n = self.positives.sum(axis=1), self.negatives.sum(axis=1)
        return np.asarray(p / (p + n))


class Ranked:
    """Scores sorted once, to be weighted many times.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
        Higher means more likely extraction.
    positive : ndarray of bool, shape (n,)
        Truth.
    """

    def __init__(self, score: F64, positive: npt.NDArray[np.bool_]) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self.positive = positive[self.order]

    def curve(self, weights: F64 | None = None) -> Curve:
        """Curve under weights of shape (resamples, n); unweighted without."""
        w = np.ones((1, len(self.order))) if weights is None else weights[:, self.order]
        return Curve(
            np.add.reduceat(w * self.positive, self.starts, axis=1),
            np.add.reduceat(w * ~self.positive, self.starts, axis=1),
        )


def average_precision(curve: Curve, negatives: float = 1.0) -> F64:
    """Sum over blocks of (gain in recall) x (precision once the block is in), shape (resamples,).

    Parameters
    ----------
    negatives : float
        Factor of the negatives; 10 gives the value at about a tenth of the prevalence.

    Notes
    -----
    Equals scikit-learn's `average_precision_score`. Chance: the prevalence.
    """
    p = np.cumsum(curve.positives, axis=1)
    n = np.cumsum(curve.negatives, axis=1) * negatives
    total = np.maximum(p[:, -1:], 1e-300)
    precision = p / np.maximum(p + n, 1e-300)
    result: F64 = (curve.positives / total * precision).sum(axis=1)
    return result


def roc_auc(curve: Curve) -> F64:
    """Chance that a positive scores above a negative, ties counting half."""
    p, n = curve.positives, curve.negatives
    below = np.cumsum(p, axis=1) - p / 2
    result: F64 = (n * below).sum(axis=1) / np.maximum(p.sum(axis=1) * n.sum(axis=1), 1e-300)
    return result


def recall_at_fpr(curve: Curve, fpr: float) -> F64:
    """Share of positives flagged where a share `fpr` of negatives is; linear inside a block."""
    return _read(np.cumsum(curve.negatives, axis=1), np.cumsum(curve.positives, axis=1), fpr)


def precision_at_k(curve: Curve) -> F64:
    """Share of positives among the first k, k the number of positives; linear inside a block."""
    p = np.cumsum(curve.positives, axis=1)
    both = p + np.cumsum(curve.negatives, axis=1)
    return _read(both, p, None)


def flagged(score: F64, negative: npt.NDArray[np.bool_], fpr: float) -> F64:
    """Chance of each account to be flagged where a share `fpr` of the negatives is, shape (n,)."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    block = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
    size = np.bincount(block, negative[order])
    before = np.cumsum(size) - size
    share = np.clip((fpr * negative.sum() - before) / np.maximum(size, 1e-300), 0, 1)
    result = np.empty(len(score))
    result[order] = share[block]
    return result


def _read(x: F64, y: F64, at: float | None) -> F64:
    """y / its total where x reaches the share `at` of its total (None: where x reaches the total of y)."""
    found = np.empty(len(x))
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        limit = b[-1] if at is None else at * a[-1]
        found[i] = np.interp(limit, np.r_[0, a], np.r_[0, b]) / max(b[-1], 1e-300)
    return found


@dataclass(frozen=True)
class Metric:
    """One metric of a ranking: what it is called, how it is computed, and what a coin gets."""

    title: str
    compute: Callable[[Curve], F64]
    chance: Callable[[Curve], float]
    least_negatives: int = 1


def _prevalence(curve: Curve) -> float:
    return float(curve.prevalence[0])


def _rare(curve: Curve) -> float:
    p, n = curve.positives.sum(), curve.negatives.sum()
    return float(p / (p + 10 * n))


METRICS: dict[str, Metric] = {
    "ap": Metric("average precision", average_precision, _prevalence),
    "recall_fpr_1e-2": Metric("recall at FPR 1 %", lambda c: recall_at_fpr(c, 1e-2), lambda c: 1e-2),
    "recall_fpr_1e-3": Metric("recall at FPR 0.1 %", lambda c: recall_at_fpr(c, 1e-3), lambda c: 1e-3),
    "recall_fpr_1e-4": Metric("recall at FPR 0.01 %", lambda c: recall_at_fpr(c, 1e-4), lambda c: 1e-4, 10_000),
    "roc_auc": Metric("ROC AUC", roc_auc, lambda c: 0.5),
    "precision_at_k": Metric("precision at k", precision_at_k, _prevalence),
    "ap_rare": Metric("AP at a tenth of the prevalence", lambda c: average_precision(c, 10.0), _rare),
}
