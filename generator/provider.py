"""The provider's side: models and prices, limits, failures, stop reasons, latency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator import streams
from generator.archetypes import CHOICES
from generator.arrivals import DAY_MS

if TYPE_CHECKING:
    from generator.accounts import Accounts
    from generator.arrivals import Sessions
    from generator.cohorts import Plan
    from generator.tokens import Usage

I64 = npt.NDArray[np.int64]

# name, USD per 10^6 input and output tokens, ms to first token, ms per output token, weight (all (a))
MODELS = (
    ("sonata-2", 3.0, 15.0, 700, 14, 0.40),
    ("sonata-2-mini", 0.8, 4.0, 350, 7, 0.33),
    ("etude-1", 10.0, 50.0, 1100, 24, 0.12),
    ("etude-1-nano", 0.2, 0.9, 220, 5, 0.15),
    ("sonata-3", 3.0, 15.0, 650, 12, 0.0),
    ("etude-2", 9.0, 45.0, 900, 20, 0.0),
)
_NEW = {"train": 4, "validation": 4, "test": 5}
STOP_REASONS = ("end_turn", "max_tokens", "tool_use", "stop_sequence", "refusal")
ERRORS = ("invalid_request_error", "rate_limit_error", "api_error", "overloaded_error")
ERROR_STATUS = np.array([400, 429, 500, 529], np.int16)
# Ceilings per plan in the order of archetypes.CHOICES["plan"]: requests a minute, requests a day (a).
REQUESTS_PER_MINUTE = np.array([20, 60, 600, 300, 100, 2000])
REQUESTS_PER_DAY = np.array([1_000, 5_000, 100_000, 20_000, 5_000, 1_000_000])


@dataclass
class Response:
    """What the provider answered; arrays over requests.

    Attributes
    ----------
    error : ndarray of int32
        Index into `ERRORS`; -1: answered.
    stop : ndarray of int32
        Index into `STOP_REASONS`; -1: failed.
    """

    error: npt.NDArray[np.int32]
    status: npt.NDArray[np.int16]
    stop: npt.NDArray[np.int32]
    retries: npt.NDArray[np.int8]
    latency: I64
    first_token: I64


def release_day(plan: Plan) -> float:
    """Day of the window on which the new model of this world appears."""
    return float(plan.config.days * (0.3 + 0.3 * streams.uniform(streams.child(plan.root, "release"))[0]))


def releases(plan: Plan) -> list[dict[str, Any]]:
    """Rows of the releases table: what can be asked for in this world, with its list price."""
    start = plan.config.window(plan.split)
    new = _NEW[plan.split]
    rows = []
    for i, (name, price_in, price_out, *_) in enumerate(MODELS[: new + 1]):
        age = -release_day(plan) if i == new else 90.0 + 60 * i
        rows.append(
            {
                "model": name,
                "released": start - timedelta(days=age),
                "input_price": price_in,
                "output_price": price_out,
                "cache_write_price": price_in * 1.25,
                "cache_read_price": round(price_in * 0.1, 4),
                "batch_factor": 0.5,
                "context_window": 200_000,
            }
        )
    return rows


def models(plan: Plan, accounts: Accounts, found: Sessions) -> npt.NDArray[np.int32]:
    """Model that each session asks for: the account's usual one, or the new one from its release on."""
    weights = np.array([m[-1] for m in MODELS])
    if plan.split == "test":
        weights[4] = 0.25
    bits = streams.child(found.key, "model")
    usual = streams.pick(streams.child(accounts.key, "model"), weights)[found.account]
    second = streams.pick(bits, weights, 0)
    chosen = np.where(streams.uniform(bits, 1) < np.float32(0.12), second, usual)
    moved = found.start >= int((release_day(plan) + 0.1) * DAY_MS)
    pivot = streams.uniform(bits, 2) < accounts.dials["pivot"][found.account]
    return np.where(moved & pivot, _NEW[plan.split], chosen).astype(np.int32)


