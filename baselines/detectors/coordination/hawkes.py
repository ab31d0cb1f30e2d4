"""Unsupervised: accounts that share a key, one of which begins to work when another has just begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.features import account_features
from baselines.graph import links, shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_LINKS = ("payment", "prefix", "device", "conversation", "template", "tools")
_SESSIONS = 200  # of an account that are read: bounds time (a)
_PARTNERS = 10  # accounts that share most with an account, which it is compared with (a)
_PRIOR = 5.0  # sessions' worth of an even day that each account's rhythm starts with (a)
_STEPS = 20  # of expectation-maximisation (a)
_REACH = 8.0  # decay times after which a kernel is nothing
_FIRM = 5.4  # log-likelihood ratio that one pair in a thousand without excitation exceeds: chi-square, one degree
_AT_ONCE = 1 << 21  # pairs of an event and a partner that are looked at in one go: bounds memory
_DAY_S, _HOUR_S = 86_400.0, 3600.0


@dataclass
class Hawkes(detector.Detector):
    """How much likelier an account's sessions are if those of accounts that share its keys set them off.

    Sessions are events of a Hawkes process: an account's rate is its background, and after each session of a
    partner it is raised by a kernel that decays exponentially. The background follows the account's own day and
    hours, so that colleagues of one office excite nobody; how much of the sessions is background and how much
    excitation is fitted by expectation-maximisation, pair by pair. A pair counts by its log-likelihood ratio where
    chance would reach it once in a thousand; partners are the strangers that share most with an account.

    A campaign that a queue deals out breaks the assumption that one member's work sets off another's: members
    then work at any time that the queue has work for, and rotation makes one begin long after another has ended.

    Parameters
    ----------
    decay : int
        Time in which the kernel falls to 1 / e, minutes.
    most : int
        Accounts above which a key is a hub and joins nobody.
    """

    name: ClassVar[str] = "hawkes"
    description: ClassVar[str] = "sessions set off by those of strangers that share a key, by a Hawkes process"
    source: ClassVar[str] = "Hawkes, Biometrika 58, 1971; Veen and Schoenberg, JASA 103, 2008"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*shared_keys.fields_of(_LINKS), *shared_keys.DECLARED_FIELDS, "requests.ts"})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "decay": search_space.SearchRange(1, 120, log=True),
        "most": search_space.SearchRange(10, 100, log=True),
    }

    decay: int = 10
    most: int = 30

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the sum of the firm ratios of all pairs that the account is in."""
        world = shared_keys.read_keys(split, _LINKS)
        graph = shared_keys.weighted(list(world.incidences.values()), self.most)
        graph = shared_keys.without_declared(graph, shared_keys.declared_ties(split, world.ids))
        row, time = session_starts(split, world.ids)
        first, second = _partners(graph)
        gain = excitation(row, time, first, second, self.decay * 60.0)
        firm = np.where(gain > _FIRM, gain, 0.0)
        both = np.bincount(np.r_[first, second], np.r_[firm, firm], len(world.ids))
        return shared_keys.score_frame(world.ids, np.asarray(np.round(np.log1p(both), 6), np.float64))


