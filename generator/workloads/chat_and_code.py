"""Chats, single questions to applications, and code completion: tokens and pauses."""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, F64, I64, U64
from generator.population.subscription_plans import REQUESTS_PER_MINUTE
from generator.rng import streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp
from generator.workloads.law_tables import law_table, mixture, quantiles


def conversation(rows: WorkloadBatch) -> Flow:
    """Questions to an application, or a chat whose history grows until it fills the application's window."""
    table = law_table("conversation")["applications"]
    single = mixture("conversation", "applications")
    answers = mixture("conversation", "applications", prefix="output_")
    bits = rows.bits("application")
    usual = single.component(streams.child(rows.accounts.key[rows.account], "application"))
    other = single.component(bits)
    which = np.where(streams.uniform(bits, 1) < rows.dial("routine"), usual, other)[rows.local]
    b, b2 = streams.child(rows.key, "prompt"), streams.child(rows.key, "answer length")
    rho = np.array(table["correlation"], np.float32)[which]
    z = streams.normal(b, 0)
    zz = rho * z + np.sqrt(1 - rho * rho) * streams.normal(b, 1)
    prompts, level = rows.dial("prompts")[rows.local], rows.dial("answers")[rows.local]
    whole = rounded_exp(single.log(which, b, z=z), prompts)
    log_answer = answers.log(which, b2, z=zz)

    chats = np.flatnonzero(rows.conversing[rows.local])
    if len(chats):
        whole[chats], log_answer[chats] = _chat(rows, chats, b[chats], b2[chats])
    return Flow(np.maximum(whole, 1), np.maximum(rounded_exp(log_answer, level), 1), _together(rows))


def _together(rows: WorkloadBatch) -> I64:
    """Milliseconds behind the request before, where an application sends two at once; -1 elsewhere."""
    table = mixture("conversation", "together")
    bits = streams.child(rows.key, "together")
    second = (streams.uniform(bits) < np.float32(law_table("conversation")["pairs"])) & (rows.order > 0)
    at = np.flatnonzero(second & ~rows.conversing[rows.local])
    pause = np.full(len(bits), -1)
    pause[at] = rounded_exp(table.log(np.zeros(len(at), np.int32), bits[at]), 1000)
    return pause


def _chat(rows: WorkloadBatch, at: I64, b: U64, b2: U64) -> tuple[I64, F32]:
    """Input and log output of chats: rows `at`, with two draws each."""
    table = law_table("conversation")["history"]
    session = rows.bits("history")
    fresh = rounded_exp(mixture("conversation", "history", "first").log(np.zeros(len(session), np.int32), session))
    full = streams.uniform(session, 2) < np.float32(table["full"])
    local, order = rows.local[at], rows.order[at]
    none = np.zeros(len(at), np.int32)
    log_answer = mixture("conversation", "chat").log(none, b2)
    asked = rounded_exp(mixture("conversation", "history", "user").log(none, b, 2))
    said = rounded_exp(log_answer)
    step = np.where(order > 0, asked + previous(said, order), fresh[local])
    total = np.cumsum(step)
    first = np.flatnonzero(order == 0)
    whole = total - np.repeat(total[first] - step[first], np.diff(np.r_[first, len(at)]))
    slack = rounded_exp(mixture("conversation", "history", "slack").log(none, b, 3))
    window = table["window"] + slack
    unlimited = (streams.uniform(session, 3) < np.float32(table["unlimited"]))[local]
    at_end = (full[local] | (whole > window)) & ~unlimited
    at_full = mixture("conversation", "full").log(none, b2)
    return np.where(at_end, window, whole), np.where(at_end, at_full, log_answer)


def code(rows: WorkloadBatch) -> Flow:
    """Completions: context cut at the editor's window, short answers with a heavy tail, bursts."""
    table = law_table("code")
    b, b2, b3 = (streams.child(rows.key, name) for name in ("prompt", "answer length", "pause"))
    gaps = mixture("code", "gaps")
    whole = rounded_exp(quantiles("code", "input").log(streams.normal(b)), rows.dial("prompts")[rows.local])
    edge = table["window"] + (streams.halves(b, 3) % 3 > 0) * 1 + (streams.halves(b, 3) % 23 == 0)
    whole = np.where(whole > edge, edge, np.maximum(whole, 4))
    answer = rounded_exp(quantiles("code", "output").log(streams.normal(b2)), rows.dial("answers")[rows.local])
    pause = rounded_exp(gaps.log(gaps.component(b3), b3), _typing(rows)[rows.local])
    return Flow(whole, np.maximum(answer, table["least"]), pause)


def _typing(rows: WorkloadBatch) -> F64:
    """Usual pause of each session in milliseconds: editors stay below the requests a minute of their plan."""
    limit = REQUESTS_PER_MINUTE[rows.accounts.choices["plan"]][rows.account]
    room = np.array(law_table("code")["requests_per_minute"] / limit)
    return np.asarray(1000 * rows.dial("gap") * np.maximum(room, 1))
