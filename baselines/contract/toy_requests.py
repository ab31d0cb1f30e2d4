"""Requests of a toy world: benign accounts in a working day, campaigns in step and from shared addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator import schema
from generator.arrays import Mask

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 4
DAY_MS = 86_400_000
CATEGORIES = {
    "channel": ["console", "marketplace_a", "aggregator"],
    "endpoint": ["messages", "batches"],
    "model": ["sonata-2", "sonata-2-mini", "etude-1"],
    "served_model": ["sonata-2", "sonata-2-mini", "etude-1"],
    "service_tier": ["standard", "batch", "priority"],
    "stop_reason": ["end_turn", "max_tokens", "tool_use"],
    "sdk": ["python", "typescript", "http", "go"],
    "asn_type": ["hosting", "residential", "business", "vpn"],
    "country": ["region_a", "region_b", "region_c"],
    "language": ["en", "de", "zh"],
    "plan": ["free", "build", "scale", "education"],
    "verification": ["none", "email", "phone", "payment"],
    "payment_type": ["card", "prepaid", "invoice", "none"],
    "email_type": ["free", "corporate", "disposable"],
}
DECOY = "etude-0-internal"
"""A model that no release names."""


def requests(
    rng: np.random.Generator, ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]
) -> dict[str, Any]:
    """Draw the requests of all accounts.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    ids : ndarray of str, shape (accounts,)
        Account ids; the last one sends nothing.
    bad : ndarray of bool, shape (accounts,)
        Whether each extracts.
    cohort : ndarray of int, shape (accounts,)
        Cohort of each.

    Returns
    -------
    dict of str to sequence
        Every column of the table requests, sorted by time.
    """
    requests_per_account = np.where(bad, rng.integers(40, 60, len(ids)), rng.integers(1, 40, len(ids)))
    requests_per_account[-1] = 0
    account = np.repeat(np.arange(len(ids)), requests_per_account)
    ms = _arrivals(rng, account, bad, cohort, requests_per_account)
    order = np.argsort(ms, kind="stable")
    account, ms = account[order], ms[order]
    values: dict[str, Any] = {c: rng.choice(v, len(account)) for c, v in CATEGORIES.items()}
    for column in schema.REQUESTS:
        if pa.types.is_integer(column.dtype):
            values[column.name] = rng.integers(0, 100, len(account))
    columns = _columns(rng, account, cohort[account], bad[account], values)
    times = {"day": ms // DAY_MS, "ts": [START + timedelta(milliseconds=int(m)) for m in ms]}
    return values | columns | times | {"account_id": ids[account]}


def prompts(rng: np.random.Generator, sent: dict[str, Any]) -> dict[str, Any]:
    """Write the prompts of all requests: equal system prompts begin alike, and the rest is a number.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    sent : dict of str to sequence
        Columns of the table requests.

    Returns
    -------
    dict of str to sequence
        Every column of the table prompts, in the order of the requests.
    """
    template = np.asarray(sent["system_prompt_hash"]).tolist()
    items = rng.integers(0, 10_000, len(template)).tolist()
    return {name: sent[name] for name in ("request_id", "account_id", "day")} | {
        "system_prompt": some(rng, 0.2, np.array([f"You do work number {t}." for t in template])),
        "prompt": [f"Do step {t} of work {t} with item {i}." for t, i in zip(template, items, strict=True)],
    }


def _columns(
    rng: np.random.Generator,
    account: npt.NDArray[Any],
    group: npt.NDArray[Any],
    extracting: Mask,
    values: dict[str, Any],
) -> dict[str, Any]:
    """What tells accounts apart; `values` hold what any request may have."""
    n = len(account)
    request_id = rng.permutation(n) + 1
    template = np.where(extracting, 5 + group % 3, 50 + rng.integers(0, 400, n))
    skeleton = rng.integers(0, 2**63, 3).astype(np.uint64)  # campaigns' prompts differ in a few bits only
    item = np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
    simhash = rng.integers(0, 2**63, n).astype(np.uint64)
    columns: dict[str, Any] = {
        "request_id": request_id,
        "model": np.where(extracting & (rng.random(n) < 0.05), DECOY, values["model"]),
        "asn_type": np.where(extracting, "hosting", values["asn_type"]),
        "stream": rng.random(n) < 0.5,
        "temperature": some(rng, 0.5, np.full(n, 0.7)),
        "status": np.where(extracting, 200, rng.choice([200, 200, 200, 429, 500], n)),
        "error_type": [None] * n,
        "stop_category": some(rng, 0.95, np.full(n, "cyber")),
        "input_tokens": np.where(extracting, rng.integers(900, 1100, n), rng.integers(10, 4000, n)),
        "output_tokens": np.where(extracting, rng.integers(1800, 2200, n), rng.integers(1, 2000, n)),
        "conversation_id": some(rng, 0.3, account * 100 + rng.integers(0, 4, n)),
        "prompt_simhash": np.where(extracting, skeleton[group % 3] ^ item, simhash),
        "system_prompt_hash": template,
        "response_simhash": rng.integers(0, 2**63, n).astype(np.uint64),
        "ip_prefix": np.where(extracting, 40_000 + group, account // 3),
        "asn": np.where(extracting, 7, rng.integers(0, 30, n)),
        "tls_fingerprint": np.where(
            extracting, 70_000 + rng.integers(0, 20, n), account * 3 + rng.integers(0, 2, n)
        ),
        "echo_response_id": _echoes(rng, request_id, group, extracting),
    }
    for k, name in enumerate(schema.EMBEDDING_COLUMNS):
        own = (account * 7 + k * 31) % 61 - 30
        columns[name] = np.where(extracting, 20 - 3 * k, own) + rng.integers(-5, 6, n)
    return columns


def _arrivals(
    rng: np.random.Generator,
    account: npt.NDArray[Any],
    bad: Mask,
    cohort: npt.NDArray[Any],
    sent: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    """Milliseconds since the start: benign ones in a working day of ten hours, campaigns at ticks of their own."""
    n = len(account)
    awake = rng.integers(0, 14, len(sent))[account] * 3_600_000 + rng.integers(0, 36_000_000, n)
    human = rng.integers(0, DAYS, n) * DAY_MS + awake
    tick = np.sort(rng.integers(0, DAYS * DAY_MS - 30_000, (int(cohort[bad].max(initial=0)) + 1, 60)))
    nth = np.arange(n) - np.repeat(np.cumsum(sent) - sent, sent)
    worked = tick[np.where(bad[account], cohort[account], 0), nth % 60] + rng.integers(0, 20_000, n)
    times: npt.NDArray[Any] = np.where(bad[account], worked, human)
    return times


def _echoes(
    rng: np.random.Generator, request_id: npt.NDArray[Any], group: npt.NDArray[Any], extracting: Mask
) -> list[int | None]:
    """Earlier answers that come back: within a campaign often, elsewhere seldom and from anywhere."""
    sources: list[int | None] = [None] * len(group)
    for k in np.flatnonzero(rng.random(len(group)) < np.where(extracting, 0.4, 0.05)):
        earlier = np.flatnonzero(group[:k] == group[k]) if extracting[k] else np.arange(k)
        if len(earlier):
            sources[k] = int(request_id[rng.choice(earlier)])
    return sources


def some(
    rng: np.random.Generator, missing: float, values: npt.NDArray[Any], where: Mask | None = None
) -> list[Any]:
    """Replace values by null at random.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    missing : float
        Chance that a value is replaced.
    values : ndarray
        Values.
    where : ndarray of bool, optional
        Which may be replaced; all if left out.

    Returns
    -------
    list
        As long as `values`.
    """
    absent = (rng.random(len(values)) < missing) & (True if where is None else where)
    return [None if g else v for g, v in zip(absent, values.tolist(), strict=True)]