def session_starts(split: Split, ids: pl.Series) -> tuple[I64, F64]:
    """When accounts began sessions.

    Parameters
    ----------
    split : Split
        World with requests.ts.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    row : ndarray of int64, shape (sessions,)
        Position in `ids`, ascending.
    time : ndarray of float64, shape (sessions,)
        Seconds since the window began, ascending in each account; its first 200.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    start = pl.lit(split.start).cast(pl.Datetime("ms", "UTC"))
    begins = pl.col("gap").is_null() | (pl.col("gap") > links.PAUSE_S)
    parts = []
    for bucket in split.requests.buckets():
        asked = account_features.with_helpers(bucket.select("account_id", "ts").collect().lazy())
        seconds = (pl.col("ts") - start).dt.total_milliseconds() / 1000
        begun = asked.filter(begins).select(pl.col("account_id").cast(pl.String), time=seconds)
        parts.append(begun.collect().join(rows, on="account_id"))
    ordered = pl.concat(parts).sort("row", "time").group_by("row", maintain_order=True).head(_SESSIONS)
    return ordered["row"].to_numpy().astype(np.int64), ordered["time"].to_numpy()


def excitation(row: I64, time: F64, first: I64, second: I64, decay: float) -> F64:
    """By how much sessions of one account are likelier if another's set some of them off.

    Parameters
    ----------
    row : ndarray of int64, shape (sessions,)
        Account of each session, ascending.
    time : ndarray of float64, shape (sessions,)
        When it began, seconds; ascending in each account.
    first, second : ndarray of int64, shape (pairs,)
        Whose sessions are explained, and whose set them off.
    decay : float
        Time in which the kernel falls to 1 / e, seconds.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        Log-likelihood ratio; 0 where nothing is set off.
    """
    accounts = int(max(row.max(initial=-1), first.max(initial=-1), second.max(initial=-1))) + 1
    count = np.bincount(row, minlength=accounts)
    begin = np.cumsum(count) - count
    rate, carried = background(row, time, accounts), _carried(row, time, decay)
    gain = np.zeros(len(first))
    some = np.flatnonzero((count[first] > 0) & (count[second] > 0))
    parts = np.cumsum(count[first[some]]) // _AT_ONCE
    for part in np.split(some, np.flatnonzero(np.diff(parts)) + 1):
        i, j = first[part], second[part]
        pair = np.repeat(np.arange(len(part)), count[i])
        event = np.arange(len(pair)) - np.repeat(np.cumsum(count[i]) - count[i], count[i]) + begin[i][pair]
        last = _last_before(row, time, j[pair], time[event])
        gap = time[event] - time[last]
        near = (last >= 0) & (gap < _REACH * decay)
        kernel = carried[last[near]] * np.exp(-gap[near] / decay) / decay
        ratio = kernel / rate[event[near]]
        gain[part] = _fitted(pair[near], ratio, count[i].astype(np.float64), count[j].astype(np.float64))
    return gain


def background(row: I64, time: F64, accounts: int) -> F64:
    """Rate at which each session was to be expected from the account's own day and hours.

    Parameters
    ----------
    row : ndarray of int64, shape (sessions,)
        Account of each session.
    time : ndarray of float64, shape (sessions,)
        When it began, seconds since midnight of the first day.
    accounts : int
        Number of accounts.

    Returns
    -------
    ndarray of float64, shape (sessions,)
        Sessions a second.
    """
    day, hour = (time // _DAY_S).astype(np.int64), (time % _DAY_S // _HOUR_S).astype(np.int64)
    _, which, of_day = np.unique(row * (day.max(initial=0) + 1) + day, return_inverse=True, return_counts=True)
    of_hour = np.bincount(row * 24 + hour, minlength=accounts * 24).reshape(accounts, 24) + _PRIOR / 24
    share = of_hour / of_hour.sum(axis=1, keepdims=True)
    return np.asarray(of_day[which] * share[row, hour] / _HOUR_S, np.float64)


def _carried(row: I64, time: F64, decay: float) -> F64:
    """Sum of the kernels of an account's sessions so far, as each begins: a recursion for all accounts at once."""
    place = np.arange(len(row)) - np.searchsorted(row, row)
    carried, order = np.ones(len(row)), np.argsort(place, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(place[order])) + 1)[1:]:
        carried[at] += carried[at - 1] * np.exp((time[at - 1] - time[at]) / decay)
    return carried


def _last_before(row: I64, time: F64, account: I64, before: F64) -> I64:
    """The account's last session before a moment; -1 where there is none."""
    span = float(time.max(initial=0.0)) + 1
    found = np.searchsorted(row * span + time, account * span + before) - 1
    return np.where((found >= 0) & (row[found] == account), found, -1)


def _fitted(pair: I64, ratio: F64, events: F64, causes: F64) -> F64:
    """Log-likelihood ratio of each pair, at the best shares of background and excitation."""
    raised = 0.1 * events / causes
    kept = np.full(len(events), 0.9)
    for _ in range(_STEPS):
        chance = raised[pair] * ratio / (kept[pair] + raised[pair] * ratio)
        set_off = np.bincount(pair, chance, len(events))
        raised, kept = set_off / causes, np.maximum(1 - set_off / events, 1e-6)
    quiet = events - np.bincount(pair, minlength=len(events))
    gain = np.bincount(pair, np.log(kept[pair] + raised[pair] * ratio), len(events)) + quiet * np.log(kept)
    return np.asarray(np.maximum(gain, 0.0), np.float64)


def _partners(graph: sparse.csr_array) -> tuple[I64, I64]:
    """Each account and those that share most with it."""
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    order = np.lexsort((graph.indices, -graph.data, row))
    kept = order[np.arange(len(row)) - graph.indptr[row[order]] < _PARTNERS]
    return row[kept].astype(np.int64), graph.indices[kept].astype(np.int64)
