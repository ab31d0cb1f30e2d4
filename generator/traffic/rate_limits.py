"""What the provider turns down: malformed requests, rate limits, spend caps, overload and its own failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask, run_starts
from generator.population import subscription_plans
from generator.population.accounts import relays
from generator.rng import streams
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions

INVALID, REJECTED, FAILED, OVERLOADED, FOREIGN = range(5)  # as in provider.ERRORS

# Malformed requests cluster: most sessions have none, a few many. Of the sessions, twice the account's habit have
# malformed requests, and of their requests one half are (GenTD26: lag-1 autocorrelation .49).
_CLUSTER, _MALFORMED = 2, np.float32(0.5)
# Share of requests that fail of overload in an incident and outside, and uniforms above which others fail (a).
_OVERLOAD_IN, _OVERLOAD_OUT, _FAILURE_ABOVE = np.float32(0.12), np.float32(0.001), np.float32(0.998)
_DAYS_PER_INCIDENT = 3  # (a)
_INCIDENT_LEAST_MS, _INCIDENT_RANGE_MS = 1_200_000, 4_200_000  # 20 to 90 minutes (a)
MINUTE_MS = 60_000
# Share of clients that hold requests back, and the part of the limit to which they go (a).
_QUEUES, _QUEUED_PART = np.float32(0.95), 0.9
OWN_PART = 0.8  # of its limits that an account may fill itself, where it stands in for others (a)
_NANO_USD = 1e9  # sums of whole numbers are exact


def request_errors(
    batch: RequestBatch, ts: I64, tokens: I64, cost: F64, overloaded: Mask, opening: Mask
) -> tuple[I32, Mask]:
    """What becomes of the first attempt at each request, and whether no other can help: the money is spent.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole accounts: those of an account-day lie together.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    tokens : ndarray of int64, shape (requests,)
        What counts towards the limit of tokens: what comes from the cache is free of it.
    cost : ndarray of float64, shape (requests,)
        List price, USD.
    overloaded : ndarray of bool, shape (requests,)
        Whether the provider is overloaded at that moment.
    opening : ndarray of bool, shape (requests,)
        See `opening_requests`.

    Returns
    -------
    error : ndarray of int32, shape (requests,)
        Index into `provider.ERRORS`; -1: answered.
    spent : ndarray of bool, shape (requests,)
        Whether the account has reached its cap of spend.
    """
    spent = _overspent(batch, ts, cost, opening)
    over = too_fast(batch.accounts, batch.account, ts, tokens, opening) | spent
    error = np.where(is_malformed(batch), INVALID, provider_failures(batch.key, overloaded))
    return np.where(over, REJECTED, error).astype(np.int32), spent


def is_malformed(batch: RequestBatch) -> Mask:
    """Whether each request is malformed; no attempt at it is ever answered.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    """
    accounts, sessions = batch.accounts, batch.sessions
    rate = accounts.dials["errors"][sessions.account] * _CLUSTER
    clumsy = streams.uniform(streams.child(sessions.key, "clumsy")) < rate
    return np.asarray(clumsy[batch.session] & (streams.uniform(batch.stream("errors"), 0) < _MALFORMED))


def provider_failures(key: U64, overloaded: Mask) -> I32:
    """Where the provider fails: overload, in an incident most of all, and failures of its own.

    Parameters
    ----------
    key : ndarray of uint64, shape (attempts,)
        Stream of each attempt.
    overloaded : ndarray of bool, shape (attempts,)
        Whether the provider is overloaded at that moment.

    Returns
    -------
    ndarray of int32, shape (attempts,)
        Index into `provider.ERRORS`; -1: it does not.
    """
    u = streams.uniform(streams.child(key, "errors"), 1)
    error = np.where(u < np.where(overloaded, _OVERLOAD_IN, _OVERLOAD_OUT), OVERLOADED, -1)
    return np.where((error < 0) & (u > _FAILURE_ABOVE), FAILED, error).astype(np.int32)


def opening_requests(sessions: Sessions, requests: int) -> Mask:
    """The first request of each account-day's first session. No limit turns it down: others give way.

    So whether it is answered can be told without the account's other requests; see `quotations`.

    Parameters
    ----------
    sessions : Sessions
        Sessions of whole account-days.
    requests : int
        How many they have.
    """
    opening = np.zeros(requests, np.bool_)
    opening[_first_of_day(sessions)] = True
    return opening


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


def queued(accounts: Accounts, account: I64, ts: I64, parallel: Mask) -> I64:
    """When requests arrive where clients hold back what would exceed their requests a minute, as most do.

    Such a client sends a request as soon as the one that lies a minute's worth of requests before is a minute old.

    Parameters
    ----------
    accounts : Accounts
        Accounts that send.
    account : ndarray of int64, shape (requests,)
        Which of them sends each request.
    ts : ndarray of int64, shape (requests,)
        When each is wanted, milliseconds since the window began.
    parallel : ndarray of bool, shape (requests,)
        Requests that may wait: nobody's turn, and nothing that is never turned down.
    """
    queues = streams.uniform(streams.child(accounts.key, "queue")) < _QUEUES
    limit = _own_parts(accounts) * subscription_plans.REQUESTS_PER_MINUTE[accounts.choices["plan"]]
    most = np.floor(_QUEUED_PART * limit).astype(np.int64)
    rows = np.flatnonzero(parallel & queues[account])
    order, stamp = _by_account_and_time(account[rows], ts[rows])
    rows = rows[order]
    before = np.arange(len(rows)) - most[account[rows]]
    crowded = np.zeros(len(accounts), np.bool_)
    near = stamp - stamp[np.maximum(before, 0)] < MINUTE_MS
    crowded[account[rows[(before >= 0) & near]]] = True
    rows = rows[crowded[account[rows]]]
    who = account[rows]
    turn, lane = np.divmod(np.arange(len(rows)) - np.searchsorted(who, who), most[who])
    # Those of a lane follow each other by a minute at least; lanes lie behind each other and do not mix.
    order = np.lexsort((turn, lane, who))
    rows, turn = rows[order], turn[order]
    free = ts[rows] - turn * MINUTE_MS
    apart = np.cumsum(turn == 0) * (1 + np.ptp(free) if len(free) else 1)
    result = ts.copy()
    result[rows] = np.maximum.accumulate(free + apart) - apart + turn * MINUTE_MS
    return result


def too_fast(accounts: Accounts, account: I64, ts: I64, tokens: I64, opening: Mask) -> Mask:
    """Requests beyond what the plan of their account allows a minute or a day, over all its sessions.

    What was turned down counts as well, as at OpenAI ("unsuccessful requests contribute to your per-minute limit",
    guide to rate limits), so that no minute has more answers than the plan allows.

    Parameters
    ----------
    accounts : Accounts
        Accounts that send.
    account : ndarray of int64, shape (requests,)
        Which of them sends each request.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    tokens : ndarray of int64, shape (requests,)
        What counts towards the limit of tokens.
    opening : ndarray of bool, shape (requests,)
        Requests that are never turned down, see `opening_requests`.
    """
    order, stamp = _by_account_and_time(account, ts)
    account, ts, tokens, first = account[order], ts[order], tokens[order], opening[order]
    here = np.arange(len(ts))
    plan = accounts.choices["plan"][account]
    began = np.searchsorted(stamp, stamp - MINUTE_MS, side="right")
    ends = np.searchsorted(stamp, stamp + MINUTE_MS, side="left")
    total, openings, of_openings = (np.r_[0, np.cumsum(x)] for x in (tokens, first, np.where(first, tokens, 0)))
    # There must be room for the openings of the minute that follows: those are answered in any case.
    room = _own_parts(accounts)[account]
    many = here + 1 - began + openings[ends] - openings[here + 1] > (
        room * subscription_plans.REQUESTS_PER_MINUTE[plan]
    )
    heavy = total[here + 1] - total[began] + of_openings[ends] - of_openings[here + 1]
    over = many | (heavy > room * subscription_plans.TOKENS_PER_MINUTE[plan])
    today = here - run_starts(account, ts // DAY_MS) + 1  # one is the opening's, whenever it comes
    over |= today >= room * subscription_plans.REQUESTS_PER_DAY[plan]
    result = np.zeros(len(ts), np.bool_)
    result[order] = over & ~first
    return result


def _own_parts(accounts: Accounts) -> F64:
    """Part of its limits that each account may fill itself: a relay sets room aside for what comes from others."""
    return np.where(relays(accounts.dials), OWN_PART, 1.0)


def finds_no_room(accounts: Accounts, account: I64, ts: I64, tokens: I64, asks: Mask) -> Mask:
    """Which of the later attempts find no room beside what was answered, in the minute before and the one behind.

    Parameters
    ----------
    accounts : Accounts
        Accounts that send.
    account, ts, tokens : ndarray of int64, shape (attempts,)
        Sender, arrival and counted tokens of what was not turned down, and of the attempts that ask.
    asks : ndarray of bool, shape (attempts,)
        Which of them are those that ask.

    Returns
    -------
    ndarray of bool, shape (attempts that ask,)
    """
    needed = np.zeros(len(accounts), np.bool_)
    needed[account[asks]] = True
    near = np.flatnonzero(needed[account])
    order, stamp = _by_account_and_time(account[near], ts[near])
    at = near[order]
    low = np.searchsorted(stamp, stamp - MINUTE_MS, side="right")
    high = np.searchsorted(stamp, stamp + MINUTE_MS, side="left")
    total = np.r_[0, np.cumsum(tokens[at])]
    plan, room = accounts.choices["plan"][account[at]], _own_parts(accounts)[account[at]]
    _, of, today = np.unique(stamp // DAY_MS, return_inverse=True, return_counts=True)
    full = high - low > room * subscription_plans.REQUESTS_PER_MINUTE[plan]
    full |= total[high] - total[low] > room * subscription_plans.TOKENS_PER_MINUTE[plan]
    full |= today[of] >= room * subscription_plans.REQUESTS_PER_DAY[plan]
    result = np.zeros(len(ts), np.bool_)
    result[at] = full
    return result[asks]


def _by_account_and_time(account: I64, ts: I64) -> tuple[I64, I64]:
    """Order by account and time, and in it one moment each: no minute of one account reaches into another's."""
    start = ts.min(initial=0) // DAY_MS * DAY_MS
    span = (2 + (ts.max(initial=0) - start) // DAY_MS) * DAY_MS
    stamp = account * span + (ts - start)
    order = np.argsort(stamp, kind="stable")
    return order, stamp[order]


def _overspent(batch: RequestBatch, ts: I64, cost: F64, opening: Mask) -> Mask:
    """Requests from the first that the monthly cap has no room for, until the day ends: then the cap is doubled.

    What the openings of a day cost is set aside when it begins, see `opening_requests`.
    """
    account, day = batch.account, ts // DAY_MS
    nano_usd = (cost * _NANO_USD).astype(np.int64)  # exact sums: no account's may depend on those before it
    cap = _NANO_USD * subscription_plans.SPEND_PER_MONTH[batch.accounts.choices["plan"]]
    spent, over = np.zeros(len(cap), np.int64), np.zeros(len(ts), np.bool_)
    reached = np.zeros(len(cap), np.bool_)
    order = np.lexsort((ts, account, day))
    for rows in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        cap = np.where(reached, 2 * cap, cap)
        sender, price, free = account[rows], nano_usd[rows], opening[rows]
        np.add.at(spent, sender, np.where(free, price, 0))
        price = np.where(free, 0, price)
        sums = np.cumsum(price)
        wanted = spent[sender] + sums - (sums - price)[np.searchsorted(sender, sender)]
        over[rows] = (wanted > cap[sender]) & ~free
        np.add.at(spent, sender, np.where(over[rows], 0, price))
        reached = np.zeros(len(cap), np.bool_)
        reached[sender[over[rows]]] = True
    return over


def _first_of_day(sessions: Sessions) -> I64:
    """First row of the account-day that each session belongs to."""
    return np.asarray(sessions.first[run_starts(sessions.account, sessions.day)])
