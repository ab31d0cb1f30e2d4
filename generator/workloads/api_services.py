"""Laws of services: programs that call the interface, each with habits of its own (kinds api and reasoning).

Two thirds and more of the variance of log tokens lies between accounts (ServeGen). Inside an account lie a few
templates, each with its own lengths, a drift from one quarter of the day to the next, and what is left; some
prompts and answers have exactly their template's length.
"""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, I64
from generator.rng import streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp, session_sums

CONTEXT = 200_000
_COMPACTED = 60_000
_QUARTER_MS = 21_600_000
_UNIT = np.float32(0.57735)  # makes z |z| a variable of variance 1
_LOG_MEDIAN = np.float32(-0.366513)  # of a standard exponential
_RISE = np.float32(1.4)  # largest upward drift: answers have a limit that the account never nears by habit
_TURN = 60.0  # tokens that a user adds per turn, median (a)
_SIDES = ("input", "output")


def service(rows: WorkloadBatch) -> Flow:
    """Calls of a service: lengths by template and time, answers independent of the prompt."""
    whole, answer = (_lengths(rows, side) for side in _SIDES)
    chats = np.flatnonzero(rows.conversing[rows.local])
    if len(chats):
        whole[chats] = _grown(rows, chats, whole, answer)
    return Flow(np.maximum(whole, 1), np.maximum(answer, 1), _pause(rows), thought=_thought(rows))


def _pause(rows: WorkloadBatch) -> I64:
    """Milliseconds since the request before: Weibull gaps (ServeGen: exponential or burstier, some smoother)."""
    log_gap = streams.log_exponential(streams.child(rows.key, "pause")) - _LOG_MEDIAN
    gap = streams.exp(rows.dial("gap_sigma")[rows.local] * log_gap) * rows.dial("gap")[rows.local]
    return np.asarray(np.minimum(1000 * gap, _QUARTER_MS)).astype(np.int64)


def _lengths(rows: WorkloadBatch, side: str) -> I64:
    """Tokens of one side of each request."""
    local = rows.local
    template, moved = _template(rows, side), _drift(rows, side)
    bits = streams.child(rows.key, side)
    z = streams.normal(bits, 0)
    skew = rows.dial(side + "_skew")
    spread = (1 + skew[local] * np.copysign(np.float32(1), z)) * rows.dial(side + "_sigma")[local]
    exact = streams.uniform(bits, 1) < rows.dial("exact_" + side)[local]
    log = np.where(exact, template[local], (template + moved)[local] + spread * z)
    window = rows.dial(side + "_window").astype(np.int64)
    return _fitted(rounded_exp(log, rows.dial(side)[local]), window[local])


def _fitted(whole: I64, window: I64) -> I64:
    """Lengths as they are up to a quarter of the window, and shortened the more beyond, so that all fit."""
    free = window // 4
    over, room = np.maximum(whole - free, 0), window - free
    return np.where(over > 0, free + over * room // (over + room), whole)


def _template(rows: WorkloadBatch, side: str) -> F32:
    """What the template of each session adds to the log length."""
    bits = rows.bits("prompt template")
    other = 1 + streams.below(bits, 3)
    which = np.where(streams.uniform(bits, 0) < rows.dial("routine"), 0, other)
    z = streams.normal(streams.items(streams.child(rows.accounts.key, side + " by template")[rows.account], which))
    return np.asarray(rows.dial(side + "_variety") * np.where(which == 0, np.float32(0), z))


def _drift(rows: WorkloadBatch, side: str) -> F32:
    """What the quarter of the day in which each session began adds to the log length."""
    quarter = rows.found.start[rows.session] // _QUARTER_MS + 8
    bits = streams.items(streams.child(rows.accounts.key, "drift")[rows.account], quarter)
    z = streams.normal(bits, 0)
    if side == "output":
        r = rows.dial("drift_link")
        z = r * z + np.sqrt(1 - r * r) * streams.normal(bits, 1)
    return np.asarray(np.minimum(rows.dial(side + "_drift") * z * np.abs(z) * _UNIT, _RISE))


def _grown(rows: WorkloadBatch, chats: I64, whole: I64, answer: I64) -> I64:
    """Inputs of conversations: the first prompt, and all that was said since; compacted when the window fills."""
    asked = rounded_exp(streams.normal(streams.child(rows.key, "turn")), _TURN)
    step = np.where(rows.order > 0, asked + previous(answer, rows.order), 0)
    first = np.flatnonzero(rows.order == 0)
    grown = (whole[first][rows.local] + session_sums(step, rows))[chats]
    over = np.maximum(0, grown - CONTEXT)
    return np.where(over > 0, _COMPACTED + over % (CONTEXT - _COMPACTED), grown)


def _thought(rows: WorkloadBatch) -> F32:
    """Share of thinking in an answer: one of two modes (ServeGen, DeepSeek-R1)."""
    bits = streams.child(rows.key, "thought")
    deep = streams.uniform(bits, 0) < np.float32(0.64)
    share = np.where(deep, np.float32(0.85), np.float32(0.44)) + np.float32(0.1) * streams.normal(bits, 1)
    return np.asarray(np.clip(share, np.float32(0.02), np.float32(0.99)))
