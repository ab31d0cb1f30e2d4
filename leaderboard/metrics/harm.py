"""What a campaign collected before it was noticed, and what that is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from generator.arrays import F64, I64
from leaderboard.metrics.population import Population

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
    """
    return np.asarray(tokens / (tokens + HALF_VALUE_TOKENS))


class Losses:
    """What campaigns collected, by account and day.

    Parameters
    ----------
    collected : polars.DataFrame
        account_id, day, exchanges, tokens, usd: see `truth.Truth`.
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
        Group of resampling of each.
    tier : ndarray of str, shape (campaigns,)
        Evasion tier of each.
    quiet : ndarray of bool, shape (days,)
        Whether no campaign collects on the day.
    """

    def __init__(self, collected: pl.DataFrame, people: Population, days: int) -> None:
        place = pl.DataFrame({"account_id": people.ids, "row": np.arange(len(people.ids))})
        found = collected.join(place, on="account_id").select("row", "day", *QUANTITIES)
        row, day = (found[c].to_numpy() for c in ("row", "day"))
        self.campaigns = sorted(set(people.campaign[row[found["tokens"].to_numpy() > 0]].tolist()) - {""})
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
            np.add.at(self._amount[name], (seat[row[mine]], day[mine]), found[name].to_numpy()[mine])
        active = self._by_campaign(self._amount["tokens"]) > 0
        self.quiet = ~active.any(axis=0)
        self._begin, self._end = active.argmax(axis=1), days - active[:, ::-1].argmax(axis=1)
        # Amount after each day; the last column: never noticed.
        self._after = {
            name: np.pad(a[:, ::-1].cumsum(axis=1)[:, ::-1], ((0, 0), (0, 2)))[:, 1:]
            for name, a in self._amount.items()
        }
        self._total = {name: self._by_campaign(a.sum(axis=1)) for name, a in self._amount.items()}

    def per_campaign(self, alert: I64) -> dict[str, F64]:
        """Metrics of each campaign, where its accounts are alerted about on these days.

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
        worth, kept = student_value(self._total["tokens"]), student_value(lost["tokens"])
        noticed = np.minimum.reduceat(alert, self._first)
        return {
            "prevented": saved["tokens"] / self._total["tokens"],
            "student_value_kept": (worth - kept) / worth,
            "detected": (noticed < self._end).astype(np.float64),
            "days_to_detection": np.clip(noticed, self._begin, self._end).astype(np.float64) - self._begin,
            "exchanges_lost": lost["exchanges"],
            "usd_lost": lost["usd"],
            "student_value_lost": kept,
        }

    def by_day(self, alert: I64 | None = None) -> F64:
        """Tokens that all campaigns together collected by the end of each day; all there are without alerts."""
        tokens = self._amount["tokens"]
        if alert is not None:
            tokens = tokens * (np.arange(tokens.shape[1]) <= alert[:, None])
        return np.asarray(tokens.sum(axis=0).cumsum())

    def _by_campaign(self, values: Any) -> F64:
        return np.asarray(np.add.reduceat(values, self._first, axis=0))
