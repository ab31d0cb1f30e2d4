"""How much: tokens of fresh prompts, growing conversations, answers, thinking and the cache."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64, Mask
from generator.rng import streams
from generator.schema import KINDS
from generator.workloads import dispatch

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.workloads.batch import RequestBatch, Sessions


LIMITS = np.array([512, 1024, 2048, 4096, 8192, 16384, 32000])
"""Largest answers that requests ask for, tokens (a)."""
# One row per kind: agents, chats and reasoning leave room (a).
_LIMIT_WEIGHTS = np.array(
    [
        [0.03, 0.12, 0.22, 0.35, 0.28, 0, 0],
        [0, 0, 0, 0.02, 0.06, 0.22, 0.7],
        [0, 0.14, 0.2, 0.32, 0.16, 0.1, 0.08],
        [0.04, 0.2, 0.12, 0.3, 0.16, 0.1, 0.08],
        [0, 0, 0, 0, 0.06, 0.24, 0.7],
    ]
)
_LIMIT_EDGES = np.cumsum(_LIMIT_WEIGHTS, axis=1).astype(np.float32)
_AGENT, _CODE = KINDS.index("agent"), KINDS.index("code")
_THOUGHT = np.float32(0.8)  # largest share of thinking where the kind has no law for it (a)
_OFFERS_TOOLS = np.float32(0.7)  # share of an account's sets of settings that offer tools, agents apart (a)
_MOST_SETTINGS = 4  # sets of settings that an account uses (a)
_UNIFORMS = 65_536  # steps of `streams.uniform`


@dataclass
class Usage:
    """Token counters of requests; arrays of shape (requests,).

    Attributes
    ----------
    input, output : ndarray of int64
        Tokens of the prompt (what comes from the cache included) and of the answer (thinking included).
    reasoning : ndarray of int64
        Tokens of thinking.
    cache_write, cache_read : ndarray of int64
        Tokens of the prompt that are written to the cache and read from it; see `prompt_cache`.
    max_tokens : ndarray of int64
        Largest answer that the request allows, tokens.
    cut : ndarray of bool
        Whether the answer reached it.
    turn : ndarray of int64
        Number of the request in its conversation; 0 for single calls.
    conversing : ndarray of bool
        Whether the session is one conversation.
    human : ndarray of bool
        Whether a person, not a tool's result, started the request.
    pause : ndarray of int64
        Milliseconds since the request before, in conversations since its answer; -1 where arrivals decide.
    """

    input: I64
    output: I64
    reasoning: I64
    cache_write: I64
    cache_read: I64
    max_tokens: I64
    cut: Mask
    turn: I64
    conversing: Mask
    human: Mask
    pause: I64

    def take(self, rows: I64) -> Usage:
        """Counters of some requests.

        Parameters
        ----------
        rows : ndarray of int64
            Which of them.
        """
        return Usage(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass
class RecurringPrompts:
    """Single calls whose prompt comes more than once: equal prompts are equally long; shape (recurring requests,).

    Attributes
    ----------
    row : ndarray of int64
        Request, a row of its batch.
    prompt : ndarray of uint64
        Key of the prompt, template included.
    length : ndarray of int64
        Tokens, where the prompt has a length whoever asks; 0: the account's first one has drawn it.
    """

    row: I64
    prompt: U64
    length: I64

    def lengths(self, drawn: I64) -> I64:
        """Tokens of each.

        Parameters
        ----------
        drawn : ndarray of int64, shape (requests of the batch,)
            Tokens that the law of each request's kind has drawn.
        """
        _, first, place = np.unique(self.prompt, return_index=True, return_inverse=True)
        return np.where(self.length > 0, self.length, drawn[self.row[first]][place])


def draw_usage(batch: RequestBatch, recurring: RecurringPrompts | None = None) -> Usage:
    """Tokens of each request, account first, then session, then request.

    Two thirds and more of the variance of log tokens lies between accounts in real logs (ServeGen); here the
    medians are habits of the account and only the rest varies inside it.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions; of whole accounts, where prompts recur.
    recurring : RecurringPrompts, optional
        Those whose prompt comes more than once.
    """
    accounts, sessions, n = batch.accounts, batch.sessions, len(batch)
    bits = batch.stream("tokens")
    talk = is_conversation(accounts, sessions)
    conversing = talk[batch.session]
    order = np.arange(n) - sessions.first[batch.session]

    pause, human = np.full(n, -1), np.ones(n, np.bool_)
    prompt, output, thinking = np.ones(n, np.int64), np.ones(n, np.int64), np.zeros(n, np.int64)
    reasoning_share = batch.dial("reasoning")
    for at, flow in dispatch.flows_by_kind(batch, talk):
        prompt[at], output[at], pause[at], human[at] = flow.input, flow.output, flow.pause, flow.human
        own_bits = bits[at]
        thinks = np.flatnonzero(streams.uniform(own_bits, 2) < reasoning_share[at])
        thought = _THOUGHT * streams.uniform(own_bits[thinks], 3) if flow.thought is None else flow.thought[thinks]
        thinking[at[thinks]] = (flow.output[thinks] * thought).astype(np.int64)
    if recurring:
        prompt[recurring.row] = recurring.lengths(prompt)
    limit = answer_limits(accounts, sessions.account, sessions.key)[batch.session]
    cut = output >= limit
    output = np.where(cut, limit, output)

    reasoning = np.minimum(thinking, np.maximum(0, output - 1))
    turn = np.where(conversing, order, 0)
    none = np.zeros(n, np.int64)
    return Usage(prompt, output, reasoning, none, none.copy(), limit, cut, turn, conversing, human, pause)


def forget_lost_answers(batch: RequestBatch, usage: Usage, answered: Mask) -> None:
    """Take what never was out of histories: behind a turn that failed, a conversation has grown by nothing.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    usage : Usage
        Tokens of each request; inputs and numbers of turns are changed.
    answered : ndarray of bool, shape (requests,)
        Whether it was answered in the end.
    """
    lost = usage.conversing & ~answered
    touched = np.zeros(len(batch.sessions.key), np.bool_)
    touched[batch.session[lost]] = True
    at = np.flatnonzero(touched[batch.session])
    session, tokens, failed = batch.session[at], usage.input[at], lost[at]
    behind = np.r_[False, failed[:-1] & (np.diff(session) == 0)] if len(at) else failed
    first = np.searchsorted(session, session)
    grown, turns = (np.cumsum(x) for x in (np.where(behind, np.maximum(np.diff(tokens, prepend=0), 0), 0), behind))
    # Behind a summary there may be less than was lost: never below the smallest prompt so far.
    apart = session * (1 + tokens.max(initial=0))
    least = np.minimum.accumulate(tokens - apart) + apart
    usage.input[at] = np.maximum(tokens - (grown - grown[first]), least)
    usage.turn[at] -= turns - turns[first]


def answer_limits(accounts: Accounts, sender: I64, session_key: U64) -> I64:
    """Largest answer that each session allows, in tokens, when `sender` sends it.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    sender : ndarray of int64, shape (sessions,)
        Sending account of each session, as a position in `accounts`.
    session_key : ndarray of uint64, shape (sessions,)
        Stream of each session.
    """
    bits = streams.child(settings_keys(accounts, sender, session_key), "limit")
    return np.asarray(_limit_by_uniform()[accounts.choices["kind"][sender], streams.halves(bits, 0)])


@cache
def _limit_by_uniform() -> I64:
    """Limit that each of the uniforms draws, shape (kinds, uniforms)."""
    every = np.arange(_UNIFORMS, dtype=np.uint64)
    return np.stack([LIMITS[streams.pick(every, np.tile(edges, (_UNIFORMS, 1)))] for edges in _LIMIT_EDGES])


def settings_keys(accounts: Accounts, sender: I64, session_key: U64) -> U64:
    """Stream of the settings of each session: one of the few sets of the account that sends it.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    sender : ndarray of int64, shape (sessions,)
        Sending account of each session, as a position in `accounts`.
    session_key : ndarray of uint64, shape (sessions,)
        Stream of each session.
    """
    sets = np.clip(accounts.dials["templates"], 1, _MOST_SETTINGS).astype(np.int64)[sender]
    nth = streams.below(streams.child(session_key, "route"), sets)
    return streams.items(streams.child(accounts.key, "routes")[sender], nth)


def offered_tools(accounts: Accounts, sender: I64, session_key: U64) -> I64:
    """Number of tools that each session offers to the model, when `sender` sends it. Agents always offer some.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    sender : ndarray of int64, shape (sessions,)
        Sending account of each session, as a position in `accounts`.
    session_key : ndarray of uint64, shape (sessions,)
        Stream of each session.
    """
    settings = settings_keys(accounts, sender, session_key)
    agent = (accounts.choices["kind"] == _AGENT)[sender]
    offers = agent | (streams.uniform(settings, 0) < _OFFERS_TOOLS)
    most = accounts.dials["tools"][sender] * (np.float32(0.5) + streams.uniform(settings, 1) / 2)
    return np.where(offers, np.maximum(np.floor(most), agent), 0).astype(np.int64)


def is_conversation(accounts: Accounts, sessions: Sessions) -> Mask:
    """Whether each session is one growing conversation.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the sessions.
    sessions : Sessions
        The sessions.
    """
    completes = accounts.choices["kind"] == _CODE  # completions carry no history, whatever an archetype says
    chance = np.where(completes, np.float32(0), accounts.dials["conversation"])[sessions.account]
    return np.asarray(streams.uniform(streams.child(sessions.key, "conversation")) < chance)
