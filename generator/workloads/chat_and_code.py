"""Chats, single questions to applications, and code completion: tokens and pauses.

Source: Azure LLM inference traces 2023 (CC-BY-4.0), conversation and code; fitted by `benchmarks/fit_sessions.py`.
"""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, F64, I64, U64
from generator.population.subscription_plans import REQUESTS_PER_MINUTE
from generator.rng import streams
from generator.workloads.batch import Flow, WorkloadBatch, previous, rounded_exp
from generator.workloads.law_tables import law_table, mixture, quantiles

_LEAST_PROMPT = 4  # tokens of a completion's context (a)
# Contexts that were cut end at the window, most one token above it, some two: one of 3 and of 23 by chance (a).
_ONE_ABOVE, _TWO_ABOVE = 3, 23


def conversation(batch: WorkloadBatch) -> Flow:
    """Questions to an application, or a chat whose history grows until it fills the application's window.

    Parameters
    ----------
    batch : WorkloadBatch
        Requests of the kind conversation.
    """
    table = law_table("conversation")["applications"]
    prompt_law = mixture("conversation", "applications")
    answer_law = mixture("conversation", "applications", prefix="output_")
    bits = batch.session_stream("application")
    usual = prompt_law.component(streams.child(batch.accounts.key[batch.account], "application"))
    other = prompt_law.component(bits)
    which = np.where(streams.uniform(bits, 1) < batch.dial("routine"), usual, other)[batch.local]
    prompt_bits, answer_bits = batch.requests.stream("prompt"), batch.requests.stream("answer length")
    rho = np.array(table["correlation"], np.float32)[which]
    prompt_score = streams.normal(prompt_bits, 0)
    answer_score = rho * prompt_score + np.sqrt(1 - rho * rho) * streams.normal(prompt_bits, 1)
    prompts, level = batch.dial("prompts")[batch.local], batch.dial("answers")[batch.local]
    prompt = rounded_exp(prompt_law.log(which, prompt_bits, z=prompt_score), prompts)
    log_answer = answer_law.log(which, answer_bits, z=answer_score)

    chats = np.flatnonzero(batch.conversing[batch.local])
    if len(chats):
        prompt[chats], log_answer[chats] = _chat(batch, chats, prompt_bits[chats], answer_bits[chats])
    answer = rounded_exp(log_answer, level)
    return Flow(np.maximum(prompt, 1), np.maximum(answer, 1), _paired_pauses(batch))


def _paired_pauses(batch: WorkloadBatch) -> I64:
    """Milliseconds behind the request before, where an application sends two at once; -1 elsewhere."""
    table = mixture("conversation", "together")
    bits = batch.requests.stream("together")
    second = (streams.uniform(bits) < np.float32(law_table("conversation")["pairs"])) & (batch.order > 0)
    at = np.flatnonzero(second & ~batch.conversing[batch.local])
    pause = np.full(len(bits), -1)
    pause[at] = rounded_exp(table.log(np.zeros(len(at), np.int32), bits[at]), 1000)
    return pause


def _chat(batch: WorkloadBatch, at: I64, prompt_bits: U64, answer_bits: U64) -> tuple[I64, F32]:
    """Input and log output of chats: rows `at`, with two draws each."""
    table = law_table("conversation")["history"]
    session = batch.session_stream("history")
    only = np.zeros(len(at), np.int32)  # these mixtures have one component
    opening = mixture("conversation", "history", "first").log(np.zeros(len(session), np.int32), session)
    full = streams.uniform(session, 2) < np.float32(table["full"])
    local, order = batch.local[at], batch.order[at]
    log_answer = mixture("conversation", "chat").log(only, answer_bits)
    asked = rounded_exp(mixture("conversation", "history", "user").log(only, prompt_bits, 2))
    answer = rounded_exp(log_answer, batch.dial("answers")[local])
    step = np.where(order > 0, asked + previous(answer, order), rounded_exp(opening)[local])
    total = np.cumsum(step)
    first = np.flatnonzero(order == 0)
    history = total - np.repeat(total[first] - step[first], np.diff(np.r_[first, len(at)]))
    # One application has one window: what is full stays so long, and does not grow by what it can't hold.
    none = np.zeros(len(session), np.int32)
    slack = mixture("conversation", "history", "slack").log(none, batch.session_stream("window"))
    window = (table["window"] + rounded_exp(slack))[local]
    unlimited = (streams.uniform(session, 3) < np.float32(table["unlimited"]))[local]
    at_end = (full[local] | (history > window)) & ~unlimited
    at_full = mixture("conversation", "full").log(only, answer_bits)
    return np.where(at_end, window, history), np.where(at_end, at_full, log_answer)


def code(batch: WorkloadBatch) -> Flow:
    """Completions: context cut at the editor's window, short answers with a heavy tail, bursts.

    Parameters
    ----------
    batch : WorkloadBatch
        Requests of the kind code.
    """
    table = law_table("code")
    prompt_bits, answer_bits, pause_bits = (
        batch.requests.stream(name) for name in ("prompt", "answer length", "pause")
    )
    gaps = mixture("code", "gaps")
    prompts, level = batch.dial("prompts")[batch.local], batch.dial("answers")[batch.local]
    prompt = rounded_exp(quantiles("code", "input").log(streams.normal(prompt_bits)), prompts)
    chance = streams.halves(prompt_bits, 3)
    edge = table["window"] + (chance % _ONE_ABOVE > 0) * 1 + (chance % _TWO_ABOVE == 0)
    prompt = np.where(prompt > edge, edge, np.maximum(prompt, _LEAST_PROMPT))
    answer = rounded_exp(quantiles("code", "output").log(streams.normal(answer_bits)), level)
    pause = rounded_exp(gaps.log(gaps.component(pause_bits), pause_bits), _typing_pauses(batch)[batch.local])
    return Flow(prompt, np.maximum(answer, table["least"]), pause)


def _typing_pauses(batch: WorkloadBatch) -> F64:
    """Usual pause of each session in milliseconds: editors stay below the requests a minute of their plan."""
    limit = REQUESTS_PER_MINUTE[batch.accounts.choices["plan"]][batch.account]
    room = np.array(law_table("code")["requests_per_minute"] / limit)
    return np.asarray(1000 * batch.dial("gap") * np.maximum(room, 1))
