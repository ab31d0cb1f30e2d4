"""Metrics of a ranking, weighted and vectorised over replicates.

Tie rule, for every metric: rows with equal scores are one block, entered at once. A threshold inside a block
flags each of its members with the same probability. So a constant scorer gets exactly chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from generator.arrays import F64, Integers, Mask
from leaderboard.records.task_definitions import Metric


@dataclass(frozen=True)
class Curve:
    """Positives and negatives at or above each distinct score, best first.

    Attributes
    ----------
    positives, negatives : ndarray of float64, shape (replicates, blocks)
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
        """Share of positives, shape (replicates,)."""
        return np.asarray(self.p[:, -1] / (self.p[:, -1] + self.n[:, -1]))


class Ranked:
    """Scores sorted once, to be weighted many times.

    Between two blocks that hold positives no metric changes its course, so the blocks without any are merged. What
    is kept is one sparse matrix per class, blocks by groups, which holds how many rows of a group are in a block:
    weighting the groups is one product.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
        Higher means more likely extraction.
    positive : ndarray of bool, shape (n,)
        Truth.
    group : ndarray of int, shape (n,), optional
        Group of each row, from 0; left out, each row is one of its own.
    """

    def __init__(
        self,
        score: F64,
        positive: Mask,
        group: Integers | None = None,
    ) -> None:
        order = np.argsort(-score, kind="stable")
        ordered, truth = score[order], positive[order]
        block = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]])
        held = np.bincount(block, truth) > 0
        block = np.cumsum(np.r_[False, held[1:] | held[:-1]])[block]
        self.blocks = int(block[-1]) + 1
        member = order if group is None else group[order]
        shape = (self.blocks, int(member.max()) + 1)
        self._sums = [
            sparse.csr_array((np.ones(int(m.sum())), (block[m], member[m])), shape=shape) for m in (truth, ~truth)
        ]

    def curve(self, weights: F64 | None = None) -> Curve:
        """Curve under weights.

        Parameters
        ----------
        weights : ndarray of float, shape (replicates, groups), optional
            How often each group counts; left out, each once.
        """
        if weights is None:
            return Curve(*(np.asarray(s.sum(axis=1), np.float64)[None, :] for s in self._sums))
        return Curve(*(np.ascontiguousarray((s @ weights.T[: s.shape[1]]).T) for s in self._sums))


def average_precision(curve: Curve, negatives: float = 1.0) -> F64:
    """Sum over blocks of (gain in recall) x (precision once the block is in), shape (replicates,).

    Parameters
    ----------
    curve : Curve
        Ranking.
    negatives : float
        Factor of the negatives; 10 gives the value at about a tenth of the prevalence.

    Notes
    -----
    Equals scikit-learn's `average_precision_score`. Chance: the prevalence.

    Examples
    --------
    Best first: positive, negative, positive, negative. Precision is 1 at the first positive and 2/3 at the second.

    >>> curve = Ranked(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])).curve()
    >>> float(average_precision(curve)[0])  # (1 + 2/3) / 2
    0.8333333333333333
    """
    # Weights may give the first blocks nothing at all: 0 / 0 would stand there.
    precision = curve.p / np.maximum(curve.p + negatives * curve.n, 1e-300)
    result: F64 = (curve.positives / curve.p[:, -1:] * precision).sum(axis=1)
    return result


def roc_auc(curve: Curve) -> F64:
    """Probability that a positive scores above a negative, ties counting half, shape (replicates,).

    Parameters
    ----------
    curve : Curve
        Ranking.

    Notes
    -----
    Equals scikit-learn's `roc_auc_score`. Chance: one half.

    Examples
    --------
    Of four pairs, three have the positive first.

    >>> curve = Ranked(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])).curve()
    >>> float(roc_auc(curve)[0])
    0.75
    """
    above = curve.p - curve.positives / 2
    result: F64 = (curve.negatives * above).sum(axis=1) / (curve.p[:, -1] * curve.n[:, -1])
    return result


