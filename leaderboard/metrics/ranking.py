"""Metrics of a ranking, weighted and vectorised over resamples.

Tie rule, for every metric: rows with equal scores are one block, entered at once. A threshold inside a block
flags each of its members with the same probability. So a constant scorer gets exactly chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from generator.arrays import F64, Integers, Mask


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

    @cached_property
    def p(self) -> F64:
        """Positives at or above each distinct score."""
        return np.cumsum(self.positives, axis=1)

    @cached_property
    def n(self) -> F64:
        """Negatives at or above each distinct score."""
        return np.cumsum(self.negatives, axis=1)

    @property
    def prevalence(self) -> F64:
        """Share of positives, shape (resamples,)."""
        return np.asarray(self.p[:, -1] / (self.p[:, -1] + self.n[:, -1]))


class Ranked:
    """Scores sorted once, to be weighted many times.

    Between two blocks that hold positives no metric changes its course, so the blocks without any are merged. What
    is kept is one sparse matrix per class, blocks by groups, which holds how many rows of a group are in a block:
    weighting the groups of a resample is one product.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
        Higher means more likely extraction.
    positive : ndarray of bool, shape (n,)
        Truth.
    group : ndarray of int, shape (n,), optional
        Group of each row, from 0; left out, each row is one of its own.
    limit : int, optional
        Most blocks to keep: beyond, neighbours are merged, as if scores were rounded.
    """

    def __init__(
        self,
        score: F64,
        positive: Mask,
        group: Integers | None = None,
        limit: int | None = None,
    ) -> None:
        order = np.argsort(-score, kind="stable")
        ordered, truth = score[order], positive[order]
        block = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
        held = np.bincount(block, truth) > 0
        block = np.cumsum(np.r_[False, held[1:] | held[:-1]])[block]
        self.blocks = int(block[-1]) + 1
        if limit and self.blocks > limit:
            block, self.blocks = block * limit // self.blocks, limit
        member = order if group is None else group[order]
        shape = (self.blocks, int(member.max()) + 1)
        self._sums = [
            sparse.csr_array((np.ones(int(m.sum())), (block[m], member[m])), shape=shape) for m in (truth, ~truth)
        ]

    def curve(self, weights: F64 | None = None) -> Curve:
        """Curve under weights of shape (resamples, groups); unweighted without."""
        if weights is None:
            return Curve(*(np.asarray(s.sum(axis=1), np.float64)[None, :] for s in self._sums))
        return Curve(*(np.ascontiguousarray((s @ weights.T[: s.shape[1]]).T) for s in self._sums))


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
    # A resample may give the first blocks no weight at all: 0 / 0 would stand there.
    precision = curve.p / np.maximum(curve.p + negatives * curve.n, 1e-300)
    result: F64 = (curve.positives / curve.p[:, -1:] * precision).sum(axis=1)
    return result


def roc_auc(curve: Curve) -> F64:
    """Chance that a positive scores above a negative, ties counting half."""
    above = curve.p - curve.positives / 2
    result: F64 = (curve.negatives * above).sum(axis=1) / (curve.p[:, -1] * curve.n[:, -1])
    return result


def recall_at_fpr(curve: Curve, fpr: float) -> F64:
    """Share of positives flagged where a share `fpr` of negatives is; linear inside a block."""
    # Divided, not multiplied: 1 % of 2,900 negatives must be 29 and not a hair less.
    return _read(curve.n, curve.p, curve.n[:, -1] / (1 / fpr)) / curve.p[:, -1]


def precision_at_k(curve: Curve) -> F64:
    """Share of positives among the first k, k the number of positives; linear inside a block."""
    return _read(curve.p + curve.n, curve.p, curve.p[:, -1]) / curve.p[:, -1]


def precision_at_recall(curve: Curve, recall: F64) -> F64:
    """Precision where each share `recall` (above 0) of positives is flagged; linear inside a block.

    Of the first row of the curve only; shape of `recall`.
    """
    p, n = curve.p[0], curve.n[0]
    wanted = recall * p[-1]
    block = np.minimum(np.searchsorted(p, wanted), len(p) - 1)
    left = (p[block] - wanted) / np.maximum(curve.positives[0, block], 1e-300)
    result: F64 = wanted / (wanted + n[block] - left * curve.negatives[0, block])
    return result


def flagged(score: F64, negative: Mask, fpr: float) -> F64:
    """Chance of each account to be flagged where a share `fpr` of the negatives is, shape (n,).

    Accounts that are not `negative`, such as grey ones, are flagged by the same threshold but don't set it.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    block = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
    size = np.bincount(block, negative[order])
    left = negative.sum() / (1 / fpr) - (np.cumsum(size) - size)
    share = np.where(size > 0, np.clip(left / np.maximum(size, 1), 0, 1), left >= 0)
    result = np.empty(len(score))
    result[order] = share[block]
    return result


def _read(x: F64, y: F64, at: F64) -> F64:
    """y where x, both cumulative over blocks, reaches `at`, shape (resamples,); linear inside a block."""
    x, y = (np.pad(a, ((0, 0), (1, 0))) for a in (x, y))
    below = (x <= at[:, None]).sum(axis=1, keepdims=True) - 1
    above = np.minimum(below + 1, x.shape[1] - 1)
    x0, x1, y0, y1 = (np.take_along_axis(a, i, 1)[:, 0] for a in (x, y) for i in (below, above))
    result: F64 = y0 + (y1 - y0) * (at - x0) / np.where(x1 > x0, x1 - x0, 1)
    return result


@dataclass(frozen=True)
class RankingMetric:
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


METRICS: dict[str, RankingMetric] = {
    "ap": RankingMetric("average precision", average_precision, _prevalence),
    "recall_fpr_1e-2": RankingMetric("recall at FPR 1 %", lambda c: recall_at_fpr(c, 1e-2), lambda c: 1e-2),
    "recall_fpr_1e-3": RankingMetric("recall at FPR 0.1 %", lambda c: recall_at_fpr(c, 1e-3), lambda c: 1e-3),
    "recall_fpr_1e-4": RankingMetric(
        "recall at FPR 0.01 %", lambda c: recall_at_fpr(c, 1e-4), lambda c: 1e-4, 10_000
    ),
    "roc_auc": RankingMetric("ROC AUC", roc_auc, lambda c: 0.5),
    "precision_at_k": RankingMetric("precision at k", precision_at_k, _prevalence),
    "ap_rare": RankingMetric("AP at a tenth of the prevalence", lambda c: average_precision(c, 10.0), _rare),
}
