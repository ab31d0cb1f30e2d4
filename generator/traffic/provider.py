"""The provider's side: what is asked for and what it costs, stop reasons, latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I32, I64, U64, Integers, Mask
from generator.population import model_calendar
from generator.population.model_calendar import BATCH, CACHE_READ, CACHE_WRITE, DECOY, MODELS, NEW
from generator.rng import exact_functions, streams
from generator.schema import DAY_MS, KINDS
from generator.workloads.token_usage import Usage, is_conversation

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions

_PIVOT_DELAY = 0.1  # days from a release to the first accounts that move to it alone (a)
_SECOND_MODEL = np.float32(0.12)  # share of sessions that ask for another than the usual model (a)
_TRIES_DECOY = np.float32(0.08)  # share of the sessions of an account that found the decoy (a)
# A weaker model answers on an account for so long after a flag: five hours in the median, a day at most (a).
_FALLBACK_MS, _FALLBACK_SIGMA = 18_000_000, np.float32(0.7)
_AFTER_ALL = 1 << 40  # milliseconds: later than any moment of a window
STOP_REASONS = ("end_turn", "max_tokens", "tool_use", "stop_sequence", "refusal")
_END_TURN, _MAX_TOKENS, _TOOL_USE, _STOP_SEQUENCE, _REFUSAL = range(len(STOP_REASONS))
_STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
    "invalid_encrypted_content": 400,  # reasoning that another account was given
}
ERRORS = tuple(_STATUS_OF_ERROR)
ERROR_STATUS = np.array(list(_STATUS_OF_ERROR.values()), np.int16)
_ANSWERED_STATUS = 200
# Share of answers that call a tool, where tools are offered (a).
_CALLS_TOOL = {"api": 0.2, "reasoning": 0.01, "conversation": 0.04, "code": 0.005, "agent": 0.85}
_CALLS_TOOL_BY_KIND = np.array([_CALLS_TOOL[kind] for kind in KINDS], np.float32)
_STOPPED = 900  # of 65,536 answers end at a stop sequence (a)
# Load of each hour (UTC) in quarters of the peak's, and what the peak adds to latency (a).
_HOURS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 2, 2, 1, 1])
_HOUR_MS, _PEAK_LOAD, _PEAK_QUARTERS = 3_600_000, 0.25, 4
_SLOWER = 2.5  # latency during an incident, against the usual (a)
_PREFILL_MS = 0.0157  # per uncached input token (a)
_FIRST_SIGMA, _REST_SIGMA = np.float32(0.3), np.float32(0.15)  # log SD of latency (a)
# A failure takes so long, and a part of the time to the first token, at most so much of it (a).
_FAILURE_MS, _FAILURE_PART, _LONGEST_CHECK_MS = 20, np.float32(0.25), 20_000
# What a batch waits for: 25 minutes in the median, from one to nearly a day (a).
_QUEUE_MS, _QUEUE_SIGMA, _SHORTEST_QUEUE_MS, _LONGEST_QUEUE_MS = 1_500_000, np.float32(0.9), 60_000, 86_000_000


@dataclass
class Response:
    """What the provider answered; arrays of shape (requests,).

    Attributes
    ----------
    error : ndarray of int32
        Index into `ERRORS`; -1: answered.
    status : ndarray of int16
        Status of HTTP.
    stop : ndarray of int32
        Index into `STOP_REASONS`; -1: failed.
    """

    error: I32
    status: npt.NDArray[np.int16]
    stop: I32


def requested_models(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> I32:
    """Model that each session asks for: the account's usual one, a stand-in while that is away, or a new one.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.

    Returns
    -------
    ndarray of int32, shape (sessions,)
        Index into `MODELS`.
    """
    weights = model_calendar.usual_weights(plan)
    account = sessions.account
    bits, more = streams.child(sessions.key, "model"), streams.child(sessions.key, "new model")
    usual = streams.pick(streams.child(accounts.key, "model"), weights)[account]
    second = streams.pick(bits, weights, 0)
    chosen = np.where(streams.uniform(bits, 1) < _SECOND_MODEL, second, usual)
    chosen = model_calendar.in_place_of_absent(plan, chosen, sessions.start, accounts.key[account])
    release_day = model_calendar.release_day(plan)
    moved = sessions.start >= int((release_day + _PIVOT_DELAY) * DAY_MS)
    pivot = streams.uniform(bits, 2) < accounts.dials["pivot"][account]
    released = release_day + streams.uniform(more, 0) * accounts.dials["pivot_lag"][account]
    joint = sessions.work & (streams.uniform(more, 1) < accounts.dials["release_pivot"][account])
    new = (moved & pivot) | (joint & (sessions.start >= (released * DAY_MS).astype(np.int64)))
    knows = streams.uniform(streams.child(accounts.key, "decoy")) < accounts.dials["decoy"]
    decoy = knows[account] & (streams.uniform(more, 2) < _TRIES_DECOY)
    return np.where(decoy, DECOY, np.where(new, NEW[plan.split], chosen)).astype(np.int32)


def is_batch(accounts: Accounts, sessions: Sessions) -> Mask:
    """Whether each session is sent as a batch, at the batch tier's price: single calls, nobody waits for them.

    Parameters
    ----------
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.
    """
    share = accounts.dials["batch"][sessions.account]
    chosen = streams.uniform(streams.child(sessions.key, "batch")) < share
    return np.asarray(chosen & ~is_conversation(accounts, sessions))


def served_models(plan: PopulationPlan, rows: dict[str, npt.NDArray[Any]]) -> I32:
    """Model that answers each request: the one asked for, or a weaker one.

    A weaker one answers what the classifier flags, and on the same account all that follows an answer to such a
    prompt for some hours, whoever the account is and whatever the rest asks.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    rows : dict of str to ndarray, shape (requests,)
        Columns ts, model, stop_category, status, owner and key of all requests of some accounts.

    Returns
    -------
    ndarray of int, shape (requests,)
        Index into `MODELS`.
    """
    ts, model, owner = (rows[name] for name in ("ts", "model", "owner"))
    flagged = rows["stop_category"] >= 0
    starts = flagged & (rows["status"] == _ANSWERED_STATUS)
    normal = streams.normal(streams.child(rows["key"][starts], "fallback"))
    lasts = np.minimum(exact_functions.exp(_FALLBACK_SIGMA * normal) * _FALLBACK_MS, DAY_MS).astype(np.int64)
    until = np.zeros(len(ts), np.int64)
    until[starts] = ts[starts] + lasts
    touched = np.flatnonzero(flagged | np.isin(owner, owner[starts]))
    # At the same moment what starts a fallback comes last: the order of rows decides nothing.
    at = touched[np.lexsort((starts[touched], ts[touched], owner[touched]))]
    of_owner = owner[at].astype(np.int64) * _AFTER_ALL
    latest = np.maximum.accumulate(of_owner + until[at]) - of_owner
    at = at[flagged[at] | (latest > ts[at])]
    served = model.copy()
    served[at] = model_calendar.weaker_models(plan, model[at], ts[at])
    return served


def list_price(model: I32, usage: Usage, batch_tier: Mask) -> F64:
    """List price of each request in USD, cache and batch tier included.

    Parameters
    ----------
    model : ndarray of int32, shape (requests,)
        Index into `MODELS`.
    usage : Usage
        Tokens of each request.
    batch_tier : ndarray of bool, shape (requests,)
        Whether the request is part of a batch.
    """
    return token_price(model, (usage.input, usage.cache_read, usage.cache_write, usage.output), batch_tier)


def token_price(model: I32, tokens: tuple[Integers, Integers, Integers, Integers], batch_tier: Mask) -> F64:
    """List price of each request in USD, by its numbers of tokens.

    Parameters
    ----------
    model : ndarray of int, shape (requests,)
        Index into `MODELS`.
    tokens : tuple of ndarray of int, shape (requests,)
        Input, of it read from the cache and written to it, and output.
    batch_tier : ndarray of bool, shape (requests,)
        Whether the request is part of a batch.
    """
    per_input, per_output = (
        np.array(prices).take(model) / 1e6
        for prices in ([m.input_price for m in MODELS], [m.output_price for m in MODELS])
    )
    prompt, read, write, output = tokens
    fresh = prompt - read + (CACHE_WRITE - 1) * write
    full = per_input * (fresh + CACHE_READ * read) + per_output * output
    return np.asarray(np.where(batch_tier, BATCH * full, full))


def answer_times(
    batch: RequestBatch, ts: I64, usage: Usage, model: I32, overloaded: Mask, batch_tier: Mask
) -> tuple[I64, I64]:
    """Milliseconds that answers take, and until their first token.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    ts : ndarray of int64, shape (requests,)
        When each is sent, milliseconds since the window began.
    usage : Usage
        Tokens of each request.
    model : ndarray of int32, shape (requests,)
        Index into `MODELS`.
    overloaded : ndarray of bool, shape (requests,)
        Whether the provider is overloaded at that moment.
    batch_tier : ndarray of bool, shape (requests,)
        Whether it is sent as a batch, which is answered when there is nothing else to do.

    Returns
    -------
    latency, first_token : ndarray of int64, shape (requests,)
        Milliseconds to the end and to the first token.
    """
    bits = batch.stream("response 2")
    per_token = np.array([m.per_token for m in MODELS], np.float32)[model]
    base = np.array([m.first_token for m in MODELS], np.float32)[model]
    noise = exact_functions.exp(_FIRST_SIGMA * streams.normal(bits, 1))
    load = 1 + _PEAK_LOAD * _HOURS[(ts % DAY_MS) // _HOUR_MS] / _PEAK_QUARTERS
    load = np.where(overloaded, _SLOWER * load, load)
    first = (base + _PREFILL_MS * (usage.input - usage.cache_read)) * noise * load
    rest = usage.output * per_token * load * exact_functions.exp(_REST_SIGMA * streams.normal(bits, 2))
    waits = np.flatnonzero(batch_tier)
    queue = (
        exact_functions.exp(_QUEUE_SIGMA * streams.normal(streams.child(batch.key[waits], "queue"))) * _QUEUE_MS
    )
    first[waits] += np.clip(queue, _SHORTEST_QUEUE_MS, _LONGEST_QUEUE_MS)
    return (first + rest).astype(np.int64), first.astype(np.int64)


def failure_times(first_token: I64, key: U64) -> I64:
    """Milliseconds until a failure is told.

    Parameters
    ----------
    first_token : ndarray of int64, shape (attempts,)
        Milliseconds to the first token that would have come.
    key : ndarray of uint64, shape (attempts,)
        Stream of each attempt.
    """
    part = streams.uniform(streams.child(key, "failure")) * _FAILURE_PART
    return np.asarray(_FAILURE_MS + np.minimum(first_token, _LONGEST_CHECK_MS) * part).astype(np.int64)


def respond(batch: RequestBatch, usage: Usage, error: I32, tools: I64) -> Response:
    """Status and stop reason of each attempt.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    usage : Usage
        Tokens of each.
    error : ndarray of int32, shape (requests,)
        What became of it, an index into `ERRORS`; -1: answered.
    tools : ndarray of int64, shape (requests,)
        Number of tools that each offers.
    """
    bits, more = batch.stream("response"), batch.stream("response 2")
    failed = error >= 0
    calls = streams.uniform(bits, 2) < _CALLS_TOOL_BY_KIND[batch.accounts.choices["kind"][batch.account]]
    stop = np.where((tools > 0) & calls, _TOOL_USE, _END_TURN)
    stop = np.where(streams.uniform(more, 0) < batch.dial("refusals"), _REFUSAL, stop)
    stop = np.where(streams.halves(more, 3) < _STOPPED, _STOP_SEQUENCE, stop)
    stop = np.where(usage.cut, _MAX_TOKENS, stop)
    return Response(
        error=error,
        status=np.where(failed, ERROR_STATUS[error], _ANSWERED_STATUS).astype(np.int16),
        stop=np.where(failed, -1, stop).astype(np.int32),
    )
