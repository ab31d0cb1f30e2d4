"""Rankings in slices, and rates of false alarms: measured without each fold, and put into tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from generator.arrays import F64, Mask
from leaderboard.metrics.many_rows import BlockSums
from leaderboard.metrics.population import Population
from leaderboard.metrics.ranking import METRICS, Curve, Ranked
from leaderboard.records.estimate import SHARE, Estimate, Range
from leaderboard.records.scorecard import Line, Value

RECALLS = np.arange(1, 51) / 50
"""Recalls at which a curve of precisions is drawn."""


def value(number: float, chance: float, replicates: F64, strata: tuple[int, ...], range_: Range = SHARE) -> Value:
    """A value with its interval.

    Parameters
    ----------
    number : float
        The value itself.
    chance : float
        What an answer that tells nothing gets.
    replicates : ndarray of float, shape (folds,)
        The value without each fold.
    strata : tuple of int
        See `estimate.Estimate`.
    range_ : (float, float)
        Least and most that the value can be.
    """
    return Value(float(number), float(chance), *Estimate(float(number), replicates, strata).interval(range_))


@dataclass(frozen=True)
class Slices:
    """One ranking, seen through several slices of its positives.

    Attributes
    ----------
    ranked : dict of str to Ranked or BlockSums
        By slice.
    metrics : tuple of str
        Keys of `ranking.METRICS`.
    exact : dict of str to Curve
        The unweighted curve of each slice, from unrounded scores.
    """

    ranked: Mapping[str, Ranked | BlockSums]
    metrics: tuple[str, ...]
    exact: dict[str, Curve]

    @property
    def cells(self) -> int:
        """Blocks held for each replicate."""
        return max(r.blocks for r in self.ranked.values())

    def compute(self, weights: F64) -> dict[str, F64]:
        """Every metric of every slice, by "slice/metric".

        Parameters
        ----------
        weights : ndarray of float, shape (groups, replicates)
            How often each group counts.
        """
        values: dict[str, F64] = {}
        for name, ranked in self.ranked.items():
            curve = ranked.curve(weights.T)
            # Without a fold a slice may have no campaign: not a number, and no part of its interval.
            with np.errstate(divide="ignore", invalid="ignore"):
                values |= {f"{name}/{m}": METRICS[m].compute(curve) for m in self.metrics}
        return values

    def tables(self, replicates: Mapping[str, F64], strata: tuple[int, ...]) -> dict[str, dict[str, Value]]:
        """Values by slice and metric; metrics that need more negatives than there are stay out.

        Parameters
        ----------
        replicates : mapping of str to ndarray of float, shape (folds,)
            What `compute` returned, over all replicates.
        strata : tuple of int
            See `estimate.Estimate`.
        """
        tables: dict[str, dict[str, Value]] = {}
        for name, curve in self.exact.items():
            for key in self.metrics:
                metric = METRICS[key]
                if curve.n[0, -1] >= metric.least_negatives:
                    number, chance = metric.compute(curve)[0], metric.chance_value(curve)
                    tables.setdefault(name, {})[key] = value(number, chance, replicates[f"{name}/{key}"], strata)
        return tables


class Rates:
    """Share of each benign archetype flagged, by a threshold that is taken as given.

    Parameters
    ----------
    population : Population
        Accounts.
    share : ndarray of float, shape (accounts,)
        Probability of each to be flagged.
    budget : float
        Share of all benign accounts that the threshold flags.
    """

    def __init__(self, population: Population, share: F64, budget: float) -> None:
        self._budget = budget
        benign = population.benign
        self._names, kind = np.unique(population.archetype[benign], return_inverse=True)
        shape = (len(self._names), len(population.stratum))
        place = (kind, population.group[benign])
        self._flagged = sparse.csr_array((share[benign], place), shape=shape)
        self._all = sparse.csr_array((np.ones(int(benign.sum())), place), shape=shape)

    def compute(self, weights: F64) -> dict[str, F64]:
        """Rates by "fpr/archetype".

        Parameters
        ----------
        weights : ndarray of float, shape (groups, replicates)
            How often each group counts.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = (self._flagged @ weights) / (self._all @ weights)
        return {f"fpr/{name}": rate for name, rate in zip(self._names, rates, strict=True)}

    def values(self, replicates: Mapping[str, F64], strata: tuple[int, ...]) -> dict[str, Value]:
        """Rates by archetype.

        Parameters
        ----------
        replicates : mapping of str to ndarray of float, shape (folds,)
            What `compute` returned, over all replicates.
        strata : tuple of int
            See `estimate.Estimate`.
        """
        rates = self._flagged.sum(axis=1) / self._all.sum(axis=1)
        return {
            str(n): value(r, self._budget, replicates[f"fpr/{n}"], strata)
            for n, r in zip(self._names, rates, strict=True)
        }


