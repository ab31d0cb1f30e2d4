"""Equal samples of two logs: halves that no account straddles, runs of rows, a log that knows only the moments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from generator.arrays import F64, I64
from generator.fidelity import summaries
from generator.fidelity.traces import Log

BLOCKS = 40  # a log without accounts is halved by so many stretches of time


@dataclass(frozen=True)
class SamplingPlan:
    """What can be compared, and at which size.

    Attributes
    ----------
    accounts, time, hour, volume : bool
        Whether accounts, gaps of the whole log, hours of day and requests per account are comparable.
    thin : bool
        Whether an account's capped rows are a random choice of all its rows; else they are its first ones.
    n_accounts, n_rows, n_segment, cap : int
        Accounts, rows and consecutive arrivals of a sample; rows of one account.
    """

    accounts: bool
    time: bool
    hour: bool
    volume: bool
    thin: bool
    n_accounts: int
    n_rows: int
    n_segment: int
    cap: int


@dataclass(frozen=True)
class Sample:
    """One side of a distance.

    Attributes
    ----------
    rows : Log
        Any rows.
    context : Log
        Consecutive rows, of each account or of the whole log.
    arrivals : ndarray
        Consecutive times of the whole log; empty where gaps of the whole log mean nothing.
    table : dict
        Summary of the accounts; empty where there are none.
    """

    rows: Log
    context: Log
    arrivals: F64
    table: summaries.Table


def units(log: Log, plan: SamplingPlan) -> I64:
    """What stays together in one half.

    Parameters
    ----------
    log : Log
        Any.
    plan : SamplingPlan
        What can be compared, and at which size.

    Returns
    -------
    ndarray of int64, shape (rows,)
        Account of each row, or number of its stretch of time.
    """
    return log.account if plan.accounts else np.arange(len(log)) * BLOCKS // max(len(log), 1)


def halves(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> tuple[Log, Log]:
    """Two random halves that share no unit.

    Parameters
    ----------
    log : Log
        Any.
    plan : SamplingPlan
        What can be compared, and at which size.
    rng : numpy.random.Generator
        Deals the units.
    """
    unit = units(log, plan)
    mixed = rng.permutation(np.unique(unit))
    first = np.isin(unit, mixed[: len(mixed) // 2])
    return log.take(first), log.take(~first)


def busiest(log: Log, length: int) -> Log:
    """The consecutive requests of each account that came fastest; accounts with fewer are left out.

    A trace at native rate holds so many requests in a row of clients that send thousands a day. An account of a
    world sends hundreds in all: only its busiest run shows what it does at its own full rate.

    Parameters
    ----------
    log : Log
        Any.
    length : int
        Requests of a run.

    Examples
    --------
    >>> from generator.fidelity import traces
    >>> log = traces.build([0, 9, 10, 11, 30], ["a"] * 5, ([1] * 5, [1] * 5))
    >>> busiest(log, 3).ts
    array([ 9., 10., 11.])
    """
    order = np.lexsort((log.ts, log.account))
    ts, account = log.ts[order], log.account[order]
    first = np.arange(max(len(log) - length + 1, 0))
    first = first[account[first] == account[first + length - 1]]
    lasts = ts[first + length - 1] - ts[first]
    by_account = np.lexsort((lasts, account[first]))
    fastest = first[by_account[np.diff(account[first], prepend=-1) != 0]]
    rows = order[(fastest[:, None] + np.arange(length)).ravel()]
    return log.take(np.sort(rows))


def same_clock(log: Log, reference: Log) -> Log:
    """Times as coarse as those of a reference: whole seconds where it holds no others.

    Parameters
    ----------
    log : Log
        Any.
    reference : Log
        What it is compared with.

    Examples
    --------
    >>> from generator.fidelity import traces
    >>> fine, coarse = (traces.build(ts, None, ([1, 1], [1, 1])) for ts in ([0.5, 1.9], [3, 5]))
    >>> same_clock(fine, coarse).ts
    array([0., 1.])
    """
    return replace(log, ts=np.floor(log.ts)) if np.all(reference.ts % 1 == 0) else log


def draw(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> Sample:
    """A sample of the planned size.

    Parameters
    ----------
    log : Log
        Any.
    plan : SamplingPlan
        What can be compared, and at which size.
    rng : numpy.random.Generator
        Draws it.
    """
    table: summaries.Table = {}
    if plan.accounts:
        log, table = _capped(log, plan, rng)
    rows = context = log
    if len(log) > plan.n_rows:
        context = _runs(log, plan, rng) if plan.accounts else _run(log, plan, rng)
        rows = log.take(rng.choice(len(log), plan.n_rows, replace=False))
    arrivals = np.empty(0)
    if plan.time:
        start = int(rng.integers(0, max(1, len(log) - plan.n_segment)))
        arrivals = log.ts[start : start + plan.n_segment]
    return Sample(rows, context, arrivals, table)


def segments(log: Log, length: int, rng: np.random.Generator) -> tuple[F64, F64]:
    """Two stretches of consecutive arrivals that don't overlap.

    Parameters
    ----------
    log : Log
        Any.
    length : int
        Arrivals of a stretch; at most half of the log's.
    rng : numpy.random.Generator
        Draws where they begin.

    Returns
    -------
    (ndarray of float64, ndarray of float64)
        Seconds.
    """
    n = min(length, len(log) // 2)
    first = int(rng.integers(0, len(log) - 2 * n + 1))
    second = int(rng.integers(first + n, len(log) - n + 1))
    both = log.ts[first : first + n], log.ts[second : second + n]
    return both if rng.random() < 0.5 else both[::-1]


def within(sample: Sample, log: Log) -> Sample:
    """The same sample with the rows of its stretch of arrivals as context: there, gaps are true.

    Parameters
    ----------
    sample : Sample
        With arrivals.
    log : Log
        The whole log that it was drawn from.
    """
    inside = (log.ts >= sample.arrivals[0]) & (log.ts <= sample.arrivals[-1])
    return replace(sample, context=log.take(inside))


def naive(log: Log, rng: np.random.Generator) -> Log:
    """What knows only means and spreads: Poisson arrivals, equal accounts, independent lognormal tokens.

    Parameters
    ----------
    log : Log
        Gives the moments.
    rng : numpy.random.Generator
        Draws the rows.
    """
    n = len(log)
    ts = np.sort(rng.uniform(log.ts.min(), log.ts.max(), n))
    account = rng.integers(0, max(1, log.accounts), n)
    sides = []
    for tokens in (log.input, log.output):
        logs = np.log1p(tokens)
        drawn = np.expm1(rng.normal(logs.mean(), logs.std(ddof=1), n))
        sides.append(np.maximum(0, np.round(drawn)))
    return replace(log, ts=ts, account=account, input=sides[0], output=sides[1], name="naive")


def _capped(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> tuple[Log, summaries.Table]:
    """At most so many accounts and rows of each; their summaries, which tell the true number of requests."""
    accounts = _in_order(log.account)
    if len(accounts) > plan.n_accounts:
        log = log.take(np.isin(log.account, rng.choice(accounts, plan.n_accounts, replace=False)))
    requests = np.unique(log.account, return_counts=True)[1]
    if plan.thin:
        mixed = rng.permutation(len(log))
        kept = mixed[_position(log.account[mixed]) < plan.cap]
        log = log.take(kept[np.argsort(log.ts[kept], kind="stable")])
    else:
        log = log.take(_position(log.account) < plan.cap)
    return log, summaries.table(log) | {"n": requests.astype(np.float64)}


def _runs(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> Log:
    """One run of consecutive rows of every account, in proportion to its rows."""
    order = _in_order(log.account)
    draws = np.zeros(int(order.max()) + 1)
    draws[order] = rng.random(len(order))
    rows = np.bincount(log.account)[log.account]
    length = np.maximum(1, np.ceil(rows * (plan.n_rows / len(log))))
    begin = np.floor(draws[log.account] * (rows - length + 1))
    at = _position(log.account)
    return log.take((at >= begin) & (at < begin + length))


def _run(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> Log:
    start = int(rng.integers(0, len(log) - plan.n_rows + 1))
    return log.take(np.arange(start, start + plan.n_rows))


def _in_order(account: I64) -> I64:
    """Accounts by first appearance."""
    names, first = np.unique(account, return_index=True)
    return names[np.argsort(first)]


def _position(account: I64) -> I64:
    """How many earlier rows each row's account has."""
    order = np.argsort(account, kind="stable")
    ordered = account[order]
    start = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, np.int64)
    size = np.diff(np.r_[start, len(ordered)])
    at = np.empty(len(account), np.int64)
    at[order] = np.arange(len(ordered)) - np.repeat(start, size)
    return at
