"""The *early* task: what would have been prevented, day by day, at a budget of false alarms.

An account is alerted about at the end of the first day on which its score reaches the threshold, and stays so:
what it would have done from the next day on counts as prevented, what it did until then as lost. There is one
threshold for the whole window, set so that 0.1 % of all benign accounts are ever alerted about. Tie rule: where
that share falls among benign accounts with equal highest scores, the threshold stands below all of them with
the probability that meets the budget, else above. Every metric is the mean over the two thresholds, so a
constant scorer gets exactly chance: an alert about 0.1 % of all accounts when the first day on which they are
known ends.

Tokens are tokens of output in answers that serve the extraction. A campaign that is never noticed counts as
noticed the day after its last; one that collected nothing is left out. Days are quiet on which no campaign
collects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from generator.arrays import F64, I64
from generator.errors import UserError
from leaderboard.metrics import slices
from leaderboard.metrics.harm import HALF_VALUE_TOKENS, Losses, student_value
from leaderboard.metrics.population import Population
from leaderboard.metrics.resampling import RESAMPLES
from leaderboard.metrics.slices import Rates, value
from leaderboard.records.scorecard import Line, Scorecard, Value
from leaderboard.tasks.ground_truth import GroundTruth

TASK = "early"
BUDGET = 0.001
BUDGETS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)


def score(
    predictions: pl.DataFrame, truth: GroundTruth, digest: str, resamples: int = RESAMPLES, budget: float = BUDGET
) -> Scorecard:
    """Score what a detector said day after day.

    Parameters
    ----------
    predictions : polars.DataFrame
        day, account_id, score; for each day one finite row per account known when it ended.
    truth : Truth
        Its labels, days, known and collected are used.
    digest, resamples
        As for `accounts.score`.
    budget : float
        Share of benign accounts that are ever alerted about; boards use the one that stands here.

    Raises
    ------
    UserError
        If rows are missing or unknown, or no campaign collected anything.
    """
    people = truth.population
    losses = Losses(truth.collected, people, truth.days)
    if not losses.campaigns:
        raise UserError("no campaign collected anything in this window: nothing to prevent; score another split")
    replay = Replay(_matrix(predictions, truth), people, losses, budget)
    once = replay.threshold(np.ones((len(people.stratum), 1)))
    share = replay.flagged(once)
    rates, quiet = Rates(people, share, budget), _Quiet(replay, losses, people, once)
    drawn = people.draws(digest, resamples).measure(
        lambda w: replay.threshold(w) | rates.compute(w) | quiet.compute(w), replay.blocks
    )
    chosen = {t: losses.tier == t for t in people.tiers if (losses.tier == t).any()}
    chosen["overall"] = np.ones(len(losses.campaigns), bool)
    vectors, told, chance = (replay.means(x, chosen) for x in (drawn, once, replay.chance()))
    tables: dict[str, dict[str, Value]] = {}
    for key, vector in vectors.items():
        name, metric = key.split("/")
        tables.setdefault(name, {})[metric] = value(told[key][0], chance[key][0], vector)
    if losses.quiet.any():
        tables["overall"]["alerts_per_quiet_week"] = quiet.value(drawn)
    return Scorecard(
        task=TASK,
        dataset=digest,
        counts=people.counts() | {"campaigns": len(losses.campaigns), "days": truth.days},
        primary=tables["overall"]["prevented"],
        tables=tables,
        resampled=tuple(vectors["overall/prevented"].astype(np.float32).tolist()),
        false_positives=rates.values(drawn),
        grey_flagged=slices.grey(people, share),
        curves=_curves(replay, losses, once),
    )


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

    def __init__(self, scores: F64, people: Population, losses: Losses, budget: float = BUDGET) -> None:
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

        Returns
        -------
        dict
            level: place of the threshold among the highest scores of benign accounts; below: probability that it
            stands below that score, else above; campaigns: weights, shape (resamples, campaigns).
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
        """
        if level == self.blocks:
            return np.asarray(self._known[rows] if below else np.full(len(self._known), self._days)[rows])
        highest, at = self._highest[rows], -self._levels[level]
        return np.asarray(((highest < at) if below else (highest <= at)).sum(axis=1))

    def mean(self, found: Mapping[str, F64], rows: Any, of: Any) -> F64:
        """Mean of a function of alert days over both thresholds of the first resample."""
        level, share = int(found["level"][0]), float(found["below"][0])
        above, below = (of(self.alerts(level, rows, below=b)) for b in (False, True))
        return np.asarray((1 - share) * above + share * below)

    def flagged(self, found: Mapping[str, F64]) -> F64:
        """Chance of each account that there is ever an alert about it."""
        return self.mean(found, slice(None), lambda day: (day < self._days).astype(np.float64))

    def means(self, found: Mapping[str, F64], chosen: Mapping[str, Any]) -> dict[str, F64]:
        """Each metric's mean over the campaigns of each slice, in each resample, by "slice/metric"."""
        levels, place = np.unique(found["level"], return_inverse=True)
        sides = [[self._campaigns(int(level), below=b) for level in levels] for b in (False, True)]
        share, weights = found["below"][:, None], found["campaigns"]
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
            self._cache[key] = self._losses.per_campaign(self.alerts(level, self._losses.rows, below=below))
        return self._cache[key]