def against_grey(score: F64, population: Population) -> Slices:
    """Rankings of the positives among the accounts of one grey archetype alone, by archetype.

    Their average precision says whether two kinds of abuse are told apart. The last group of the weights is
    that of the grey accounts: none of them is ever left out.

    Parameters
    ----------
    score : ndarray of float, shape (accounts,)
        Higher means more likely extraction.
    population : Population
        Accounts.
    """
    group = np.where(population.grey, len(population.stratum), population.group)
    names = np.unique(population.archetype[population.grey])
    masks = {str(n): population.attack | (population.grey & (population.archetype == n)) for n in names}
    ranked = {n: Ranked(score[m], population.attack[m], group[m]) for n, m in masks.items()}
    return Slices(ranked, ("ap",), {n: r.curve() for n, r in ranked.items()})


def flagged_among(some: Mask, share: F64) -> float | None:
    """Share of some accounts that is flagged; None where there are none.

    Parameters
    ----------
    some : ndarray of bool, shape (accounts,)
        Which accounts, such as grey ones or sleepers: they are left out of scores, and reported apart.
    share : ndarray of float, shape (accounts,)
        Probability of each account to be flagged.
    """
    return float(share[some].mean()) if some.any() else None


def precision_recall(curve: Curve) -> Line:
    """Precision at each of `RECALLS`.

    Parameters
    ----------
    curve : Curve
        Unweighted.
    """
    return tuple(RECALLS.tolist()), tuple(precision_at_recall(curve, RECALLS).tolist())


def precision_at_recall(curve: Curve, recall: F64) -> F64:
    """Precision where each share of positives is flagged; linear inside a block.

    Parameters
    ----------
    curve : Curve
        Ranking; its first row is read.
    recall : ndarray of float
        Shares of positives, above 0.

    Returns
    -------
    ndarray of float
        Shape of `recall`.

    Examples
    --------
    >>> curve = Ranked(np.array([4.0, 3, 2, 1]), np.array([True, False, True, False])).curve()
    >>> precision_at_recall(curve, np.array([0.5, 1.0])).round(3).tolist()
    [1.0, 0.667]
    """
    p, n = curve.p[0], curve.n[0]
    wanted = recall * p[-1]
    block = np.minimum(np.searchsorted(p, wanted), len(p) - 1)
    left = (p[block] - wanted) / np.maximum(curve.positives[0, block], 1e-300)
    result: F64 = wanted / (wanted + n[block] - left * curve.negatives[0, block])
    return result


def flagged(score: F64, negative: Mask, fpr: float) -> F64:
    """Probability of each account to be flagged where a share `fpr` of the negatives is, shape (n,).

    Accounts that are not `negative`, such as grey ones and sleepers, are flagged by the same threshold but don't
    set it.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
        Higher means more likely extraction.
    negative : ndarray of bool, shape (n,)
        Accounts that set the threshold.
    fpr : float
        Share of them that is flagged.

    Examples
    --------
    One of four negatives may be flagged: the two that share the second score have an even chance.

    >>> flagged(np.array([9.0, 5, 5, 1, 0]), np.array([False, True, True, True, True]), 0.25).tolist()
    [1.0, 0.5, 0.5, 0.0, 0.0]
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
