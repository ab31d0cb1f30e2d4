"""How much: tokens of fresh prompts, growing conversations, answers, thinking and the cache."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.rng import streams
from generator.schema import KINDS
from generator.workloads import dispatch

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.workloads.batch import Sessions


LIMITS = np.array([512, 1024, 2048, 4096, 8192, 16384, 32000])
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
_AGENT = KINDS.index("agent")
_LIMIT_EDGES = np.cumsum(_LIMIT_WEIGHTS, axis=1).astype(np.float32)


@dataclass
class Usage:
    """Token counters of requests; arrays of equal length.

    Attributes
    ----------
    turn : ndarray of int64
        Number of the request in its conversation; 0 for single calls.
    conversing : ndarray of bool
        Whether the session is one conversation.
    human : ndarray of bool
        Whether a person, not a tool's result, started the request.
    pause : ndarray of int64
        Milliseconds since the request before; -1 where arrivals decide.
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
        """Counters of some requests."""
        return Usage(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def draw_usage(accounts: Accounts, found: Sessions, session: I64, key: U64) -> Usage:
    """Tokens of each request, account first, then session, then request.

    Two thirds and more of the variance of log tokens lies between accounts in real logs (ServeGen); here the
    medians are habits of the account and only the rest varies inside it.
    """
    row, d = found.account[session], accounts.dials
    bits = streams.child(key, "tokens")
    talk = is_conversation(accounts, found)
    conversing = talk[session]
    order = np.arange(len(session)) - found.first[session]

    settings = streams.child(accounts.key, "settings")
    pause, human = np.full(len(session), -1), np.ones(len(session), np.bool_)
    whole, output = np.ones(len(session), np.int64), np.ones(len(session), np.int64)
    thinking = np.zeros(len(session), np.int64)
    for at, flow in dispatch.flows_by_kind(accounts, found, session, key, talk):
        whole[at], output[at], pause[at], human[at] = flow.input, flow.output, flow.pause, flow.human
        mine = bits[at]
        thinks = np.flatnonzero(streams.uniform(mine, 2) < d["reasoning"][row[at]])
        thought = (
            np.float32(0.8) * streams.uniform(mine[thinks], 3) if flow.thought is None else flow.thought[thinks]
        )
        thinking[at[thinks]] = (flow.output[thinks] * thought).astype(np.int64)
    limit = answer_limits(accounts, found.account, found.key)[session]
    cut = output > limit
    output = np.where(cut, limit, output)

    caching = (streams.uniform(settings, 1) < np.float32(0.6)) | (accounts.choices["kind"] == _AGENT)
    read, write = np.zeros(len(session), np.int64), np.zeros(len(session), np.int64)
    at = np.flatnonzero((talk & caching[found.account])[session])
    before = np.where(order[at] > 0, np.minimum(whole[at - 1], whole[at]), 0)
    read[at] = np.maximum(0, np.minimum((before * 0.985).astype(np.int64), whole[at] - 1))
    write[at] = ((whole[at] - read[at]) * 0.9).astype(np.int64)
    reasoning = np.minimum(thinking, np.maximum(0, output - 1))
    turn = np.where(conversing, order, 0)
    return Usage(whole, output, reasoning, write, read, limit, cut, turn, conversing, human, pause)


def answer_limits(accounts: Accounts, sender: I64, session_key: U64) -> I64:
    """Largest answer that each session allows when `sender` sends it."""
    bits = streams.child(settings_keys(accounts, sender, session_key), "limit")
    return np.asarray(_limit_of()[accounts.choices["kind"][sender], streams.halves(bits, 0)])


@cache
def _limit_of() -> I64:
    """Limit that each of the 65,536 uniforms draws, shape (kinds, 65536)."""
    every = np.arange(65536, dtype=np.uint64)
    return np.stack([LIMITS[streams.pick(every, np.tile(edges, (65536, 1)))] for edges in _LIMIT_EDGES])


def settings_keys(accounts: Accounts, sender: I64, session_key: U64) -> U64:
    """Stream of the settings of each session: one of the few sets of the account that sends it."""
    sets = np.clip(accounts.dials["templates"], 1, 4).astype(np.int64)[sender]
    nth = streams.below(streams.child(session_key, "route"), sets)
    return streams.items(streams.child(accounts.key, "routes")[sender], nth)


def is_conversation(accounts: Accounts, found: Sessions) -> Mask:
    """Whether each session is one growing conversation."""
    chance = accounts.dials["conversation"][found.account]
    return np.asarray(streams.uniform(streams.child(found.key, "conversation")) < chance)


def kinds(accounts: Accounts, row: I64) -> I32:
    """Workload kind of each request, an index into `schema.KINDS`."""
    return accounts.choices["kind"][row]
