"""What a campaign collected before it was noticed, and what that is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from generator.arrays import F64, I64
from leaderboard.metrics.population import Population
from leaderboard.records.estimate import AMOUNT
from leaderboard.records.task_definitions import Metric

QUANTITIES = ("tokens", "exchanges", "usd")

HALF_VALUE_TOKENS = 1e9
"""Tokens of output after which half of the value is reached (assumption): a million answers of a thousand each."""

REBUILDING_USD, COLLECTING_USD, REPORTED_TOKENS = (50e6, 100e6), (1e6, 3e6), 10e9
"""Reported: cost to train such a model, cost of collecting and training a copy, tokens that this takes.

The first is 20 to 100 times the second. At 15 USD per million, ten billion tokens cost about 150,000 USD.
"""


def student_value(tokens: F64) -> F64:
    """Share of the model's worth that a student reaches with so many tokens of its output, 0..1 (assumption).

    Concave: n / (n + `HALF_VALUE_TOKENS`). The first answers teach most, and no number of them teaches all.

    Parameters
    ----------
    tokens : ndarray of float
        Tokens of output, 0 or more.

    Examples
    --------
    >>> student_value(np.array([0.0, 1e9, 3e9])).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.asarray(tokens / (tokens + HALF_VALUE_TOKENS))


class Losses:
    """What campaigns collected, by account and day.

    Parameters
    ----------
    collected : polars.DataFrame
        account_id, day, exchanges, tokens, usd: see `ground_truth.GroundTruth`.
    people : Population
        Accounts.
    days : int
        Length of the window.

    Attributes
    ----------
    rows : ndarray of int, shape (members,)
        Places in the population of the accounts of campaigns that collected something, campaign by campaign.
    campaigns : list of str
        Their names, sorted.
    unit : ndarray of int, shape (campaigns,)
        Group of each, see `Population.group`.
    tier : ndarray of str, shape (campaigns,)
        Evasion tier of each.
    quiet : ndarray of bool, shape (days,)
        Whether no campaign collects on the day.
    """

    def __init__(self, collected: pl.DataFrame, people: Population, days: int) -> None:
        place = pl.DataFrame({"account_id": people.ids, "row": np.arange(len(people.ids))})
        known = collected.join(place, on="account_id").select("row", "day", *QUANTITIES)
        row, day = (known[c].to_numpy() for c in ("row", "day"))
        self.campaigns = sorted(set(people.campaign[row[known["tokens"].to_numpy() > 0]].tolist()) - {""})
        members = np.flatnonzero(np.isin(people.campaign, self.campaigns))
        self.rows = members[np.argsort(people.campaign[members], kind="stable")]
        self._first = np.searchsorted(people.campaign[self.rows], self.campaigns)
        self.unit, self.tier = (x[self.rows][self._first] for x in (people.group, people.tier))
        seat = np.full(len(people.ids), -1)
        seat[self.rows] = np.arange(len(self.rows))
        mine = seat[row] >= 0
        self._amount: dict[str, F64] = {}
        for name in QUANTITIES:
            self._amount[name] = np.zeros((len(self.rows), days))
            np.add.at(self._amount[name], (seat[row[mine]], day[mine]), known[name].to_numpy()[mine])
        active = self._by_campaign(self._amount["tokens"]) > 0
        self.quiet = ~active.any(axis=0)
        self._begin, self._end = active.argmax(axis=1), days - active[:, ::-1].argmax(axis=1)
        # Amount after each day; the last column: never noticed.
        self._after = {
            name: np.pad(a[:, ::-1].cumsum(axis=1)[:, ::-1], ((0, 0), (0, 2)))[:, 1:]
            for name, a in self._amount.items()
        }
        self._total = {name: self._by_campaign(a.sum(axis=1)) for name, a in self._amount.items()}

    def outcome(self, alert: I64) -> Outcome:
        """What each campaign obtained, where its accounts are alerted about on these days.

        Parameters
        ----------
        alert : ndarray of int, shape (members,)
            Day of the alert about each of `rows`; the number of days: never.
        """
        saved = {
            name: self._by_campaign(np.take_along_axis(after, alert[:, None], 1)[:, 0])
            for name, after in self._after.items()
        }
        lost = {name: self._total[name] - saved[name] for name in QUANTITIES}
        noticed = np.minimum.reduceat(alert, self._first)
        return Outcome(self._total, saved, lost, noticed, self._begin, self._end)

    def by_day(self, alert: I64 | None = None) -> F64:
        """Tokens that all campaigns together collected by the end of each day, shape (days,).

        Parameters
        ----------
        alert : ndarray of int, shape (members,), optional
            As for `outcome`; left out, nobody is alerted about.
        """
        tokens = self._amount["tokens"]
        if alert is not None:
            tokens = tokens * (np.arange(tokens.shape[1]) <= alert[:, None])
        return np.asarray(tokens.sum(axis=0).cumsum())

    def _by_campaign(self, values: Any) -> F64:
        return np.asarray(np.add.reduceat(values, self._first, axis=0))


