"""Who sends a request: its author, or another member of the author's pod.

A pod is a handful of accounts of one cohort that stand in for each other, as behind a gateway: later turns of a
conversation hop between them, and what the provider rejects on one is sent again on the next. Pods are small so
that a shard can make the whole pod of its accounts without making the whole cohort.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask, map_arrays
from generator.config.parameters import CHOICES
from generator.population.accounts import relays
from generator.rng import streams
from generator.traffic import provider, rate_limits
from generator.traffic.rate_limits import INVALID, REJECTED

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch

LONGEST = 20_000  # tokens; a longer context stays where it is cached, and the others' limits have room for it (a)
POD = 6  # accounts (a)
# Share of failed attempts that the client repeats, by their number: at most three tries (a).
_TRIES_AGAIN = np.array([0.75, 0.5], np.float32)
MOST_RETRIES = len(_TRIES_AGAIN)
_BACK_OFF_MS = 500  # before the second attempt; twice as much before the next, as the SDKs of providers do
_JITTER_RANGE = np.float32(0.5)  # of the pause, that chance adds (a)
_DAY_MS = np.float32(86_400_000)
_AGGREGATOR = CHOICES["channel"].index("aggregator")


@dataclass
class RoutedRequests:
    """Requests as they arrive, some of them more than once; arrays of shape (attempts,).

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
    attempt : ndarray of int64
        Number of the attempt at its request, from 0.
    resent : ndarray of bool
        Whether it is the attempt of another member at one that was rejected.
    """

    row: I64
    sender: I64
    ts: I64
    error: I32
    attempt: I64
    resent: Mask

    def take(self, at: I64) -> RoutedRequests:
        """Some of the attempts.

        Parameters
        ----------
        at : ndarray of int64
            Which of them.
        """
        taken: RoutedRequests = map_arrays(lambda values: values[at], self)
        return taken

    def and_then(self, later: RoutedRequests) -> RoutedRequests:
        """These attempts and others at the same requests.

        Parameters
        ----------
        later : RoutedRequests
            The others.
        """
        both: RoutedRequests = map_arrays(lambda *parts: np.concatenate(parts), self, later)
        return both


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
    pods = np.unique(pod_first(plan, index[relays(plan.dials)[cohort]]))
    size = _pod_size(plan, pods)
    member = np.repeat(pods, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.setdiff1d(member, index)


def hopping_turns(batch: RequestBatch, turn: I64, tokens: I64) -> Mask:
    """Which requests another member sends: later turns of conversations hop between the accounts of a pod.

    Parameters
    ----------
    batch : RequestBatch
        The requests, as their authors make them.
    turn : ndarray of int64, shape (requests,)
        Number of each in its conversation; 0 for single calls.
    tokens : ndarray of int64, shape (requests,)
        Of the prompts.
    """
    hops = streams.uniform(batch.stream("relay"), 0) < batch.dial("hopping")
    return np.asarray((turn > 0) & (tokens <= LONGEST) & batch.sessions.work[batch.session] & hops)


def attempt_keys(key: U64, attempt: I64) -> U64:
    """Stream of each attempt at a request; that of the first is the request's own.

    Parameters
    ----------
    key : ndarray of uint64, shape (attempts,)
        Stream of the request.
    attempt : ndarray of int64, shape (attempts,)
        Number of the attempt, from 0.
    """
    return np.where(attempt > 0, streams.items(streams.child(key, "attempt"), attempt), key)


def first_attempts(plan: PopulationPlan, batch: RequestBatch, ts: I64, hops: Mask, error: I32) -> RoutedRequests:
    """Each request once: its author sends it, or another member of the pod.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests, as their authors make them.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    hops : ndarray of bool, shape (requests,)
        See `hopping_turns`.
    error : ndarray of int32, shape (requests,)
        What becomes of each, an index into `provider.ERRORS`; -1: answered.
    """
    row = np.flatnonzero(hops)
    sender = batch.account.copy()
    bits = streams.mix(batch.stream("relay")[row])
    sender[row] = stand_in(plan, batch.accounts, sender[row], bits, ts[row])
    n = len(batch)
    return RoutedRequests(np.arange(n), sender, ts, error, np.zeros(n, np.int64), np.zeros(n, np.bool_))


def send_again(batch: RequestBatch, before: RoutedRequests, first_token: I64, latest: I64) -> RoutedRequests:
    """The same senders' next attempts at what failed, after a pause that doubles; their fate is not decided.

    Parameters
    ----------
    batch : RequestBatch
        The requests, as their authors make them.
    before : RoutedRequests
        The attempts before; one a request at most.
    first_token : ndarray of int64, shape (requests,)
        Milliseconds to the first token, had each been answered.
    latest : ndarray of int64, shape (requests,)
        Until when an answer is of use to begin, milliseconds since the window began.
    """
    number = before.attempt
    chance = np.append(_TRIES_AGAIN, np.float32(0))[number]
    bits = streams.child(attempt_keys(batch.key[before.row], number), "again")
    fails = (before.error >= 0) & (before.error != INVALID) & (streams.uniform(bits, 0) < chance)
    at = np.flatnonzero(fails)
    row, key = before.row[at], attempt_keys(batch.key[before.row[at]], number[at])
    jitter = 1 + streams.uniform(bits[at], 1) * _JITTER_RANGE
    pause = (_BACK_OFF_MS * 2 ** number[at] * jitter).astype(np.int64)
    ts = before.ts[at] + provider.failure_times(first_token[row], key) + pause
    kept = np.flatnonzero(ts <= latest[row])
    again = before.take(at[kept])
    return replace(again, ts=ts[kept], attempt=again.attempt + 1)


def finds_no_room(batch: RequestBatch, tokens: I64, sent: RoutedRequests, asks: RoutedRequests) -> Mask:
    """Which later attempts find no room at their sender, beside what was sent and not turned down.

    Parameters
    ----------
    batch : RequestBatch
        The requests, as their authors make them.
    tokens : ndarray of int64, shape (requests,)
        What counts towards the limit of tokens.
    sent, asks : RoutedRequests
        Attempts before, and those that ask.
    """
    asked = sent.take(np.flatnonzero(sent.error != REJECTED)).and_then(asks)
    last = np.arange(len(asked.row)) >= len(asked.row) - len(asks.row)
    return rate_limits.finds_no_room(batch.accounts, asked.sender, asked.ts, tokens[asked.row], last)


def stand_in(plan: PopulationPlan, accounts: Accounts, sender: I64, bits: U64, ts: I64) -> I64:
    """Another member of each sender's pod, alive, of its kind of work and as visible, or the sender itself.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Senders and the members of their pods.
    sender : ndarray of int64, shape (n,)
        Positions in them.
    bits : ndarray of uint64, shape (n,)
        One draw each; members of a pod with the same draw have different ones that stand in for them.
    ts : ndarray of int64, shape (n,)
        When, milliseconds since the window began.
    """
    index = accounts.index[sender]
    first = pod_first(plan, index)
    size = _pod_size(plan, first)
    # One of the others, evenly: so many seats further round the pod.
    step = 1 + streams.below(bits, np.maximum(size - 1, 1))
    other = accounts.places(first + (index - first + step) % size)
    day = ts.astype(np.float32) / _DAY_MS
    alive = (accounts.born[other] <= day) & (accounts.gone[other] > day)
    kind, hides = accounts.choices["kind"], accounts.choices["channel"] == _AGGREGATOR
    # Nor does a conversation go to where it can't be seen to go on.
    return np.where(alive & (kind[other] == kind[sender]) & (hides[other] == hides[sender]), other, sender)


def pod_first(plan: PopulationPlan, index: I64) -> I64:
    """First member of the pod of each account, all by number in the plan.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64
        Accounts.
    """
    return np.asarray(index - plan.account_member[index] % POD)


def _pod_size(plan: PopulationPlan, first: I64) -> I64:
    return np.asarray(np.minimum(POD, plan.sizes[plan.account_cohort[first]] - plan.account_member[first]))
