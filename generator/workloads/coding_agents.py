"""Coding agents: sessions whose context grows with every step until it is summarised.

Source: coding-agent sessions of callanjfox/kv-cache-tester (Apache-2.0); fitted by `benchmarks/fit_sessions.py`.
"""

from __future__ import annotations

import math

import numpy as np

from generator.arrays import F32, I64, U64
from generator.rng import exact_functions, streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp, session_sums
from generator.workloads.law_tables import law_table, mixture, quantiles, step_values

_THINKING_HALF = 2500.0  # tokens of an answer of which up to a half is thinking that is not carried over (a)
_MOST_HUMAN = 0.8  # largest share of steps that a person starts (a)
_KEPT_LEAST, _KEPT_RANGE = np.float32(0.15), np.float32(0.8)  # share kept by a user's own summary (a)
_LARGEST = 960_000  # tokens of a context: with the longest answer it fits into the models' window
_CARRIED_MARGIN = 50  # a context that was carried over is below its window by one of so many parts (a)
_LONGEST_PAUSE_MS = 86_400_000.0  # a day
_PHASE_SHIFT = np.uint64(58)  # upper 6 bits of a session's stream: where in a phase of work it begins


def agent(batch: WorkloadBatch) -> Flow:
    """Steps of a coding agent: each reads the whole context, which grows by the answer and the tool's result.

    Parameters
    ----------
    batch : WorkloadBatch
        Requests of the kind agent.
    """
    effects, score = _session_effects(batch), _step_scores(batch)
    local, order = batch.local, batch.order
    table = law_table("agent")
    log_answer = quantiles("agent", "output").log(score["output"])
    least = np.float32(round(math.log(table["output"]["least"]), 6))
    log_answer = least + (log_answer - least) * effects["spread"][local] + effects["output"][local]
    answer = np.maximum(rounded_exp(log_answer, batch.dial("answers")[local]), 1)

    bits = batch.requests.stream("person")
    human = streams.uniform(bits) < effects["human"][local]
    reads = step_values(table["growth"], "early", order) * batch.dial("growth")[local]
    reads = np.where(human, np.float32(table["growth"]["user"]), np.float32(1)) * reads
    read = rounded_exp(quantiles("agent", "growth").log(score["growth"]) + effects["growth"][local], reads)
    last_answer = previous(answer, order)
    # Thinking is not carried over: of long answers a part is lost.
    u = streams.uniform(bits, 1)
    lost = (u * u * (last_answer * last_answer / (last_answer + _THINKING_HALF))).astype(np.int64)
    step = np.where(order > 0, np.maximum(last_answer - lost + read, 1 + read // 2), 0)
    context = _contexts(batch, session_sums(step, batch))

    after = np.where(
        human, quantiles("agent", "user").log(score["pause"]), quantiles("agent", "tool").log(score["pause"])
    )
    pause = _pauses(batch, after + effects["pace"][local])
    pause += np.where(context < previous(context, order), _summary_times(bits), 0)
    return Flow(context, answer, pause, human)


def _step_scores(batch: WorkloadBatch) -> dict[str, F32]:
    """Normal scores of each step's answer, growth and pause: alike in a phase of work and within a step."""
    table = law_table("agent")["step"]
    session = batch.session_stream("phase")[batch.local]
    number = (batch.order + (session >> _PHASE_SHIFT).astype(np.int64)) // table["length"]
    phase = streams.normal(streams.items(session, number))
    bits = batch.requests.stream("step")
    shared = streams.normal(bits, 3)
    scores = {}
    for i, name in enumerate(("output", "growth", "pause")):
        alone = streams.normal(bits, i)
        a, b = np.float32(table["phase"][i]), np.float32(table["common"][i])
        scores[name] = a * phase + b * shared + np.sqrt(1 - a * a - b * b) * alone
    # What keeps a person or a slow tool long has nothing to do with the answer.
    scores["pause"] = np.where(
        alone > np.float32(table["loose"]), alone, np.float32(table["squash"]) * scores["pause"]
    )
    return scores


def _session_effects(batch: WorkloadBatch) -> dict[str, F32]:
    """What sets one session apart from the account's others: lengths, pace, and how often a person steps in."""
    table = law_table("agent")["session"]
    bits, more = batch.session_stream("temper"), batch.session_stream("temper 2")
    common = np.float32(table["common"])
    own = np.sqrt(1 - common * common)
    effects = {
        name: np.float32(table[name]) * (common * streams.normal(bits, 0) + own * streams.normal(bits, i + 1))
        for i, name in enumerate(("output", "growth", "pace"))
    }
    often = exact_functions.exp(np.float32(table["human"]) * streams.normal(more, 0))
    effects["human"] = np.minimum(batch.dial("human") * often, _MOST_HUMAN).astype(np.float32)
    effects["spread"] = exact_functions.exp(np.float32(table["spread"]) * streams.normal(more, 1)).astype(
        np.float32
    )
    return effects


def _contexts(batch: WorkloadBatch, growth: I64) -> I64:
    """Contexts from how a session began, what it read, and the window at which its history is summarised."""
    table = law_table("agent")
    limits, opening = table["compaction"], mixture("agent", "first")
    ratio_law = mixture("agent", "compaction")
    bits, more = batch.session_stream("context"), batch.session_stream("context 2")
    length = batch.requests.sessions.length[batch.session]
    u = streams.uniform(bits, 0)
    fresh, carried = (step_values(table["begin"], name, length) for name in ("fresh", "carried"))
    how = (u >= fresh).astype(np.int32) + (u >= fresh + carried)
    start = rounded_exp(opening.log(how, bits), np.where(how == 0, batch.dial("input"), 1))
    start = np.minimum(start, _LARGEST - _LARGEST // _CARRIED_MARGIN)
    wide = (how == 2) | (streams.uniform(bits, 2) < batch.dial("wide"))
    threshold, spread = (
        np.where(wide, w, n) for w, n in zip(limits["wide_threshold"], limits["threshold"], strict=True)
    )
    threshold = (threshold * exact_functions.exp((spread * streams.normal(bits, 3)).astype(np.float32))).astype(
        np.int64
    )
    threshold = np.minimum(np.maximum(threshold, start + start // _CARRIED_MARGIN), _LARGEST)
    ratio = exact_functions.exp(ratio_law.log(ratio_law.component(more), more))
    target = (np.minimum(ratio, limits["most"]) * threshold).astype(np.int64)

    # Some are summarised earlier, by their user: at most one of those a session.
    local = batch.local
    when = np.floor(streams.uniform(more, 2) / np.float32(limits["spontaneous"]) * length).astype(np.int64)
    when = np.where((when > 0) & (when < length), when, length)
    row = np.minimum(np.flatnonzero(batch.order == 0) + when, len(local) - 1)
    kept = _KEPT_LEAST + _KEPT_RANGE * streams.uniform(more, 3)
    drop = np.where(when < length, ((start + growth[row]) * (1 - kept)).astype(np.int64), 0)
    context = start[local] + growth - np.where(batch.order >= when[local], drop[local], 0)
    over = context - threshold[local]
    return np.where(over > 0, target[local] + over % np.maximum(threshold - target, 1)[local], context)


def _summary_times(bits: U64) -> I64:
    """Milliseconds that it takes to summarise a history."""
    median, sigma = law_table("agent")["compaction"]["seconds"]
    return np.asarray(1000 * median * exact_functions.exp(np.float32(sigma) * streams.normal(bits, 3))).astype(
        np.int64
    )


def _pauses(batch: WorkloadBatch, after: F32) -> I64:
    """Milliseconds from the answer before to the request: the tool's time or the person's."""
    waited = exact_functions.exp(after) * batch.dial("pace")[batch.local]
    return np.asarray(np.minimum(waited * 1000, _LONGEST_PAUSE_MS)).astype(np.int64)
