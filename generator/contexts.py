"""Laws of three kinds of workload: chats, code completion, and agents whose context grows with every step.

Each law takes the rows of its kind, whole sessions in order, and says what goes in, what comes out, who started
the request, and how long after the one before. Constants stand in `kinds/*.toml`; habits come from the account.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator import streams
from generator.laws import law, mixture, quantiles, steps
from generator.limits import REQUESTS_PER_MINUTE
from generator.schema import KINDS

if TYPE_CHECKING:
    from generator.accounts import Accounts
    from generator.arrivals import Sessions

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


@dataclass
class Rows:
    """Requests of one kind, whole sessions in order.

    Attributes
    ----------
    key : ndarray of uint64
        Stream of each request.
    order : ndarray of int64
        Number of the request in its session.
    local : ndarray of int64
        Session of each request, counted among these.
    session : ndarray of int64
        These sessions, as positions in `found`.
    account : ndarray of int64
        Account of each of these sessions.
    conversing : ndarray of bool
        Whether each of these sessions is one conversation.
    """

    accounts: Accounts
    found: Sessions
    key: streams.U64
    order: I64
    local: I64
    session: I64
    account: I64
    conversing: npt.NDArray[np.bool_]

    def dial(self, name: str) -> streams.F32:
        """A habit, per session."""
        return self.accounts.dials[name][self.account]

    def bits(self, purpose: str) -> streams.U64:
        """Stream of each session."""
        return streams.child(self.found.key[self.session], purpose)


@dataclass
class Flow:
    """What a law says: tokens in and out, milliseconds since the request before (-1: as the account's gaps), and
    the share of thinking in an answer that was thought about (None: any)."""

    input: I64
    output: I64
    pause: I64 | int = -1
    human: npt.NDArray[np.bool_] | bool = True
    thought: streams.F32 | None = None


def flows(
    laws: dict[str, Callable[[Rows], Flow]],
    accounts: Accounts,
    found: Sessions,
    session: I64,
    key: streams.U64,
    talk: npt.NDArray[np.bool_],
) -> list[tuple[I64, Flow]]:
    """(rows, flow) of each kind of workload.

    Parameters
    ----------
    session, key : ndarray
        Session and stream of each request.
    talk : ndarray of bool
        Whether each session is one conversation.
    """
    kind = accounts.choices["kind"][found.account]
    result = []
    for name, law_of in laws.items():
        chosen = kind == KINDS.index(name)
        mine = np.flatnonzero(chosen)
        at = np.flatnonzero(chosen[session])
        local = (np.cumsum(chosen) - 1)[session[at]]
        order = at - found.first[session[at]]
        rows = Rows(accounts, found, key[at], order, local, mine, found.account[mine], talk[mine])
        result.append((at, law_of(rows)))
    return result


def _whole(log: npt.NDArray[np.floating], factor: npt.NDArray[np.floating] | float = 1) -> I64:
    """Rounded exponential times a factor."""
    return np.asarray(np.floor(streams.exp(log) * factor + 0.5)).astype(np.int64)


def _before(values: I64, order: I64) -> I64:
    """Value of the request before; 0 for a session's first."""
    return np.where(order > 0, np.r_[0, values[:-1]], 0)


def _running(step: I64, rows: Rows) -> I64:
    """Sum inside the session up to each request. Whole numbers: no account changes another's rounding."""
    total = np.cumsum(step)
    first = np.flatnonzero(rows.order == 0)
    return total - (total[first] - step[first])[rows.local]


def conversation(rows: Rows) -> Flow:
    """Questions to an application, or a chat whose history grows until it fills the application's window."""
    table = law("conversation")["applications"]
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
    whole = _whole(single.log(which, b, z=z), prompts)
    log_answer = answers.log(which, b2, z=zz)

    chats = np.flatnonzero(rows.conversing[rows.local])
    if len(chats):
        whole[chats], log_answer[chats] = _chat(rows, chats, b[chats], b2[chats], log_answer[chats])
    return Flow(np.maximum(whole, 1), np.maximum(_whole(log_answer, level), 1))


def _chat(rows: Rows, at: I64, b: streams.U64, b2: streams.U64, unused: streams.F32) -> tuple[I64, streams.F32]:
    table = law("conversation")["history"]
    session = rows.bits("history")
    fresh = _whole(mixture("conversation", "history").log(np.zeros(len(session), np.int32), session))
    full = streams.uniform(session, 2) < np.float32(table["full"])
    local, order = rows.local[at], rows.order[at]
    none = np.zeros(len(at), np.int32)
    log_answer = mixture("conversation", "chat").log(none, b2)
    asked = _whole(np.log(np.float32(table["user"][0])) + np.float32(table["user"][1]) * streams.normal(b, 2))
    said = _whole(log_answer)
    step = np.where(order > 0, asked + _before(said, order), fresh[local])
    total = np.cumsum(step)
    first = np.flatnonzero(order == 0)
    whole = total - np.repeat(total[first] - step[first], np.diff(np.r_[first, len(at)]))
    slack = _whole(np.log(np.float32(table["slack"][0])) + np.float32(table["slack"][1]) * streams.normal(b, 3))
    window = table["window"] + slack
    unlimited = (streams.uniform(session, 3) < np.float32(table["unlimited"]))[local]
    at_end = (full[local] | (whole > window)) & ~unlimited
    at_full = mixture("conversation", "full").log(none, b2)
    return np.where(at_end, window, whole), np.where(at_end, at_full, log_answer)


def code(rows: Rows) -> Flow:
    """Completions: context cut at the editor's window, short answers with a heavy tail, bursts."""
    table = law("code")
    b, b2, b3 = (streams.child(rows.key, name) for name in ("prompt", "answer length", "pause"))
    gaps = mixture("code", "gaps")
    whole = _whole(quantiles("code", "input").log(streams.normal(b)), rows.dial("prompts")[rows.local])
    edge = table["window"] + (streams.halves(b, 3) % 3 > 0) * 1 + (streams.halves(b, 3) % 23 == 0)
    whole = np.where(whole > edge, edge, np.maximum(whole, 4))
    answer = _whole(quantiles("code", "output").log(streams.normal(b2)), rows.dial("answers")[rows.local])
    pause = _whole(gaps.log(gaps.component(b3), b3), _typing(rows)[rows.local])
    return Flow(whole, np.maximum(answer, table["least"]), pause)


def _typing(rows: Rows) -> F64:
    """Usual pause of each session in milliseconds: editors stay below the requests a minute of their plan."""
    limit = REQUESTS_PER_MINUTE[rows.accounts.choices["plan"]][rows.account]
    room = np.array(law("code")["requests_per_minute"] / limit)
    return np.asarray(1000 * rows.dial("gap") * np.maximum(room, 1))


def agent(rows: Rows) -> Flow:
    """Steps of a coding agent: each reads the whole context, which grows by the answer and the tool's result."""
    effects, score = _effects(rows), _scores(rows)
    local, order = rows.local, rows.order
    table = law("agent")
    log_answer = quantiles("agent", "output").log(score["output"])
    middle = np.float32(round(math.log(table["output"]["median"]), 6))
    log_answer = middle + (log_answer - middle) * effects["spread"][local] + effects["output"][local]
    answer = np.maximum(_whole(log_answer, rows.dial("answers")[local]), 1)

    bits = streams.child(rows.key, "person")
    human = streams.uniform(bits) < effects["human"][local]
    reads = steps(table["growth"], "early", order) * rows.dial("growth")[local]
    reads = np.where(human, np.float32(table["growth"]["user"]), np.float32(1)) * reads
    read = _whole(quantiles("agent", "growth").log(score["growth"]) + effects["growth"][local], reads)
    before = _before(answer, order)
    # Thinking is not carried over: of long answers a part is lost.
    u = streams.uniform(bits, 1)
    lost = (u * u * (before * before / (before + 2500.0))).astype(np.int64)
    step = np.where(order > 0, np.maximum(before - lost + read, 1 + read // 2), 0)
    context = _compacted(rows, _running(step, rows))

    after = np.where(
        human, quantiles("agent", "user").log(score["pause"]), quantiles("agent", "tool").log(score["pause"])
    )
    pause = _pause(rows, after + effects["pace"][local], _before(context, order), before, bits)
    return Flow(context, answer, pause, human)


def _scores(rows: Rows) -> dict[str, streams.F32]:
    """Normal scores of each step's answer, growth and pause: alike in a phase of work and within a step."""
    table = law("agent")["step"]
    length = table["phase"]
    session = rows.bits("phase")[rows.local]
    phase = streams.normal(
        streams.items(session, (rows.order + (session >> np.uint64(58)).astype(np.int64)) // length)
    )
    bits = streams.child(rows.key, "step")
    common, shared = np.float32(table["common"]), streams.normal(bits, 3)
    found = {}
    for i, name in enumerate(("output", "growth", "pause")):
        weight = np.float32(table[name])
        own = np.sqrt(1 - weight * weight - common * common)
        found[name] = weight * phase + common * shared + own * streams.normal(bits, i)
    return found


def _effects(rows: Rows) -> dict[str, streams.F32]:
    """What sets one session apart from the account's others: lengths, pace, and how often a person steps in."""
    table = law("agent")["session"]
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


def _compacted(rows: Rows, grown: I64) -> I64:
    """Contexts from how a session began, what it read, and the window at which its history is summarised."""
    table = law("agent")
    limits, first = table["compaction"], mixture("agent", "first")
    ratio_law = mixture("agent", "compaction")
    bits, more = rows.bits("context"), rows.bits("context 2")
    length = rows.found.length[rows.session]
    u = streams.uniform(bits, 0)
    fresh, carried = (steps(table["begin"], name, length) for name in ("fresh", "carried"))
    how = (u >= fresh).astype(np.int32) + (u >= fresh + carried)
    start = _whole(first.log(how, bits), np.where(how == 0, rows.dial("input"), 1))
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


def _pause(rows: Rows, after: streams.F32, context: I64, answer: I64, bits: streams.U64) -> I64:
    """Milliseconds since the request before: its answer's time, then the tool's or the person's."""
    table = law("agent")["latency"]
    seconds = table["constant"] + table["input"] / 1e5 * context + table["output"] / 100 * answer
    noise = streams.exp(np.float32(table["sigma"]) * streams.normal(bits, 2))
    waited = streams.exp(after) * rows.dial("pace")[rows.local]
    return np.asarray(np.minimum((seconds * noise + waited) * 1000, 86_400_000.0)).astype(np.int64)


LAWS: dict[str, Callable[[Rows], Flow]] = {"conversation": conversation, "code": code, "agent": agent}
