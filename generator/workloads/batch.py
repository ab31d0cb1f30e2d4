"""Sessions, their requests as one batch, the requests of one kind of workload, and what a law says about them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I64, U64, Floats, Mask
from generator.rng import exact_functions, streams

if TYPE_CHECKING:
    from generator.population.accounts import Accounts


@dataclass
class Sessions:
    """Sessions of some accounts; arrays of shape (sessions,).

    Attributes
    ----------
    account : ndarray of int64
        Position in the accounts they were drawn for.
    day : ndarray of int64
        Day on which the session began; -1 is the day before the window.
    key : ndarray of uint64
        Stream of the session.
    first, length : ndarray of int64
        First request (as a row of the batch) and number of requests.
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
        """Some of the sessions; `first` still counts from the same request.

        Parameters
        ----------
        at : ndarray of int64 or slice
            Which of them.
        """
        return Sessions(**{f.name: getattr(self, f.name)[at] for f in fields(self)})


@dataclass(frozen=True)
class RequestBatch:
    """Requests, with the sessions and the accounts that they belong to.

    Attributes
    ----------
    accounts : Accounts
        Accounts of the sessions.
    sessions : Sessions
        Sessions of the requests.
    session : ndarray of int64, shape (requests,)
        Session of each request, as a position in `sessions`.
    key : ndarray of uint64, shape (requests,)
        Stream of each request.
    """

    accounts: Accounts
    sessions: Sessions
    session: I64
    key: U64

    @classmethod
    def of(cls, accounts: Accounts, sessions: Sessions) -> RequestBatch:
        """All requests of whole sessions, in their order.

        Parameters
        ----------
        accounts : Accounts
            Accounts of the sessions.
        sessions : Sessions
            Whole sessions, whose `first` counts from the first request of these.
        """
        session = np.repeat(np.arange(len(sessions.length)), sessions.length)
        order = np.arange(len(session)) - sessions.first[session]
        return cls(accounts, sessions, session, streams.items(sessions.key[session], order))

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def account(self) -> I64:
        """Account that makes each request, as a position in `accounts`."""
        return self.sessions.account[self.session]

    def dial(self, name: str) -> F32:
        """A habit of the account of each request.

        Parameters
        ----------
        name : str
            Key of `Accounts.dials`.
        """
        return self.accounts.dials[name][self.account]

    def stream(self, purpose: str) -> U64:
        """Stream of each request for a purpose.

        Parameters
        ----------
        purpose : str
            Stable name that the draws are keyed by.
        """
        return streams.child(self.key, purpose)

    def take(self, rows: I64) -> RequestBatch:
        """Some of the requests, with all sessions.

        Parameters
        ----------
        rows : ndarray of int64
            Which of them.
        """
        return RequestBatch(self.accounts, self.sessions, self.session[rows], self.key[rows])


@dataclass(frozen=True)
class WorkloadBatch:
    """Requests of one kind of workload, whole sessions in order.

    Attributes
    ----------
    requests : RequestBatch
        The requests.
    order : ndarray of int64, shape (requests,)
        Number of the request in its session.
    local : ndarray of int64, shape (requests,)
        Session of each request, counted among those of this kind.
    session : ndarray of int64, shape (sessions of this kind,)
        These sessions, as positions in `requests.sessions`.
    conversing : ndarray of bool, shape (sessions of this kind,)
        Whether each of these sessions is one conversation.
    """

    requests: RequestBatch
    order: I64
    local: I64
    session: I64
    conversing: Mask

    @property
    def accounts(self) -> Accounts:
        """Accounts of all kinds."""
        return self.requests.accounts

    @cached_property
    def account(self) -> I64:
        """Account of each session of this kind."""
        return self.requests.sessions.account[self.session]

    def dial(self, name: str) -> F32:
        """A habit of the account of each session of this kind.

        Parameters
        ----------
        name : str
            Key of `Accounts.dials`.
        """
        return self.accounts.dials[name][self.account]

    def session_stream(self, purpose: str) -> U64:
        """Stream of each session of this kind for a purpose.

        Parameters
        ----------
        purpose : str
            Stable name that the draws are keyed by.
        """
        return streams.child(self.requests.sessions.key[self.session], purpose)


@dataclass
class Flow:
    """What a law says about each request; arrays of shape (requests,).

    Attributes
    ----------
    input, output : ndarray of int64
        Tokens.
    pause : ndarray of int64
        Milliseconds since the request before, in conversations since its answer; -1: as the account's gaps.
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
    """Exponential times a factor, rounded to whole numbers.

    Parameters
    ----------
    log : ndarray of float
        Logarithms.
    factor : ndarray of float or float
        Factors, one each or one for all.

    Examples
    --------
    >>> rounded_exp(np.log([10.0, 20.0]), 2).tolist()
    [20, 40]
    """
    return np.asarray(np.floor(exact_functions.exp(log) * factor + 0.5)).astype(np.int64)


def previous(values: I64, order: I64) -> I64:
    """Value of the request before; 0 for a session's first.

    Parameters
    ----------
    values : ndarray of int64, shape (requests,)
        Values of requests, whole sessions in order.
    order : ndarray of int64, shape (requests,)
        Number of each request in its session.

    Examples
    --------
    >>> previous(np.array([5, 6, 7]), np.array([0, 1, 0])).tolist()
    [0, 5, 0]
    """
    return np.where(order > 0, np.r_[0, values[:-1]], 0)


def session_sums(step: I64, batch: WorkloadBatch) -> I64:
    """Sum inside the session up to each request. Whole numbers: no account changes another's rounding.

    Parameters
    ----------
    step : ndarray of int64, shape (requests,)
        What each request adds.
    batch : WorkloadBatch
        The requests.
    """
    total = np.cumsum(step)
    first = np.flatnonzero(batch.order == 0)
    return total - (total[first] - step[first])[batch.local]
