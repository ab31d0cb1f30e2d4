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
    from generator.workloads.batch import RequestBatch

POD = 6  # accounts (a)
_LEAST_DELAY_MS, _PATIENCE_MS = 500, 8_000  # shortest delay of a second attempt, and what chance adds (a)
_DAY_MS = np.float32(86_400_000)


@dataclass
class RoutedRequests:
    """Requests as they arrive: rows of the author's requests, some of them twice; arrays of shape (attempts,).

    Attributes
    ----------
    row : ndarray of int64
        Request, as its author made it.
    sender : ndarray of int64
        Account that sends it, as a position in the accounts.
    ts : ndarray of int64
        Arrival, milliseconds since the window began.
    error : ndarray of int32
        What became of it, an index into `provider.ERRORS`; -1: answered.
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
    session, sender : ndarray of int64, shape (legs,)
        Session and sending account of each leg.
    of : ndarray of int64, shape (requests,)
        Leg of each request.
    """

    session: I64
    sender: I64
    of: I64


def session_legs(batch: RequestBatch, sender: I64) -> SessionLegs:
    """Legs of requests with the given senders.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    sender : ndarray of int64, shape (requests,)
        Account that sends each, as a position in the accounts.
    """
    sessions = batch.sessions
    hopped = np.flatnonzero(sender != batch.account)
    leg = batch.session.copy()
    leg[hopped] = len(sessions.key) + np.arange(len(hopped))
    return SessionLegs(
        session=np.r_[np.arange(len(sessions.key)), batch.session[hopped]],
        sender=np.r_[sessions.account, sender[hopped]],
        of=leg,
    )


def pod_members(plan: PopulationPlan, index: I64) -> I64:
    """Accounts outside `index` that stand in for one of those in it.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64
        Accounts, by number in the plan.
    """
    cohort = plan.account_cohort[index]
    relays = ((plan.dials["hopping"] > 0) | (plan.dials["handover"] > 0))[cohort]
    pods = np.unique(_pod_first(plan, index[relays]))
    size = _pod_size(plan, pods)
    member = np.repeat(pods, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.setdiff1d(member, index)


def route_requests(plan: PopulationPlan, batch: RequestBatch, ts: I64, turn: I64, error: I32) -> RoutedRequests:
    """Decide the sender of each request, and send rejected ones again.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests, as their authors make them.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    turn : ndarray of int64, shape (requests,)
        Number of each in its conversation; 0 for single calls.
    error : ndarray of int32, shape (requests,)
        What became of each at its author, an index into `provider.ERRORS`; -1: answered.
    """
    accounts, key = batch.accounts, batch.key
    bits = batch.stream("relay")
    hops = (turn > 0) & batch.sessions.work[batch.session] & (streams.uniform(bits, 0) < batch.dial("hopping"))
    gives_up = (error == REJECTED) & (streams.uniform(bits, 1) < batch.dial("handover"))
    row = np.flatnonzero(hops)
    sender = batch.account.copy()
    sender[row] = _stand_in(plan, accounts, sender[row], streams.mix(bits[row]), ts[row])
    again = np.flatnonzero(gives_up)
    delay = _LEAST_DELAY_MS + streams.below(streams.child(key[again], "second attempt"), _PATIENCE_MS)
    late = ts[again] + delay
    second = _stand_in(plan, accounts, sender[again], streams.child(key[again], "second sender"), late)
    moved = second != sender[again]
    again, late, second = again[moved], late[moved], second[moved]
    return RoutedRequests(
        row=np.r_[np.arange(len(ts)), again],
        sender=np.r_[sender, second],
        ts=np.r_[ts, late],
        error=np.r_[error, np.full(len(again), -1, np.int32)],
        resent=np.r_[np.zeros(len(ts), np.bool_), np.ones(len(again), np.bool_)],
    )


def _stand_in(plan: PopulationPlan, accounts: Accounts, sender: I64, bits: U64, ts: I64) -> I64:
    """Another member of each sender's pod, alive at the time and of its kind of work, or the sender itself."""
    index = accounts.index[sender]
    first = _pod_first(plan, index)
    size = _pod_size(plan, first)
    # One of the others, evenly: so many seats further round the pod.
    step = 1 + streams.below(bits, np.maximum(size - 1, 1))
    other = accounts.places(first + (index - first + step) % size)
    day = ts.astype(np.float32) / _DAY_MS
    alive = (accounts.born[other] <= day) & (accounts.gone[other] > day)
    kind = accounts.choices["kind"]
    return np.where(alive & (kind[other] == kind[sender]), other, sender)


def _pod_first(plan: PopulationPlan, index: I64) -> I64:
    return np.asarray(index - plan.account_member[index] % POD)


def _pod_size(plan: PopulationPlan, first: I64) -> I64:
    return np.asarray(np.minimum(POD, plan.sizes[plan.account_cohort[first]] - plan.account_member[first]))
