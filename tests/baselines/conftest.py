"""A small world with every public column, random values, and one planted campaign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from generator import schema
from generator.dataset import Split, Table

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 4
CATEGORIES = {
    "channel": ["console", "marketplace_a", "aggregator"],
    "endpoint": ["messages", "batches"],
    "model": ["m-1", "m-2", "m-3"],
    "service_tier": ["standard", "batch"],
    "stop_reason": ["end_turn", "max_tokens"],
    "sdk": ["python", "node", "curl"],
    "asn_type": ["hosting", "residential", "vpn"],
    "country": ["C1", "C2", "C3"],
    "language": ["l1", "l2"],
    "plan": ["tier_1", "tier_2", "education"],
    "verification": ["none", "email", "phone"],
    "payment_type": ["card", "prepaid", "invoice"],
    "email_type": ["free", "corporate"],
}


def frame(table: str, columns: dict[str, object]) -> pl.DataFrame:
    """A frame with exactly the schema of a table."""
    arrow = schema.arrow_schema(table)
    arrays = [pa.array(_plain(columns[f.name])).cast(f.type) for f in arrow]
    out = pl.from_arrow(pa.table(arrays, schema=arrow))
    assert isinstance(out, pl.DataFrame)
    return out


def _plain(values: object) -> list[object]:
    assert isinstance(values, np.ndarray | list)
    return list(values)


def split(name: str, tables: dict[str, pl.DataFrame], buckets: int = 2) -> Split:
    """A split over frames in memory; requests in two account buckets."""
    held = {}
    for table, rows in tables.items():
        columns = tuple(c.name for c in schema.TABLES[table])
        parts = [rows.lazy()]
        if table == "requests":
            bucket = pl.col("account_id").cast(pl.String).hash(0) % buckets
            parts = [rows.filter(bucket == b).lazy() for b in range(buckets)]
        held[table] = Table(table, parts, columns)
    return Split(name, START, DAYS, held, masked=False)


def world(seed: int, accounts: int = 120, campaign: int = 24) -> dict[str, pl.DataFrame]:
    """Tables of a world whose first accounts share a payment instrument and a system prompt.

    Every fifth of the others is grey; benign ones form cohorts of four.
    """
    rng = np.random.default_rng(seed)
    bad = np.arange(accounts) < campaign
    ids = np.array([f"acc-{seed}-{n:04d}" for n in rng.permutation(accounts)])
    grey = ~bad & (np.arange(accounts) % 10 == 5)
    labels = np.where(bad, "extraction", np.where(grey, "grey", "benign"))
    cohort = [f"c{n // 6 if b else 1000 + n // 4}" for n, b in enumerate(bad)]
    payment = np.where(bad, 7 + np.arange(accounts) % 4, 1000 + np.arange(accounts))
    truth = {
        "account_id": ids, "label": labels, "archetype": np.where(bad, "A1", "B1"), "cohort": cohort,
        "campaign": [c if b else None for c, b in zip(cohort, bad, strict=True)],
        "tier": [("overt", "evasive")[n % 2] if b else None for n, b in enumerate(bad)],
        "target": ["coding" if b else None for b in bad],
    }  # fmt: skip
    known = {
        "account_id": ids, "created": [START - timedelta(hours=int(h)) for h in rng.integers(-48, 7200, accounts)],
        "payment_id": payment, "email_domain": [f"d{n}.example" for n in rng.integers(0, 60, accounts)],
        "organization": [None] * accounts, "signup_prefix": rng.integers(0, 90, accounts),
    }  # fmt: skip
    known |= {
        c: rng.choice(CATEGORIES[c], accounts) for c in ("plan", "verification", "payment_type", "email_type")
    }
    return {
        "requests": _requests(rng, ids, bad),
        "accounts": frame("accounts", {c.name: known[c.name] for c in schema.ACCOUNTS}),
        "releases": _releases(),
        "account_labels": frame("account_labels", truth),
    }


def _requests(rng: np.random.Generator, ids: np.ndarray, bad: np.ndarray) -> pl.DataFrame:
    # The last account sends nothing.
    sent = np.append(rng.integers(1, 40, len(ids) - 1), 0)
    who = np.repeat(np.arange(len(ids)), sent)
    n = len(who)
    ms = np.sort(rng.integers(0, DAYS * 86_400_000, n))
    who = rng.permutation(who)
    values: dict[str, object] = {c: rng.choice(v, n) for c, v in CATEGORIES.items()}
    for column in schema.REQUESTS:
        if pa.types.is_integer(column.dtype):
            values[column.name] = rng.integers(0, 100, n)
    template = np.where(bad[who], 5 + who % 3, 50 + rng.integers(0, 400, n))
    values |= {
        "request_id": rng.permutation(n) + 1, "account_id": ids[who], "day": ms // 86_400_000,
        "ts": [START + timedelta(milliseconds=int(m)) for m in ms], "stream": rng.random(n) < 0.5,
        "temperature": _some(rng, 0.5, np.full(n, 0.7)),
        "status": rng.choice([200, 200, 200, 429, 500], n),
        "error_type": [None] * n, "stop_category": _some(rng, 0.95, np.full(n, "flag")),
        "input_tokens": rng.integers(10, 4000, n), "output_tokens": rng.integers(1, 2000, n),
        "conversation_id": _some(rng, 0.3, who * 100 + rng.integers(0, 4, n)),
        "echo_response_id": _some(rng, 0.9, rng.integers(1, n, n)),
        "prompt_simhash": rng.integers(0, 2**63, n).astype(np.uint64), "system_prompt_hash": template,
        "response_simhash": rng.integers(0, 2**63, n).astype(np.uint64), "ip_prefix": who // 3,
    }  # fmt: skip
    return frame("requests", {c.name: values[c.name] for c in schema.REQUESTS})


def _some(rng: np.random.Generator, missing: float, values: np.ndarray) -> list[object]:
    return [
        None if gone else v for gone, v in zip(rng.random(len(values)) < missing, values.tolist(), strict=True)
    ]


def _releases() -> pl.DataFrame:
    names = CATEGORIES["model"]
    values: dict[str, object] = {c.name: [1.0] * len(names) for c in schema.RELEASES}
    values |= {
        "model": names,
        "released": [START - timedelta(days=9)] * len(names),
        "context_window": [200_000] * 3,
    }
    return frame("releases", values)


@pytest.fixture(scope="session")
def train() -> Split:
    return split("train", world(1))


@pytest.fixture(scope="session")
def target() -> Split:
    return split("validation", world(2))
