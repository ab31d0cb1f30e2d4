"""The provider's prompt cache: prefixes that an account used in the last minutes are read, others are written.

What is cached is the prefix that requests share: a template's system prompt and tools, and in a conversation all
that was said before. Every use keeps a prefix for some minutes more; only answered requests use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64, Mask, run_starts
from generator.rng import streams
from generator.schema import KINDS
from generator.workloads.batch import rounded_exp

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.workloads.batch import RequestBatch
    from generator.workloads.token_usage import Usage

NOBODY = -1  # no account was answered
EXPIRY_MS = 300_000  # from the last use (a)
_CACHING = np.float32(0.6)  # share of accounts that use the prompt cache; agents do all (a)
_READ, _WRITTEN = 0.985, 0.9  # share of the turn before that is read, and of the rest that is written (a)
_PREFIX_TOKENS, _PREFIX_SIGMA = 220, np.float32(1.0)  # of system prompt and tools: median, and SD of the log (a)


def uses_cache(accounts: Accounts) -> Mask:
    """Whether each account marks its prompts for the cache.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    """
    chosen = streams.uniform(streams.child(accounts.key, "settings"), 1) < _CACHING
    return np.asarray(chosen | (accounts.choices["kind"] == KINDS.index("agent")))


def prefix_tokens(template: U64) -> I64:
    """Tokens of the prefix that all prompts of a template begin with, whoever uses it.

    Parameters
    ----------
    template : ndarray of uint64
        Keys of templates.
    """
    return rounded_exp(_PREFIX_SIGMA * streams.normal(streams.child(template, "prefix tokens")), _PREFIX_TOKENS)


def conversation_reads(batch: RequestBatch, usage: Usage, ts: I64, served: I64) -> I64:
    """Tokens that turns of conversations read of the turn before, if it is fresh and the history still begins so.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    usage : Usage
        Tokens of each request.
    ts : ndarray of int64, shape (requests,)
        When each was sent, milliseconds since the window began.
    served : ndarray of int64, shape (requests,)
        Account that sent each and got an answer, as a position in the accounts; `NOBODY`: none.
    """
    reads = np.zeros(len(batch), np.int64)
    at = np.flatnonzero(usage.conversing & (served != NOBODY) & uses_cache(batch.accounts)[served])
    prompt = usage.input[at]
    fresh = (np.diff(batch.session[at]) == 0) & (np.diff(served[at]) == 0)
    fresh &= (np.diff(ts[at]) <= EXPIRY_MS) & (np.diff(prompt) >= 0)
    reads[at[1:]] = np.where(fresh, np.minimum((prompt[:-1] * _READ).astype(np.int64), prompt[1:] - 1), 0)
    return reads


def fill_counters(batch: RequestBatch, template: U64, usage: Usage, ts: I64, served: I64) -> None:
    """Set what each request reads from the cache and writes to it.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole accounts.
    template : ndarray of uint64, shape (sessions,)
        Key of each session's template; 0: none.
    usage : Usage
        Tokens of each request; its counters of the cache are set.
    ts : ndarray of int64, shape (requests,)
        When each was sent, milliseconds since the window began.
    served : ndarray of int64, shape (requests,)
        Account that sent each and got an answer, as a position in the accounts; `NOBODY`: none.
    """
    session = batch.session
    caches = (served != NOBODY) & uses_cache(batch.accounts)[served]
    read = conversation_reads(batch, usage, ts, served)
    prefix = prefix_tokens(template)[session]
    # What a relay sends is not seen beside the rest of its sender's.
    own = caches & (served == batch.account)
    at = np.flatnonzero(own & (template > 0)[session] & (prefix < usage.input))
    group = template[session[at]] ^ batch.accounts.key[batch.account[at]]
    order = np.lexsort((ts[at], group))
    group, when = group[order], ts[at[order]]
    # What arrives in the same millisecond finds nothing of each other.
    before = run_starts(group, when) - 1
    warm = (before >= 0) & (group[before] == group) & (when - when[before] <= EXPIRY_MS)
    found = at[order[warm]]
    read[found] = np.maximum(read[found], prefix[found])
    written = np.zeros(len(batch), np.int64)
    written[at] = np.maximum(prefix[at] - read[at], 0)
    talk = np.flatnonzero(caches & usage.conversing)
    written[talk] = ((usage.input[talk] - read[talk]) * _WRITTEN).astype(np.int64)
    usage.cache_read[:], usage.cache_write[:] = read, written
