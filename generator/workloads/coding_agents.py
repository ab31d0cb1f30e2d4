"""Coding agents: sessions whose context grows with every step until it is summarised."""

from __future__ import annotations

import math

import numpy as np

from generator.arrays import F32, I64, U64
from generator.rng import streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp, session_sums
from generator.workloads.law_tables import law_table, mixture, quantiles, step_values


def agent(rows: WorkloadBatch) -> Flow:
    """Steps of a coding agent: each reads the whole context, which grows by the answer and the tool's result."""
    effects, score = _effects(rows), _scores(rows)
    local, order = rows.local, rows.order
    table = law_table("agent")
    log_answer = quantiles("agent", "output").log(score["output"])
    least = np.float32(round(math.log(table["output"]["least"]), 6))
    log_answer = least + (log_answer - least) * effects["spread"][local] + effects["output"][local]
    answer = np.maximum(rounded_exp(log_answer, rows.dial("answers")[local]), 1)

    bits = streams.child(rows.key, "person")
    human = streams.uniform(bits) < effects["human"][local]
    reads = step_values(table["growth"], "early", order) * rows.dial("growth")[local]
    reads = np.where(human, np.float32(table["growth"]["user"]), np.float32(1)) * reads
    read = rounded_exp(quantiles("agent", "growth").log(score["growth"]) + effects["growth"][local], reads)
    said = previous(answer, order)
    # Thinking is not carried over: of long answers a part is lost.
    u = streams.uniform(bits, 1)
    lost = (u * u * (said * said / (said + 2500.0))).astype(np.int64)
    step = np.where(order > 0, np.maximum(said - lost + read, 1 + read // 2), 0)
    context = _compacted(rows, session_sums(step, rows))

    after = np.where(
        human, quantiles("agent", "user").log(score["pause"]), quantiles("agent", "tool").log(score["pause"])
    )
    held = previous(context, order)
    pause = _pause(rows, after + effects["pace"][local], held, said, bits)
    pause += np.where(context < held, _summary(bits), 0)
    return Flow(context, answer, pause, human)


def _scores(rows: WorkloadBatch) -> dict[str, F32]:
    """Normal scores of each step's answer, growth and pause: alike in a phase of work and within a step."""
    table = law_table("agent")["step"]
    session = rows.bits("phase")[rows.local]
    phase = streams.normal(
        streams.items(session, (rows.order + (session >> np.uint64(58)).astype(np.int64)) // table["length"])
    )
    bits = streams.child(rows.key, "step")
    shared = streams.normal(bits, 3)
    found = {}
    for i, name in enumerate(("output", "growth", "pause")):
        alone = streams.normal(bits, i)
        a, b = np.float32(table["phase"][i]), np.float32(table["common"][i])
        found[name] = a * phase + b * shared + np.sqrt(1 - a * a - b * b) * alone
    # What keeps a person or a slow tool long has nothing to do with the answer.
    found["pause"] = np.where(
        alone > np.float32(table["loose"]), alone, np.float32(table["squash"]) * found["pause"]
    )
    return found


def _effects(rows: WorkloadBatch) -> dict[str, F32]:
    """What sets one session apart from the account's others: lengths, pace, and how often a person steps in."""
    table = law_table("agent")["session"]
    bits, more = rows.bits("temper"), rows.bits("temper 2")
    common = np.float32(table["common"])
    own = np.sqrt(1 - common * common)
    found = {
        name: np.float32(table[name]) * (common * streams.normal(bits, 0) + own * streams.normal(bits, i + 1))
        for i, name in enumerate(("output", "growth", "pace"))
    }
    often = streams.exp(np.float32(table["human"]) * streams.normal(more, 0))
    found["human"] = np.minimum(rows.dial("human") * often, 0.8).astype(np.float32)
    found["spread"] = streams.exp(np.float32(table["spread"]) * streams.normal(more, 1)).astype(np.float32)
    return found


def _compacted(rows: WorkloadBatch, grown: I64) -> I64:
    """Contexts from how a session began, what it read, and the window at which its history is summarised."""
    table = law_table("agent")
    limits, first = table["compaction"], mixture("agent", "first")
    ratio_law = mixture("agent", "compaction")
    bits, more = rows.bits("context"), rows.bits("context 2")
    length = rows.found.length[rows.session]
    u = streams.uniform(bits, 0)
    fresh, carried = (step_values(table["begin"], name, length) for name in ("fresh", "carried"))
    how = (u >= fresh).astype(np.int32) + (u >= fresh + carried)
    start = rounded_exp(first.log(how, bits), np.where(how == 0, rows.dial("input"), 1))
    wide = (how == 2) | (streams.uniform(bits, 2) < rows.dial("wide"))
    threshold, spread = (
        np.where(wide, w, n) for w, n in zip(limits["wide_threshold"], limits["threshold"], strict=True)
    )
    threshold = (threshold * streams.exp((spread * streams.normal(bits, 3)).astype(np.float32))).astype(np.int64)
    threshold = np.maximum(threshold, start + start // 50)
    ratio = streams.exp(ratio_law.log(ratio_law.component(more), more))
    target = (np.minimum(ratio, limits["most"]) * threshold).astype(np.int64)

    # Some are summarised earlier, by their user: at most one of those a session.
    local = rows.local
    when = np.floor(streams.uniform(more, 2) / np.float32(limits["spontaneous"]) * length).astype(np.int64)
    when = np.where((when > 0) & (when < length), when, length)
    first_row = np.flatnonzero(rows.order == 0)
    there = np.minimum(first_row + when, len(local) - 1)
    kept = np.float32(0.15) + np.float32(0.8) * streams.uniform(more, 3)
    drop = np.where(when < length, ((start + grown[there]) * (1 - kept)).astype(np.int64), 0)
    whole = start[local] + grown - np.where(rows.order >= when[local], drop[local], 0)
    over = whole - threshold[local]
    return np.where(over > 0, target[local] + over % np.maximum(threshold - target, 1)[local], whole)


def _summary(bits: U64) -> I64:
    """Milliseconds that it takes to summarise a history."""
    median, sigma = law_table("agent")["compaction"]["seconds"]
    return np.asarray(1000 * median * streams.exp(np.float32(sigma) * streams.normal(bits, 3))).astype(np.int64)


def _pause(rows: WorkloadBatch, after: F32, context: I64, answer: I64, bits: U64) -> I64:
    """Milliseconds since the request before: its answer's time, then the tool's or the person's."""
    table = law_table("agent")["latency"]
    seconds = table["constant"] + table["input"] / 1e5 * context + table["output"] / 100 * answer
    noise = streams.exp(np.float32(table["sigma"]) * streams.normal(bits, 2))
    waited = streams.exp(after) * rows.dial("pace")[rows.local]
    return np.asarray(np.minimum((seconds * noise + waited) * 1000, 86_400_000.0)).astype(np.int64)
