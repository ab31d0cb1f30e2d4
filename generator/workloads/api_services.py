"""Laws of services: programs that call the interface, each with habits of its own (kinds api and reasoning).

Two thirds and more of the variance of log tokens lies between accounts (ServeGen). Inside an account lie a few
templates, each with its own lengths, a drift from one quarter of the day to the next, and what is left; some
prompts and answers have exactly their template's length.

Source: ServeGen (Alibaba, Apache-2.0), "Workload characterization and generation of large language model serving
in production", 2025; fitted by `benchmarks/fit_accounts.py`.
"""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, I64
from generator.rng import exact_functions, streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp, session_sums

CONTEXT = 200_000  # tokens that a conversation may grow to (a)
_COMPACTED = 60_000  # tokens that are left when it has been compacted (a)
_QUARTER_MS = 21_600_000  # a quarter of a day; drift is constant inside, and no pause is longer
_WINDOW_START = 8  # quarters that are added so that the days before the window count from above 0
_UNIT = np.float32(0.57735)  # makes z |z| a variable of variance 1
_LOG_MEDIAN = np.float32(-0.366513)  # of a standard exponential
_RISE = np.float32(1.4)  # largest upward drift: answers have a limit that the account never nears by habit
_TURN = 60.0  # tokens that a user adds per turn, median (a)
_TEMPLATES = 3  # beside the routine one (a)
_FREE_PART = 4  # lengths up to window / 4 are kept as they are (a)
# Share of thinking in an answer: two modes (ServeGen, DeepSeek-R1).
_DEEP_SHARE, _DEEP, _SHALLOW, _THOUGHT_SIGMA = (np.float32(x) for x in (0.64, 0.85, 0.44, 0.1))
_THOUGHT_RANGE = np.float32(0.02), np.float32(0.99)
_SIDES = ("input", "output")


def service(batch: WorkloadBatch) -> Flow:
    """Calls of a service: lengths by template and time, answers independent of the prompt.

    Parameters
    ----------
    batch : WorkloadBatch
        Requests of the kinds api or reasoning.
    """
    prompt, answer = (_lengths(batch, side) for side in _SIDES)
    chats = np.flatnonzero(batch.conversing[batch.local])
    if len(chats):
        prompt[chats] = _conversation_inputs(batch, chats, prompt, answer)
    return Flow(np.maximum(prompt, 1), np.maximum(answer, 1), _pauses(batch), thought=_thought(batch))


def _pauses(batch: WorkloadBatch) -> I64:
    """Milliseconds since the request before: Weibull gaps (ServeGen: exponential or burstier, some smoother)."""
    log_gap = streams.log_exponential(batch.requests.stream("pause")) - _LOG_MEDIAN
    gap = exact_functions.exp(batch.dial("gap_sigma")[batch.local] * log_gap) * batch.dial("gap")[batch.local]
    return np.asarray(np.minimum(1000 * gap, _QUARTER_MS)).astype(np.int64)


def _lengths(batch: WorkloadBatch, side: str) -> I64:
    """Tokens of one side of each request."""
    local = batch.local
    template, drift = _template(batch, side), _drift(batch, side)
    bits = batch.requests.stream(side)
    z = streams.normal(bits, 0)
    skew = batch.dial(side + "_skew")
    spread = (1 + skew[local] * np.copysign(np.float32(1), z)) * batch.dial(side + "_sigma")[local]
    exact = streams.uniform(bits, 1) < batch.dial("exact_" + side)[local]
    log = np.where(exact, template[local], (template + drift)[local] + spread * z)
    window = batch.dial(side + "_window").astype(np.int64)
    return _fitted(rounded_exp(log, batch.dial(side)[local]), window[local])


def _fitted(tokens: I64, window: I64) -> I64:
    """Lengths as they are up to a quarter of the window, and shortened the more beyond, so that all fit."""
    free = window // _FREE_PART
    over, room = np.maximum(tokens - free, 0), window - free
    return np.where(over > 0, free + over * room // (over + room), tokens)


def _template(batch: WorkloadBatch, side: str) -> F32:
    """What the template of each session adds to the log length."""
    bits = batch.session_stream("prompt template")
    other = 1 + streams.below(bits, _TEMPLATES)
    which = np.where(streams.uniform(bits, 0) < batch.dial("routine"), 0, other)
    z = streams.normal(
        streams.items(streams.child(batch.accounts.key, side + " by template")[batch.account], which)
    )
    return np.asarray(batch.dial(side + "_variety") * np.where(which == 0, np.float32(0), z))


def _drift(batch: WorkloadBatch, side: str) -> F32:
    """What the quarter of the day in which each session began adds to the log length."""
    quarter = batch.requests.sessions.start[batch.session] // _QUARTER_MS + _WINDOW_START
    bits = streams.items(streams.child(batch.accounts.key, "drift")[batch.account], quarter)
    z = streams.normal(bits, 0)
    if side == "output":
        r = batch.dial("drift_link")
        z = r * z + np.sqrt(1 - r * r) * streams.normal(bits, 1)
    return np.asarray(np.minimum(batch.dial(side + "_drift") * z * np.abs(z) * _UNIT, _RISE))


def _conversation_inputs(batch: WorkloadBatch, chats: I64, prompt: I64, answer: I64) -> I64:
    """Inputs of conversations: the first prompt and all turns since; compacted when the window fills."""
    asked = rounded_exp(streams.normal(batch.requests.stream("turn")), _TURN)
    step = np.where(batch.order > 0, asked + previous(answer, batch.order), 0)
    first = np.flatnonzero(batch.order == 0)
    history = (prompt[first][batch.local] + session_sums(step, batch))[chats]
    over = np.maximum(0, history - CONTEXT)
    return np.where(over > 0, _COMPACTED + over % (CONTEXT - _COMPACTED), history)


def _thought(batch: WorkloadBatch) -> F32:
    """Share of thinking in an answer: one of two modes."""
    bits = batch.requests.stream("thought")
    mode = np.where(streams.uniform(bits, 0) < _DEEP_SHARE, _DEEP, _SHALLOW)
    share = mode + _THOUGHT_SIGMA * streams.normal(bits, 1)
    return np.asarray(np.clip(share, *_THOUGHT_RANGE))
