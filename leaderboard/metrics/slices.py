"""Rankings in slices, and rates of false alarms: measured in each resample, and put into tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from generator.arrays import F64
from leaderboard.metrics import resampling
from leaderboard.metrics.population import Population
from leaderboard.metrics.ranking import METRICS, Curve, Ranked
from leaderboard.records.scorecard import Value


def value(number: float, chance: float, drawn: F64) -> Value:
    """A value with its interval."""
    return Value(float(number), float(chance), *resampling.interval(drawn))


@dataclass(frozen=True)
class Slices:
    """One ranking, seen through several slices of its positives.

    Attributes
    ----------
    ranked : dict of str to Ranked
        By slice.
    metrics : tuple of str
        Keys of `ranking.METRICS`.
    exact : dict of str to Curve
        The unweighted curve of each slice, from unrounded scores.
    """

    ranked: dict[str, Ranked]
    metrics: tuple[str, ...]
    exact: dict[str, Curve]

    @property
    def cells(self) -> int:
        """Blocks held for each resample."""
        return max(r.blocks for r in self.ranked.values())

    def compute(self, weights: F64) -> dict[str, F64]:
        """Every metric of every slice under weights of shape (groups, resamples), by "slice/metric"."""
        found: dict[str, F64] = {}
        for name, ranked in self.ranked.items():
            curve = ranked.curve(weights.T)
            # A resample may hold no campaign of a slice: not a number, and no part of its interval.
            with np.errstate(divide="ignore", invalid="ignore"):
                found |= {f"{name}/{m}": METRICS[m].compute(curve) for m in self.metrics}
        return found

    def tables(self, drawn: Mapping[str, F64]) -> dict[str, dict[str, Value]]:
        """Values by slice and metric; metrics that need more negatives than there are stay out."""
        tables: dict[str, dict[str, Value]] = {}
        for name, curve in self.exact.items():
            for key in self.metrics:
                metric = METRICS[key]
                if curve.n[0, -1] >= metric.least_negatives:
                    number, chance = metric.compute(curve)[0], metric.chance(curve)
                    tables.setdefault(name, {})[key] = value(number, chance, drawn[f"{name}/{key}"])
        return tables


class Rates:
    """Share of each benign archetype flagged, by a threshold that is taken as given.

    Parameters
    ----------
    population : Population
        Accounts.
    share : ndarray of float, shape (accounts,)
        Chance of each to be flagged.
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
        """Rates under weights of shape (groups, resamples)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = (self._flagged @ weights) / (self._all @ weights)
        return {f"fpr/{name}": rate for name, rate in zip(self._names, rates, strict=True)}

    def values(self, drawn: Mapping[str, F64]) -> dict[str, Value]:
        """Rates by archetype."""
        rates = self._flagged.sum(axis=1) / self._all.sum(axis=1)
        return {str(n): value(r, self._budget, drawn[f"fpr/{n}"]) for n, r in zip(self._names, rates, strict=True)}


def grey(population: Population, share: F64) -> float | None:
    """Share of grey accounts flagged."""
    return float(share[population.grey].mean()) if population.grey.any() else None
