"""Who sends a request: its author, or another member of the author's pod.

Later turns of a conversation move to another member and stay there for a while, as behind a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask, map_arrays
from generator.population import model_calendar
from generator.population.pods import stand_in
from generator.rng import streams
from generator.schema import DAY_MS
from generator.traffic import provider, rate_limits
from generator.traffic.rate_limits import FOREIGN, INVALID, REJECTED

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch

LONGEST = 20_000  # tokens; a longer context stays where it is cached, and the others' limits have room for it (a)
# Share of failed attempts that the client repeats, by their number: at most three tries (a).
_TRIES_AGAIN = np.array([0.75, 0.5], np.float32)
MOST_RETRIES = len(_TRIES_AGAIN)
_SENDS_ON = np.float32(0.1)  # share of moved conversations whose reasoning is sent on to another account (a)
_BACK_OFF_MS = 500  # before the second attempt; twice as much before the next, as the SDKs of providers do
_JITTER_RANGE = np.float32(0.5)  # of the pause, that chance adds (a)


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


def relayed_turns(batch: RequestBatch, turn: I64, tokens: I64) -> U64:
    """Turns that another member of the pod sends: a relay moves a conversation, and keeps it there for some turns.

    Parameters
    ----------
    batch : RequestBatch
        The requests, as their authors make them.
    turn : ndarray of int64, shape (requests,)
        Number of each in its conversation; 0 for single calls.
    tokens : ndarray of int64, shape (requests,)
        Of the prompts.

    Returns
    -------
    ndarray of uint64, shape (requests,)
        Stream of the stretch of turns that each is one of; 0: its author sends it.
    """
    number = np.maximum(turn - 1, 0) // batch.dial("sticky").astype(np.int64)
    stretch = streams.items(streams.child(batch.sessions.key, "relay")[batch.session], number)
    moves = (turn > 0) & (tokens <= LONGEST) & batch.sessions.work[batch.session]
    return np.where(moves & (streams.uniform(stretch, 0) < batch.dial("hopping")), stretch, np.uint64(0))


def senders(plan: PopulationPlan, batch: RequestBatch, ts: I64, relayed: U64) -> I64:
    """Account that sends each request first, as a position in the accounts; shape (requests,).

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests, as their authors make them.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    relayed : ndarray of uint64, shape (requests,)
        See `relayed_turns`.
    """
    row = np.flatnonzero(relayed)
    sender = batch.account.copy()
    sender[row] = stand_in(plan, batch.accounts, sender[row], streams.mix(relayed[row]), ts[row])
    return sender


def with_foreign_reasoning(batch: RequestBatch, reasoning: I64, sender: I64, error: I32) -> I64:
    """Requests that carry the encrypted reasoning of the turn before, which another account was given.

    That fails once in a conversation: then the relay takes it out.

    Parameters
    ----------
    batch : RequestBatch
        The requests: those of a session lie together.
    reasoning : ndarray of int64, shape (requests,)
        Tokens of reasoning in their answers.
    sender : ndarray of int64, shape (requests,)
        Account that sends each.
    error : ndarray of int32, shape (requests,)
        What becomes of each else; -1: answered.

    Returns
    -------
    ndarray of int64
        Which of the requests.
    """
    moved = (sender[1:] != sender[:-1]) & (batch.session[1:] == batch.session[:-1])
    moved &= (error[1:] < 0) & (error[:-1] < 0) & (reasoning[:-1] > 0)
    at = 1 + np.flatnonzero(moved & (sender != batch.account)[1:])
    session, first = np.unique(batch.session[at], return_index=True)
    keeps_it = streams.uniform(streams.child(batch.sessions.key, "reasoning"), 0)[session] < _SENDS_ON
    return np.asarray(at[first[keeps_it]])


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
    # Reasoning of another account is taken out at once.
    chance = np.where(before.error == FOREIGN, 1, np.append(_TRIES_AGAIN, np.float32(0))[number])
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


def within_window(
    plan: PopulationPlan, accounts: Accounts, author: I64, model: I32, routed: RoutedRequests
) -> Mask:
    """Which attempts arrive in the window, on living accounts, before a withdrawal, as the first of their request.

    Nobody sends for an author that is gone, or not yet there: the turns between would be missing.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, routed : Accounts, RoutedRequests
        Accounts, and the attempts that they send.
    author, model : ndarray of int, shape (attempts,)
        Who made the request of each, as a position in the accounts, and the model that it asks for.
    """
    day = routed.ts / DAY_MS
    inside = (routed.ts >= 0) & (routed.ts < plan.config.days * DAY_MS)
    inside &= model_calendar.is_offered(plan, model, routed.ts)
    for who in (author, routed.sender):
        inside &= (day >= accounts.born[who]) & (day < accounts.gone[who])
    return np.asarray(inside & inside[routed.row])  # no second attempt at what was never logged