class _Quiet:
    """False alerts in a week of quiet days, by a threshold that is taken as given."""

    def __init__(self, replay: Replay, losses: Losses, people: Population, found: Mapping[str, F64]) -> None:
        quiet = np.r_[losses.quiet, False].astype(np.float64)
        weeks = max(quiet.sum() / 7, 1e-300)
        benign = np.flatnonzero(people.benign)
        told, chance = (replay.mean(f, benign, lambda day: quiet[day]) / weeks for f in (found, replay.chance()))
        self._told = np.bincount(people.group[benign], told, len(people.stratum))
        self._chance = float(chance.sum())

    def compute(self, weights: F64) -> dict[str, F64]:
        """Under weights of shape (groups, resamples)."""
        return {"quiet": self._told @ weights}

    def value(self, drawn: Mapping[str, F64]) -> Value:
        """With its interval."""
        return value(self._told.sum(), self._chance, drawn["quiet"])


def _curves(replay: Replay, losses: Losses, once: Mapping[str, F64]) -> dict[str, dict[str, Line]]:
    """Prevented over the budget, tokens collected by day, and the value of tokens."""
    weights = np.ones((replay.groups, 1))
    everyone = {"overall": np.ones(len(losses.campaigns), bool)}
    prevented = [
        float(replay.means(replay.threshold(weights, b), everyone)["overall/prevented"][0]) for b in BUDGETS
    ]
    days = tuple(float(d) for d in range(losses.quiet.size))
    collected = {
        "without a detector": losses.by_day(),
        "with it": replay.mean(once, losses.rows, losses.by_day),
    }
    tokens = np.geomspace(1e6, 100 * HALF_VALUE_TOKENS, 41)
    return {
        "prevented": {"mean over campaigns": (BUDGETS, tuple(prevented))},
        "collected": {name: (days, tuple(y.tolist())) for name, y in collected.items()},
        "student_value": {"assumed": (tuple(tokens.tolist()), tuple(student_value(tokens).tolist()))},
    }


def _matrix(predictions: pl.DataFrame, truth: GroundTruth) -> F64:
    """Scores by account and day, -inf before an account is known."""
    people = truth.population
    place = pl.DataFrame({"account_id": people.ids, "row": np.arange(len(people.ids))})
    given = predictions.with_columns(pl.col("account_id").cast(pl.String)).join(place, on="account_id")
    scores = np.full((len(people.ids), truth.days), -np.inf)
    row, day = given["row"].to_numpy(), given["day"].to_numpy()
    inside = (day >= 0) & (day < truth.days)
    scores[row[inside], day[inside]] = given["score"].to_numpy()[inside]
    known = place.join(truth.known, on="account_id").sort("row")["day"].to_numpy()
    wrong = int((np.isfinite(scores) != (np.arange(truth.days) >= known[:, None])).sum())
    if wrong or len(given) != len(predictions) or not inside.all() or np.isfinite(scores).sum() != len(given):
        expected = int((truth.days - known).sum())
        raise UserError(
            f"{len(predictions):,} daily scores were given and {expected:,} are expected, {wrong:,} places differ:"
            " for each day score every account known when it ended, once"
        )
    return scores
