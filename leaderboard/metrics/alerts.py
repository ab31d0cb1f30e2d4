"""Alerts day by day, and what any threshold makes of them.

An account is alerted about at the end of the first day on which its score reaches the threshold, and stays so. Tie
rule: see `harm.TIES`; what is measured is the mean over the two thresholds that together meet the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from generator.arrays import F64, I64
from leaderboard.metrics.harm import METRICS, Losses
from leaderboard.metrics.population import Population
from leaderboard.metrics.slices import value
from leaderboard.records.estimate import AMOUNT
from leaderboard.records.scorecard import Value

_WEEK_DAYS = 7


class Replay:
    """Daily scores, and what any threshold makes of them.

    Parameters
    ----------
    scores : ndarray of float64, shape (accounts, days)
        -inf on days on which an account is not known yet; overwritten.
    people : Population
        Accounts.
    losses : Losses
        What there is to prevent.
    budget : float
        Share of benign accounts that are ever alerted about.
    """

    def __init__(self, scores: F64, people: Population, losses: Losses, budget: float) -> None:
        self._budget, self._losses, self._days = budget, losses, scores.shape[1]
        self._known = (scores == -np.inf).sum(axis=1)
        self._highest = np.maximum.accumulate(scores, axis=1, out=scores)
        self.top = self._highest[:, -1]
        benign = people.benign
        # Highest scores of benign accounts, best first: the threshold stands at one of them.
        self._levels, place = np.unique(-self.top[benign], return_inverse=True)
        self.blocks = len(self._levels)
        self.groups = len(people.stratum)
        shape = (self.blocks, self.groups)
        cells = (place.reshape(-1), people.group[benign])
        self._benign = sparse.csr_array((np.ones(len(place)), cells), shape=shape)
        self._cache: dict[tuple[int, bool], dict[str, F64]] = {}

    def threshold(self, weights: F64, budget: float | None = None) -> dict[str, F64]:
        """The two thresholds that meet the budget, and the weights of the campaigns.

        Parameters
        ----------
        weights : ndarray of float, shape (groups, replicates)
            How often each group counts.
        budget : float, optional
            Share of benign accounts; left out, the one of the replay.

        Returns
        -------
        dict
            level: place of the threshold among the highest scores of benign accounts; below: probability that it
            stands below that score, else above; campaigns: weights, shape (replicates, campaigns).
        """
        count: F64 = np.asarray(self._benign @ weights)
        until = np.cumsum(count, axis=0)
        allowed = until[-1] / (1 / (budget or self._budget))
        level = np.minimum((until <= allowed).sum(axis=0), self.blocks - 1)
        at = np.arange(weights.shape[1])
        left = allowed - (until[level, at] - count[level, at])
        below = np.clip(left / np.maximum(count[level, at], 1e-300), 0, 1)
        return {"level": level, "below": below, "campaigns": weights[self._losses.unit].T}

    def chance(self) -> dict[str, F64]:
        """What `threshold` returns, for an alert about a budget's share of accounts as soon as they are known."""
        level = np.full(1, self.blocks)
        return {
            "level": level,
            "below": np.full(1, self._budget),
            "campaigns": np.ones((1, len(self._losses.campaigns))),
        }

    def alerts(self, level: int, rows: Any, *, below: bool) -> I64:
        """Day of the alert about each of some accounts; the number of days: never.

        The level after the last is a threshold that nobody reaches or, below it, everybody on the first day known.

        Parameters
        ----------
        level : int
            Place of the threshold among the highest scores of benign accounts.
        rows : index of an array
            Accounts.
        below : bool
            Whether the threshold stands below the scores of that level, or above.
        """
        if level == self.blocks:
            return np.asarray(self._known[rows] if below else np.full(len(self._known), self._days)[rows])
        highest, at = self._highest[rows], -self._levels[level]
        return np.asarray(((highest < at) if below else (highest <= at)).sum(axis=1))

    def mean(self, threshold: Mapping[str, F64], rows: Any, of: Any) -> F64:
        """Mean of a function of alert days over both thresholds of the first replicate.

        Parameters
        ----------
        threshold : mapping of str to ndarray
            What `threshold` returned.
        rows : index of an array
            Accounts.
        of : callable
            From what `alerts` returns for them to an array.
        """
        level, share = int(threshold["level"][0]), float(threshold["below"][0])
        above, below = (of(self.alerts(level, rows, below=b)) for b in (False, True))
        return np.asarray((1 - share) * above + share * below)

    def flagged(self, threshold: Mapping[str, F64]) -> F64:
        """Probability of each account that there is ever an alert about it.

        Parameters
        ----------
        threshold : mapping of str to ndarray
            What `threshold` returned.
        """
        return self.mean(threshold, slice(None), lambda day: (day < self._days).astype(np.float64))

    def means(self, threshold: Mapping[str, F64], chosen: Mapping[str, Any]) -> dict[str, F64]:
        """Each metric's mean over the campaigns of each slice, in each replicate, by "slice/metric".

        Parameters
        ----------
        threshold : mapping of str to ndarray
            What `threshold` returned.
        chosen : mapping of str to ndarray of bool, shape (campaigns,)
            Campaigns of each slice.
        """
        levels, place = np.unique(threshold["level"], return_inverse=True)
        sides = [[self._campaigns(int(level), below=b) for level in levels] for b in (False, True)]
        share, weights = threshold["below"][:, None], threshold["campaigns"]
        result = {}
        for metric in sides[0][0]:
            above, below = (np.stack([m[metric] for m in side])[place] for side in sides)
            each = ((1 - share) * above + share * below) * weights
            for name, mask in chosen.items():
                result[f"{name}/{metric}"] = each[:, mask].sum(axis=1) / weights[:, mask].sum(axis=1)
        return result

    def _campaigns(self, level: int, *, below: bool) -> dict[str, F64]:
        key = (level, below)
        if key not in self._cache:
            outcome = self._losses.outcome(self.alerts(level, self._losses.rows, below=below))
            self._cache[key] = {name: metric.compute(outcome) for name, metric in METRICS.items()}
        return self._cache[key]


