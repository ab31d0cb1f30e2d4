"""What the provider turns down: malformed requests, rate limits, spend caps, overload and its own failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I32, I64, Mask
from generator.population import subscription_plans
from generator.rng import streams
from generator.traffic.sessions import DAY_MS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions
    from generator.workloads.token_usage import Usage

INVALID, REJECTED, FAILED, OVERLOADED = range(4)  # as in provider.ERRORS

# Malformed requests cluster: most sessions have none, a few many. Of the sessions, twice the account's habit have
# malformed requests, and of their requests one half are (GenTD26: lag-1 autocorrelation .49).
_CLUSTER, _MALFORMED = 2, np.float32(0.5)
# Share of requests that fail of overload in an incident and outside, and uniforms above which others fail (a).
_OVERLOAD_IN, _OVERLOAD_OUT, _FAILURE_ABOVE = np.float32(0.12), np.float32(0.001), np.float32(0.998)
_DAYS_PER_INCIDENT = 3  # (a)
_INCIDENT_LEAST_MS, _INCIDENT_RANGE_MS = 1_200_000, 4_200_000  # 20 to 90 minutes (a)
_MINUTE_MS = 60_000
_NANO_USD = 1e9  # sums of whole numbers are exact
_DOUBLINGS = 2.0 ** np.arange(64)


def request_errors(batch: RequestBatch, ts: I64, usage: Usage, cost: F64, overloaded: Mask) -> tuple[I32, Mask]:
    """What becomes of each request, and whether it repeats one of its session that failed.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole accounts: those of an account-day lie together.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    usage : Usage
        Tokens of each request.
    cost : ndarray of float64, shape (requests,)
        List price, USD.
    overloaded : ndarray of bool, shape (requests,)
        Whether the provider is overloaded at that moment.

    Returns
    -------
    error : ndarray of int32, shape (requests,)
        Index into `provider.ERRORS`; -1: answered.
    repeated : ndarray of bool, shape (requests,)
        Whether the request before, of the same session, failed.
    """
    accounts, sessions, session = batch.accounts, batch.sessions, batch.session
    bits = batch.stream("errors")
    rate = accounts.dials["errors"][sessions.account] * _CLUSTER
    clumsy = streams.uniform(streams.child(sessions.key, "clumsy")) < rate
    malformed = clumsy[session] & (streams.uniform(bits, 0) < _MALFORMED)
    u = streams.uniform(bits, 1)
    error = np.where(u < np.where(overloaded, _OVERLOAD_IN, _OVERLOAD_OUT), OVERLOADED, -1)
    error = np.where((error < 0) & (u > _FAILURE_ABOVE), FAILED, error)
    error = np.where(malformed, INVALID, error)
    over = _too_fast(batch, ts, usage) | _overspent(batch, cost)
    error = np.where(over, REJECTED, error).astype(np.int32)
    failed = (error >= 0) & (error != INVALID)
    repeated = np.r_[False, failed[:-1]] & (np.r_[-1, session[:-1]] == session)
    return error, repeated


def is_overloaded(plan: PopulationPlan, ts: I64) -> Mask:
    """Whether the provider is overloaded: one shared incident in three days on average, 20 to 90 minutes long.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    ts : ndarray of int64
        Moments, milliseconds since the window began.
    """
    n = max(1, plan.config.days // _DAYS_PER_INCIDENT)
    keys = streams.items(streams.child(plan.root, "incident"), np.arange(n))
    start = (streams.uniform_wide(keys) * plan.config.days * DAY_MS).astype(np.int64)
    length = _INCIDENT_LEAST_MS + streams.uniform(streams.mix(keys)) * _INCIDENT_RANGE_MS
    end = start + length.astype(np.int64)
    order = np.argsort(start, kind="stable")
    nearest = np.searchsorted(start[order], ts, side="right") - 1
    return np.asarray((nearest >= 0) & (ts < end[order][np.maximum(nearest, 0)]))


def _too_fast(batch: RequestBatch, ts: I64, usage: Usage) -> Mask:
    """Requests beyond the plan's requests or tokens a minute, or its requests a day."""
    sessions, session = batch.sessions, batch.session
    subscription = batch.accounts.choices["plan"][sessions.account]
    per_day = subscription_plans.REQUESTS_PER_DAY[subscription][session]
    over = np.asarray(np.arange(len(ts)) - _first_of_day(sessions)[session] >= per_day)
    # What comes from the cache is free of the limit.
    tokens = np.r_[0, np.cumsum(usage.input - usage.cache_read + usage.output)]
    of_session = tokens[sessions.first + sessions.length] - tokens[sessions.first]
    busy = (sessions.length > subscription_plans.REQUESTS_PER_MINUTE[subscription]) | (
        of_session > subscription_plans.TOKENS_PER_MINUTE[subscription]
    )
    rows = np.flatnonzero(busy[session])
    subscription = subscription[session[rows]]
    # Sessions lie behind each other, so far apart that no minute reaches into the one before.
    opens = np.diff(session[rows], prepend=-1) != 0
    stamp = np.cumsum(np.where(opens, _MINUTE_MS + 1, np.diff(ts[rows], prepend=0)))
    began = np.searchsorted(stamp, stamp - _MINUTE_MS, side="right")
    many = np.arange(len(rows)) - began >= subscription_plans.REQUESTS_PER_MINUTE[subscription]
    heavy = tokens[rows] - tokens[rows[began]] > subscription_plans.TOKENS_PER_MINUTE[subscription]
    over[rows] |= many | heavy
    return over


def _overspent(batch: RequestBatch, cost: F64) -> Mask:
    """Requests after the monthly cap was reached, until the day ends: then the cap is raised to twice as much."""
    sessions, session = batch.sessions, batch.session
    nano_usd = (cost * _NANO_USD).astype(np.int64)  # exact sums: no account's may depend on those before it
    total = np.cumsum(nano_usd)
    first = sessions.first[np.searchsorted(sessions.account, sessions.account)][session]
    earlier = total - nano_usd - (total - nano_usd)[first]
    before = earlier[_first_of_day(sessions)[session]]
    per_month = subscription_plans.SPEND_PER_MONTH[batch.accounts.choices["plan"]]
    cap = _NANO_USD * per_month[sessions.account][session]
    # The cap in force today: the smallest doubling that was not reached when the day began.
    raised = np.flatnonzero(before >= cap)
    times = np.searchsorted(_DOUBLINGS, before[raised] / cap[raised], side="right")
    cap[raised] *= _DOUBLINGS[times]
    return np.asarray(earlier > cap)


def _first_of_day(sessions: Sessions) -> I64:
    """First row of the account-day that each session belongs to."""
    new = (np.diff(sessions.account, prepend=-1) != 0) | (np.diff(sessions.day, prepend=-2) != 0)
    return np.asarray(sessions.first[np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))])
