"""Who sends a request: its author, or another member of the author's pod.

A pod is a handful of accounts of one cohort that stand in for each other, as behind a gateway: later turns of a
conversation hop between them, and what the provider rejects on one is sent again on the next. Pods are small so
that a shard can make the whole pod of its accounts without making the whole cohort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.rng import streams
from generator.traffic.rate_limits import REJECTED

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions

POD = 6  # accounts (a)
_PATIENCE_MS = 8_000  # longest delay of a second attempt (a)
_DAY_MS = np.float32(86_400_000)


@dataclass
class RoutedRequests:
    """Requests as they arrive: rows of the author's requests, some of them twice.

    Attributes
    ----------
    row : ndarray of int64
        Request, as its author made it.
    sender : ndarray of int64
        Account that sends it, as a position in the accounts.
    ts : ndarray of int64
        Arrival, milliseconds since the window began.
    error : ndarray of int32
        What became of it; -1: answered.
    resent : ndarray of bool
        Whether it is the second attempt, by another member, at one that was rejected.
    """

    row: I64
    sender: I64
    ts: I64
    error: I32
    resent: Mask


@dataclass
class SessionLegs:
    """What is decided once per session and sender: a session is one leg, and each request that hopped another.

    Attributes
    ----------
    session, sender : ndarray of int64
        Session and sending account of each leg.
    of : ndarray of int64
        Leg of each request.
    """

    session: I64
    sender: I64
    of: I64


def session_legs(found: Sessions, session: I64, sender: I64) -> SessionLegs:
    """Legs of requests with the given sessions and senders."""
    hopped = np.flatnonzero(sender != found.account[session])
    of = session.copy()
    of[hopped] = len(found.key) + np.arange(len(hopped))
    return SessionLegs(np.r_[np.arange(len(found.key)), session[hopped]], np.r_[found.account, sender[hopped]], of)


def pod_members(plan: PopulationPlan, index: I64) -> I64:
    """Accounts outside `index` that stand in for one of those in it."""
    cohort = plan.account_cohort[index]
    relays = ((plan.dials["hopping"] > 0) | (plan.dials["handover"] > 0))[cohort]
    pods = np.unique(_pod_first(plan, index[relays]))
    size = _pod_size(plan, pods)
    member = np.repeat(pods, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.setdiff1d(member, index)


def route_requests(
    plan: PopulationPlan,
    who: Accounts,
    found: Sessions,
    session: I64,
    key: U64,
    ts: I64,
    turn: I64,
    error: I32,
) -> RoutedRequests:
    """Decide the sender of each request, and send rejected ones again.

    Parameters
    ----------
    session, key, ts, turn, error : ndarray
        Session, stream, arrival, turn of the conversation and outcome of each request of its author.
    """
    author = found.account[session]
    bits = streams.child(key, "relay")
    hops = (turn > 0) & found.work[session] & (streams.uniform(bits, 0) < who.dials["hopping"][author])
    gives_up = (error == REJECTED) & (streams.uniform(bits, 1) < who.dials["handover"][author])
    row = np.flatnonzero(hops)
    sender = author.copy()
    sender[row] = _stand_in(plan, who, author[row], streams.mix(bits[row]), ts[row])
    again = np.flatnonzero(gives_up)
    late = ts[again] + 500 + streams.below(streams.child(key[again], "second attempt"), _PATIENCE_MS)
    second = _stand_in(plan, who, sender[again], streams.child(key[again], "second sender"), late)
    moved = second != sender[again]
    again, late, second = again[moved], late[moved], second[moved]
    return RoutedRequests(
        row=np.r_[np.arange(len(ts)), again],
        sender=np.r_[sender, second],
        ts=np.r_[ts, late],
        error=np.r_[error, np.full(len(again), -1, np.int32)],
        resent=np.r_[np.zeros(len(ts), np.bool_), np.ones(len(again), np.bool_)],
    )


def _stand_in(plan: PopulationPlan, who: Accounts, account: I64, bits: U64, ts: I64) -> I64:
    """Another member of each account's pod, alive at the time and of its kind of work, or the account itself."""
    index = who.index[account]
    first = _pod_first(plan, index)
    size = _pod_size(plan, first)
    # One of the others, evenly: so many seats further round the pod.
    step = 1 + streams.below(bits, np.maximum(size - 1, 1))
    wanted = first + (index - first + step) % size
    place = who.places(wanted)
    day = ts.astype(np.float32) / _DAY_MS
    alive = (who.born[place] <= day) & (who.gone[place] > day)
    kind = who.choices["kind"]
    return np.where(alive & (kind[place] == kind[account]), place, account)


def _pod_first(plan: PopulationPlan, index: I64) -> I64:
    return np.asarray(index - plan.account_member[index] % POD)


def _pod_size(plan: PopulationPlan, first: I64) -> I64:
    return np.asarray(np.minimum(POD, plan.sizes[plan.account_cohort[first]] - plan.account_member[first]))