@dataclass(frozen=True)
class Outcome:
    """What each campaign obtained before it was noticed.

    Attributes
    ----------
    total, saved, lost : dict of str to ndarray of float, shape (campaigns,)
        Of each of `QUANTITIES`: what there was, what came after the alerts, what came before.
    noticed : ndarray of int, shape (campaigns,)
        Day of the first alert; the number of days: never.
    begin, end : ndarray of int, shape (campaigns,)
        First day on which it collects, and the day after the last.
    """

    total: dict[str, F64]
    saved: dict[str, F64]
    lost: dict[str, F64]
    noticed: I64
    begin: I64
    end: I64


def prevented(outcome: Outcome) -> F64:
    """Share of a campaign's tokens that came after the alerts.

    Parameters
    ----------
    outcome : Outcome
        Of each campaign.

    Examples
    --------
    A campaign collects 10 tokens a day on days 0 to 2 and is noticed when day 0 ends.

    >>> tokens = {"tokens": np.array([30.0])}, {"tokens": np.array([20.0])}, {"tokens": np.array([10.0])}
    >>> outcome = Outcome(*tokens, noticed=np.array([0]), begin=np.array([0]), end=np.array([3]))
    >>> [float(f(outcome)[0].round(3)) for f in (prevented, detected, days_to_detection)]
    [0.667, 1.0, 0.0]
    """
    return np.asarray(outcome.saved["tokens"] / outcome.total["tokens"])


def student_value_kept(outcome: Outcome) -> F64:
    """Share of the student's value that it did not obtain, see `student_value`.

    Parameters
    ----------
    outcome : Outcome
        Of each campaign.
    """
    worth = student_value(outcome.total["tokens"])
    return np.asarray((worth - student_value_lost(outcome)) / worth)


def student_value_lost(outcome: Outcome) -> F64:
    """Value of the student that was obtained, see `student_value`.

    Parameters
    ----------
    outcome : Outcome
        Of each campaign.
    """
    return student_value(outcome.lost["tokens"])


def detected(outcome: Outcome) -> F64:
    """1 where a campaign is noticed before it ends, else 0.

    Parameters
    ----------
    outcome : Outcome
        Of each campaign.
    """
    return (outcome.noticed < outcome.end).astype(np.float64)


def days_to_detection(outcome: Outcome) -> F64:
    """Days from the first on which a campaign collects to the first alert; at most to its end.

    Parameters
    ----------
    outcome : Outcome
        Of each campaign.
    """
    noticed = np.clip(outcome.noticed, outcome.begin, outcome.end).astype(np.float64)
    return np.asarray(noticed - outcome.begin)


@dataclass(frozen=True, kw_only=True)
class HarmMetric(Metric):
    """One metric of the harm of campaigns, a mean over them.

    Attributes
    ----------
    compute : callable
        From an `Outcome` to values of shape (campaigns,).
    """

    compute: Callable[[Outcome], F64]


CHANCE = "that of an alert about 0.1 % of all accounts when the first day on which they are known ends"
TIES = "the threshold stands below a block of equal scores with the probability that meets the budget, else above"
_harm = partial(HarmMetric, chance=CHANCE, ties=TIES)

METRICS: dict[str, HarmMetric] = {
    "prevented": _harm(title="share of extraction tokens prevented", compute=prevented),
    "student_value_kept": _harm(title="share of the student value kept", compute=student_value_kept),
    "detected": _harm(title="share of campaigns noticed", compute=detected),
    "days_to_detection": _harm(
        title="days to the first alert", higher_is_better=False, range=AMOUNT, compute=days_to_detection
    ),
    "exchanges_lost": _harm(
        title="exchanges lost per campaign",
        higher_is_better=False,
        range=AMOUNT,
        compute=lambda o: o.lost["exchanges"],
    ),
    "usd_lost": _harm(
        title="list price lost per campaign, USD",
        higher_is_better=False,
        range=AMOUNT,
        compute=lambda o: o.lost["usd"],
    ),
    "student_value_lost": _harm(
        title="student value lost per campaign", higher_is_better=False, compute=student_value_lost
    ),
}
"""Metrics of the harm of campaigns: one entry each."""