def recall_at_fpr(curve: Curve, fpr: float) -> F64:
    """Share of positives flagged where a share `fpr` of negatives is, shape (replicates,); linear inside a block.

    Parameters
    ----------
    curve : Curve
        Ranking.
    fpr : float
        False-positive rate, above 0 and at most 1.

    Examples
    --------
    Half of two negatives may be flagged: both positives stand above the second one.

    >>> curve = Ranked(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])).curve()
    >>> float(recall_at_fpr(curve, 0.5)[0]), float(recall_at_fpr(curve, 0.25)[0])
    (1.0, 0.5)
    """
    # Divided, not multiplied: 1 % of 2,900 negatives must be 29 and not a hair less.
    return _read(curve.n, curve.p, curve.n[:, -1] / (1 / fpr)) / curve.p[:, -1]


def precision_at_k(curve: Curve) -> F64:
    """Share of positives among the first k, k the number of positives, shape (replicates,); linear inside a block.

    Parameters
    ----------
    curve : Curve
        Ranking.

    Examples
    --------
    >>> curve = Ranked(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])).curve()
    >>> float(precision_at_k(curve)[0])
    0.5
    """
    return _read(curve.p + curve.n, curve.p, curve.p[:, -1]) / curve.p[:, -1]


def _read(x: F64, y: F64, at: F64) -> F64:
    """y where x, both cumulative over blocks, reaches `at`, shape (replicates,); linear inside a block."""
    x, y = (np.pad(a, ((0, 0), (1, 0))) for a in (x, y))
    below = (x <= at[:, None]).sum(axis=1, keepdims=True) - 1
    above = np.minimum(below + 1, x.shape[1] - 1)
    x0, x1, y0, y1 = (np.take_along_axis(a, i, 1)[:, 0] for a in (x, y) for i in (below, above))
    result: F64 = y0 + (y1 - y0) * (at - x0) / np.where(x1 > x0, x1 - x0, 1)
    return result


@dataclass(frozen=True, kw_only=True)
class RankingMetric(Metric):
    """One metric of a ranking, with how it is computed and what a coin gets.

    Attributes
    ----------
    compute : callable
        From a `Curve` to values of shape (replicates,).
    chance_value : callable
        From an unweighted `Curve` to the value of a constant score.
    least_negatives : int
        With fewer negatives it says nothing, and stays out of tables.
    """

    compute: Callable[[Curve], F64]
    chance_value: Callable[[Curve], float]
    least_negatives: int = 1


_BLOCK = "rows with equal scores are entered at once; a threshold among them flags each with the same probability"
_RARE = 10.0  # negatives for one, where the prevalence is a tenth


def _prevalence(curve: Curve) -> float:
    return float(curve.prevalence[0])


def _rare_prevalence(curve: Curve) -> float:
    p, n = curve.positives.sum(), curve.negatives.sum()
    return float(p / (p + _RARE * n))


def _recall_at(fpr: float, percent: str, least_negatives: int = 1) -> RankingMetric:
    return RankingMetric(
        title=f"recall at FPR {percent} %",
        chance=f"{fpr:.4f}".rstrip("0"),
        ties=_BLOCK,
        compute=partial(recall_at_fpr, fpr=fpr),
        chance_value=lambda _: fpr,
        least_negatives=least_negatives,
    )


METRICS: dict[str, RankingMetric] = {
    "ap": RankingMetric(
        title="average precision",
        chance="share of positives",
        ties=_BLOCK,
        compute=average_precision,
        chance_value=_prevalence,
    ),
    "recall_fpr_1e-2": _recall_at(1e-2, "1"),
    "recall_fpr_1e-3": _recall_at(1e-3, "0.1"),
    "recall_fpr_1e-4": _recall_at(1e-4, "0.01", least_negatives=10_000),
    "roc_auc": RankingMetric(
        title="ROC AUC", chance="0.5", ties="a tie counts half", compute=roc_auc, chance_value=lambda _: 0.5
    ),
    "precision_at_k": RankingMetric(
        title="precision at k",
        chance="share of positives",
        ties=_BLOCK,
        compute=precision_at_k,
        chance_value=_prevalence,
    ),
    "ap_rare": RankingMetric(
        title="AP at a tenth of the prevalence",
        chance="share of positives, negatives ten times",
        ties=_BLOCK,
        compute=partial(average_precision, negatives=_RARE),
        chance_value=_rare_prevalence,
    ),
}
"""Metrics of a ranking: one entry each."""