def respond(
    plan: Plan,
    accounts: Accounts,
    found: Sessions,
    session: I64,
    key: streams.U64,
    ts: I64,
    used: Usage,
    model: npt.NDArray[np.int32],
) -> Response:
    """Status, stop reason and timing of each request."""
    row = found.account[session]
    bits, more = streams.child(key, "response"), streams.child(key, "response 2")
    error = _errors(plan, accounts, found, session, row, ts, bits)
    failed = error >= 0
    tools = (accounts.dials["tools"] >= 1)[row]
    stop = np.where(tools & (streams.uniform(bits, 2) < np.float32(0.6)), 2, 0)
    stop = np.where(streams.uniform(more, 0) < np.float32(0.006), 4, stop)
    stop = np.where(streams.halves(more, 3) < 900, 3, stop)
    stop = np.where(used.cut, 1, stop)
    # An attempt after a failed one of the same session is its retry.
    again = np.r_[False, failed[:-1] & (error[:-1] > 0)] & (np.r_[-1, session[:-1]] == session)
    per_token = np.array([m[4] for m in MODELS], np.float32)[model]
    base = np.array([m[3] for m in MODELS], np.float32)[model]
    noise = streams.exp(np.float32(0.3) * streams.normal(more, 1))
    hour = (ts % DAY_MS) // 3_600_000
    load = 1 + 0.25 * np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 2, 2, 1, 1])[hour] / 4
    first = (base + 0.0157 * (used.input - used.cache_read)) * noise * load
    rest = used.output * per_token * load * streams.exp(np.float32(0.15) * streams.normal(more, 2))
    latency = np.where(failed, 20 + first / 8, first + rest)
    return Response(
        error=error,
        status=np.where(failed, ERROR_STATUS[error], 200).astype(np.int16),
        stop=np.where(failed, -1, stop).astype(np.int32),
        retries=again.astype(np.int8),
        latency=latency.astype(np.int64),
        first_token=first.astype(np.int64),
    )


def _errors(
    plan: Plan,
    accounts: Accounts,
    found: Sessions,
    session: I64,
    row: I64,
    ts: I64,
    bits: streams.U64,
) -> npt.NDArray[np.int32]:
    # Malformed requests cluster: most sessions have none, a few many (GenTD26: lag-1 autocorrelation .49).
    clumsy = streams.uniform(streams.child(found.key, "clumsy")) < accounts.dials["errors"][found.account] * 2
    bad = clumsy[session] & (streams.uniform(bits, 0) < np.float32(0.5))
    u = streams.uniform(bits, 1)
    trouble = _incident(plan, ts)
    error = np.where(u < np.where(trouble, np.float32(0.12), np.float32(0.001)), 3, -1)
    error = np.where((error < 0) & (u > np.float32(0.998)), 2, error)
    error = np.where(bad, 0, error)
    plan_of = accounts.choices["plan"][row]
    per_minute = REQUESTS_PER_MINUTE[plan_of]
    at = np.arange(len(ts))
    earlier = at - per_minute
    crowded = (earlier >= found.first[session]) & (ts - ts[np.maximum(earlier, 0)] < 60_000)
    # Rows of an account-day lie together, so the day's count is the distance to its first row.
    new_day = np.r_[True, (np.diff(found.account) != 0) | (np.diff(found.day) != 0)]
    day_first = found.first[np.maximum.accumulate(np.where(new_day, np.arange(len(new_day)), 0))]
    over = at - day_first[session] >= REQUESTS_PER_DAY[plan_of]
    return np.where(crowded | over, 1, error).astype(np.int32)


def _incident(plan: Plan, ts: I64) -> npt.NDArray[np.bool_]:
    """Whether the provider is overloaded: one shared incident in three days on average, 20 to 90 minutes long."""
    n = max(1, plan.config.days // 3)
    keys = streams.items(streams.child(plan.root, "incident"), np.arange(n))
    start = (streams.uniform_wide(keys) * plan.config.days * DAY_MS).astype(np.int64)
    end = start + (1_200_000 + streams.uniform(streams.mix(keys)) * 4_200_000).astype(np.int64)
    order = np.argsort(start, kind="stable")
    nearest = np.searchsorted(start[order], ts, side="right") - 1
    return (nearest >= 0) & (ts < end[order][np.maximum(nearest, 0)])


assert len(CHOICES["plan"]) == len(REQUESTS_PER_MINUTE) == len(REQUESTS_PER_DAY)