class QuietAlerts:
    """False alerts in a week of quiet days, by a threshold that is taken as given.

    Parameters
    ----------
    replay : Replay
        Daily scores.
    losses : Losses
        Say on which days no campaign collects.
    people : Population
        Accounts.
    threshold : mapping of str to ndarray
        What `Replay.threshold` returned for one set of weights.
    """

    def __init__(self, replay: Replay, losses: Losses, people: Population, threshold: Mapping[str, F64]) -> None:
        quiet = np.r_[losses.quiet, False].astype(np.float64)
        weeks = max(quiet.sum() / _WEEK_DAYS, 1e-300)
        benign = np.flatnonzero(people.benign)
        false_alerts, chance = (
            replay.mean(f, benign, lambda day: quiet[day]) / weeks for f in (threshold, replay.chance())
        )
        self._false_alerts = np.bincount(people.group[benign], false_alerts, len(people.stratum))
        self._chance = float(chance.sum())

    def compute(self, weights: F64) -> dict[str, F64]:
        """Alerts by "quiet".

        Parameters
        ----------
        weights : ndarray of float, shape (groups, replicates)
            How often each group counts.
        """
        return {"quiet": self._false_alerts @ weights}

    def value(self, replicates: Mapping[str, F64], strata: tuple[int, ...]) -> Value:
        """Alerts with their interval.

        Parameters
        ----------
        replicates : mapping of str to ndarray of float
            What `compute` returned, over all replicates.
        strata : tuple of int
            See `estimate.Estimate`.
        """
        return value(self._false_alerts.sum(), self._chance, replicates["quiet"], strata, AMOUNT)
