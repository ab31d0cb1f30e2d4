"""What the provider turns down: malformed requests, rate limits, spend caps, overload and its own failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask
from generator.population import subscription_plans
from generator.rng import streams
from generator.traffic.sessions import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions
    from generator.workloads.token_usage import Usage

INVALID, REJECTED, FAILED, OVERLOADED = range(4)  # as in provider.ERRORS

_DOUBLINGS = 2.0 ** np.arange(64)


def request_errors(
    accounts: Accounts,
    found: Sessions,
    session: I64,
    key: U64,
    ts: I64,
    used: Usage,
    cost: F64,
    slow: Mask,
) -> tuple[I32, Mask]:
    """What became of each request (-1: answered), and whether it repeats one of its session that failed.

    Parameters
    ----------
    session : ndarray of int64
        Session of each request, ascending: the rows of an account-day lie together.
    cost : ndarray of float64
        List price of each request, USD.
    slow : ndarray of bool
        Whether the provider is overloaded at that moment.
    """
    # Malformed requests cluster: most sessions have none, a few many (GenTD26: lag-1 autocorrelation .49).
    bits = streams.child(key, "errors")
    clumsy = streams.uniform(streams.child(found.key, "clumsy")) < accounts.dials["errors"][found.account] * 2
    bad = clumsy[session] & (streams.uniform(bits, 0) < np.float32(0.5))
    u = streams.uniform(bits, 1)
    error = np.where(u < np.where(slow, np.float32(0.12), np.float32(0.001)), OVERLOADED, -1)
    error = np.where((error < 0) & (u > np.float32(0.998)), FAILED, error)
    error = np.where(bad, INVALID, error)
    over = _too_fast(accounts, found, session, ts, used) | _overspent(accounts, found, session, cost)
    error = np.where(over, REJECTED, error).astype(np.int32)
    failed = (error >= 0) & (error != INVALID)
    again = np.r_[False, failed[:-1]] & (np.r_[-1, session[:-1]] == session)
    return error, again


def is_overloaded(plan: PopulationPlan, ts: I64) -> Mask:
    """Whether the provider is overloaded: one shared incident in three days on average, 20 to 90 minutes long."""
    n = max(1, plan.config.days // 3)
    keys = streams.items(streams.child(plan.root, "incident"), np.arange(n))
    start = (streams.uniform_wide(keys) * plan.config.days * DAY_MS).astype(np.int64)
    end = start + (1_200_000 + streams.uniform(streams.mix(keys)) * 4_200_000).astype(np.int64)
    order = np.argsort(start, kind="stable")
    nearest = np.searchsorted(start[order], ts, side="right") - 1
    return np.asarray((nearest >= 0) & (ts < end[order][np.maximum(nearest, 0)]))


def _too_fast(accounts: Accounts, found: Sessions, session: I64, ts: I64, used: Usage) -> Mask:
    """Requests beyond the plan's requests or tokens a minute, or its requests a day."""
    plan_of = accounts.choices["plan"][found.account]
    at = np.arange(len(ts))
    over = np.asarray(at - _first_of_day(found)[session] >= subscription_plans.REQUESTS_PER_DAY[plan_of][session])
    # What comes from the cache is free of the limit.
    tokens = np.r_[0, np.cumsum(used.input - used.cache_read + used.output)]
    whole = tokens[found.first + found.length] - tokens[found.first]
    busy = (found.length > subscription_plans.REQUESTS_PER_MINUTE[plan_of]) | (
        whole > subscription_plans.TOKENS_PER_MINUTE[plan_of]
    )
    rows = np.flatnonzero(busy[session])
    plan_of = plan_of[session[rows]]
    stamp = ts[rows] + (session[rows] << 34)  # a session's minute never reaches into the one before it
    began = np.searchsorted(stamp, stamp - 60_000, side="right")
    many = np.arange(len(rows)) - began >= subscription_plans.REQUESTS_PER_MINUTE[plan_of]
    heavy = tokens[rows] - tokens[rows[began]] > subscription_plans.TOKENS_PER_MINUTE[plan_of]
    over[rows] |= many | heavy
    return over


def _overspent(accounts: Accounts, found: Sessions, session: I64, cost: F64) -> Mask:
    """Requests after the monthly cap was reached, until the day ends: then the cap is raised to twice as much."""
    cost = (cost * 1e9).astype(np.int64)  # exact sums: no account's may depend on those before it
    total = np.cumsum(cost)
    first = found.first[np.searchsorted(found.account, found.account)][session]
    earlier = total - cost - (total - cost)[first]
    before = earlier[_first_of_day(found)[session]]
    cap = 1e9 * subscription_plans.SPEND_PER_MONTH[accounts.choices["plan"]][found.account][session]
    # The cap in force today: the smallest doubling that was not reached when the day began.
    raised = np.flatnonzero(before >= cap)
    times = np.searchsorted(_DOUBLINGS, before[raised] / cap[raised], side="right")
    cap[raised] *= _DOUBLINGS[times]
    return np.asarray(earlier > cap)


def _first_of_day(found: Sessions) -> I64:
    """First row of the account-day that each session belongs to."""
    new = (np.diff(found.account, prepend=-1) != 0) | (np.diff(found.day, prepend=-2) != 0)
    return np.asarray(found.first[np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))])
