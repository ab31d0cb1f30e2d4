"""The provider's side: models and prices, limits, failures, stop reasons, latency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I32, I64, U64, Mask
from generator.rng import streams
from generator.traffic.sessions import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions
    from generator.workloads.token_usage import Usage


# name, USD per 10^6 input and output tokens, ms to first token, ms per output token, weight (all (a))
MODELS = (
    ("sonata-2", 3.0, 15.0, 700, 14, 0.40),
    ("sonata-2-mini", 0.8, 4.0, 350, 7, 0.33),
    ("etude-1", 10.0, 50.0, 1100, 24, 0.12),
    ("etude-1-nano", 0.2, 0.9, 220, 5, 0.15),
    ("sonata-3", 3.0, 15.0, 650, 12, 0.0),
    ("etude-2", 9.0, 45.0, 900, 20, 0.0),
    ("etude-0-internal", 3.0, 15.0, 700, 14, 0.0),  # the honeypot: answers, but stands in no list
)
DECOY = len(MODELS) - 1
_PRICES = np.array([m[1:3] for m in MODELS]).T / 1e6  # USD per input and output token
CACHE_WRITE, CACHE_READ, BATCH = 1.25, 0.1, 0.5  # price factors
_SLOWER = 2.5  # of answers during an incident (a)
_NEW = {"train": 4, "validation": 4, "test": 5}
STOP_REASONS = ("end_turn", "max_tokens", "tool_use", "stop_sequence", "refusal")
ERRORS = ("invalid_request_error", "rate_limit_error", "api_error", "overloaded_error")
ERROR_STATUS = np.array([400, 429, 500, 529], np.int16)
_TRIES_DECOY = np.float32(0.08)  # share of the sessions of an account that found the decoy (a)


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

    error: I32
    status: npt.NDArray[np.int16]
    stop: I32
    latency: I64
    first_token: I64


def release_day(plan: PopulationPlan) -> float:
    """Day of the window on which the new model of this world appears."""
    return float(plan.config.days * (0.3 + 0.3 * streams.uniform(streams.child(plan.root, "release"))[0]))


def model_releases(plan: PopulationPlan) -> list[dict[str, Any]]:
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
                "cache_write_price": price_in * CACHE_WRITE,
                "cache_read_price": round(price_in * CACHE_READ, 4),
                "batch_factor": BATCH,
                "context_window": 1_000_000,
            }
        )
    return rows


def requested_models(plan: PopulationPlan, accounts: Accounts, found: Sessions) -> I32:
    """Model that each session asks for: the account's usual one, or the new one from its release on."""
    weights = np.array([m[-1] for m in MODELS])
    if plan.split == "test":
        weights[4] = 0.25
    bits, more = streams.child(found.key, "model"), streams.child(found.key, "new model")
    usual = streams.pick(streams.child(accounts.key, "model"), weights)[found.account]
    second = streams.pick(bits, weights, 0)
    chosen = np.where(streams.uniform(bits, 1) < np.float32(0.12), second, usual)
    moved = found.start >= int((release_day(plan) + 0.1) * DAY_MS)
    pivot = streams.uniform(bits, 2) < accounts.dials["pivot"][found.account]
    released = release_day(plan) + streams.uniform(more, 0) * accounts.dials["pivot_lag"][found.account]
    joint = found.work & (streams.uniform(more, 1) < accounts.dials["release_pivot"][found.account])
    new = (moved & pivot) | (joint & (found.start >= (released * DAY_MS).astype(np.int64)))
    knows = streams.uniform(streams.child(accounts.key, "decoy")) < accounts.dials["decoy"]
    decoy = knows[found.account] & (streams.uniform(more, 2) < _TRIES_DECOY)
    return np.where(decoy, DECOY, np.where(new, _NEW[plan.split], chosen)).astype(np.int32)


def is_batch(accounts: Accounts, found: Sessions) -> Mask:
    """Whether each session is sent as a batch."""
    return np.asarray(streams.uniform(streams.child(found.key, "batch")) < accounts.dials["batch"][found.account])


def list_price(model: I32, used: Usage, batch: Mask) -> F64:
    """List price of each request in USD, cache and batch tier included."""
    per_input, per_output = (
        np.array(prices).take(model) / 1e6 for prices in ([m[1] for m in MODELS], [m[2] for m in MODELS])
    )
    fresh = used.input - used.cache_read + (CACHE_WRITE - 1) * used.cache_write
    full = per_input * (fresh + CACHE_READ * used.cache_read) + per_output * used.output
    return np.asarray(np.where(batch, BATCH * full, full))


def respond(
    accounts: Accounts,
    row: I64,
    key: U64,
    ts: I64,
    used: Usage,
    model: I32,
    error: I32,
    slow: Mask,
) -> Response:
    """Status, stop reason and timing of each request.

    Parameters
    ----------
    row : ndarray of int64
        Account of each request, as a position in `accounts`.
    error : ndarray of int32
        What became of it, see `limits.errors`.
    slow : ndarray of bool
        Whether the provider is overloaded at that moment.
    """
    bits, more = streams.child(key, "response"), streams.child(key, "response 2")
    failed = error >= 0
    tools = (accounts.dials["tools"] >= 1)[row]
    stop = np.where(tools & (streams.uniform(bits, 2) < np.float32(0.6)), 2, 0)
    stop = np.where(streams.uniform(more, 0) < accounts.dials["refusals"][row], 4, stop)
    stop = np.where(streams.halves(more, 3) < 900, 3, stop)
    stop = np.where(used.cut, 1, stop)
    per_token = np.array([m[4] for m in MODELS], np.float32)[model]
    base = np.array([m[3] for m in MODELS], np.float32)[model]
    noise = streams.exp(np.float32(0.3) * streams.normal(more, 1))
    hour = (ts % DAY_MS) // 3_600_000
    load = 1 + 0.25 * np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 2, 2, 1, 1])[hour] / 4
    load = np.where(slow, _SLOWER * load, load)
    first = (base + 0.0157 * (used.input - used.cache_read)) * noise * load
    rest = used.output * per_token * load * streams.exp(np.float32(0.15) * streams.normal(more, 2))
    latency = np.where(failed, 20 + first / 8, first + rest)
    return Response(
        error=error,
        status=np.where(failed, ERROR_STATUS[error], 200).astype(np.int16),
        stop=np.where(failed, -1, stop).astype(np.int32),
        latency=latency.astype(np.int64),
        first_token=first.astype(np.int64),
    )
