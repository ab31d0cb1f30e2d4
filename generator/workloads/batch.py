"""Requests of one kind of workload, whole sessions in order, and what its law says about them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I64, U64, Floats, Mask
from generator.rng import streams

if TYPE_CHECKING:
    from generator.population.accounts import Accounts


@dataclass
class Sessions:
    """Sessions of some accounts; arrays of equal length.

    Attributes
    ----------
    account : ndarray of int64
        Position in the accounts they were made from.
    day : ndarray of int64
        Day on which the session began; -1 is the day before the window.
    key : ndarray of uint64
        Stream of the session.
    first, length : ndarray of int64
        First request (as a row of the shard) and number of requests.
    start : ndarray of int64
        Milliseconds since the window began.
    work : ndarray of bool
        Whether the session serves what the cohort is there for; the rest is the account's own traffic.
    """

    account: I64
    day: I64
    key: U64
    first: I64
    length: I64
    start: I64
    work: Mask

    def take(self, at: I64 | slice) -> Sessions:
        """Some of them; `first` still counts from the same request."""
        return Sessions(**{f.name: getattr(self, f.name)[at] for f in fields(self)})


@dataclass
class WorkloadBatch:
    """Requests of one kind, whole sessions in order.

    Attributes
    ----------
    key : ndarray of uint64
        Stream of each request.
    order : ndarray of int64
        Number of the request in its session.
    local : ndarray of int64
        Session of each request, counted among these.
    session : ndarray of int64
        These sessions, as positions in `found`.
    account : ndarray of int64
        Account of each of these sessions.
    conversing : ndarray of bool
        Whether each of these sessions is one conversation.
    """

    accounts: Accounts
    found: Sessions
    key: U64
    order: I64
    local: I64
    session: I64
    account: I64
    conversing: Mask

    def dial(self, name: str) -> F32:
        """A habit, per session."""
        return self.accounts.dials[name][self.account]

    def bits(self, purpose: str) -> U64:
        """Stream of each session."""
        return streams.child(self.found.key[self.session], purpose)


@dataclass
class Flow:
    """What a law says about each request.

    Attributes
    ----------
    input, output : ndarray of int64
        Tokens.
    pause : ndarray of int64
        Milliseconds since the request before; -1: as the account's gaps.
    human : ndarray of bool
        Whether a person, not a tool's result, started it.
    thought : ndarray of float32, optional
        Share of thinking in an answer that was thought about; any, if left out.
    """

    input: I64
    output: I64
    pause: I64 | int = -1
    human: Mask | bool = True
    thought: F32 | None = None


def rounded_exp(log: Floats, factor: Floats | float = 1) -> I64:
    """Rounded exponential times a factor."""
    return np.asarray(np.floor(streams.exp(log) * factor + 0.5)).astype(np.int64)


def previous(values: I64, order: I64) -> I64:
    """Value of the request before; 0 for a session's first."""
    return np.where(order > 0, np.r_[0, values[:-1]], 0)


def session_sums(step: I64, rows: WorkloadBatch) -> I64:
    """Sum inside the session up to each request. Whole numbers: no account changes another's rounding."""
    total = np.cumsum(step)
    first = np.flatnonzero(rows.order == 0)
    return total - (total[first] - step[first])[rows.local]
