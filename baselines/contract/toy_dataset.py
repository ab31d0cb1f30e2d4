"""Little worlds in memory with one blatant campaign: what the contract checks show to a detector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from generator import schema
from generator.arrays import Mask
from generator.dataset import Split, Table

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 4
_DAY_MS = 86_400_000
CATEGORIES = {
    "channel": ["console", "marketplace_a", "aggregator"],
    "endpoint": ["messages", "batches"],
    "model": ["sonata-2", "sonata-2-mini", "etude-1"],
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


def frame(table: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """A frame with exactly the schema of a table.

    Parameters
    ----------
    table : str
        Key of `schema.TABLES`.
    columns : mapping of str to sequence
        Values of every column.

    Returns
    -------
    polars.DataFrame
        Columns in the order of the schema.
    """
    arrow = schema.arrow_schema(table)
    out = pl.from_arrow(pa.table([pa.array(list(columns[f.name])).cast(f.type) for f in arrow], schema=arrow))
    assert isinstance(out, pl.DataFrame)
    return out


def split(name: str, tables: Mapping[str, pl.DataFrame], buckets: int = 2) -> Split:
    """A split over frames in memory; its requests lie in account buckets.

    Parameters
    ----------
    name : str
        Name of the split.
    tables : mapping of str to polars.DataFrame
        As `world` gives them.
    buckets : int
        Number of account buckets.

    Returns
    -------
    Split
        Four days with open labels.

    Examples
    --------
    >>> toy = split("train", world(seed=1))
    >>> toy.days, len(toy.accounts.polars().collect())
    (4, 120)
    """
    split_tables = {}
    owner = tables["requests"].select("request_id", pl.col("account_id").cast(pl.String).hash(0) % buckets)
    for table, rows in tables.items():
        parts = [rows.lazy()]
        if table in schema.SHARDED:
            bucket = rows.join(owner, on="request_id", how="left", maintain_order="left", suffix="_of")
            number = bucket.to_series(bucket.width - 1)
            parts = [rows.filter(number == b).lazy() for b in range(buckets)]
        split_tables[table] = Table(table, parts, tuple(c.name for c in schema.TABLES[table]))
    return Split(name, START, DAYS, split_tables, masked=False)


def world(seed: int, accounts: int = 120, campaign: int = 24) -> dict[str, pl.DataFrame]:
    """Tables of a world whose first accounts extract, six to a campaign, without hiding anything.

    They ask more than others, round the clock, in step, from hosted addresses they share, unverified, with one
    payment instrument for six, one system prompt and one work list between them, and pass each other's answers
    on. Every tenth account from the sixth on is grey unless it extracts; benign ones form cohorts of four; the
    last account sends nothing.

    Parameters
    ----------
    seed : int
        Worlds of different seeds share no account.
    accounts : int
        Number of accounts.
    campaign : int
        How many of them extract.

    Returns
    -------
    dict of str to polars.DataFrame
        Every table of `schema.TABLES` that a split holds, by name.
    """
    rng = np.random.default_rng(seed)
    number = np.arange(accounts)
    bad = number < campaign
    ids = np.array([f"acc-{seed}-{n:04d}" for n in rng.permutation(accounts)])
    cohort = np.where(bad, number // 6, 1000 + number // 4)
    requests = _requests(rng, ids, bad, cohort)
    return {
        "requests": frame("requests", requests),
        "accounts": frame("accounts", _accounts(rng, ids, bad, cohort)),
        "releases": _releases(),
        "account_labels": frame("account_labels", _truth(ids, bad, cohort)),
        "request_labels": frame("request_labels", _request_truth(requests, ids[bad])),
        "campaigns": _campaigns(requests, ids, bad, cohort),
    }


def _truth(ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]) -> dict[str, Any]:
    grey = ~bad & (np.arange(len(ids)) % 10 == 5)
    return {
        "account_id": ids,
        "label": np.where(bad, "extraction", np.where(grey, "grey", "benign")),
        "archetype": np.where(bad, "A1", "B1"),
        "cohort": [f"c{c}" for c in cohort],
        "campaign": [f"c{c}" if b else None for c, b in zip(cohort, bad, strict=True)],
        "tier": [schema.TIERS[c % 3] if b else None for c, b in zip(cohort, bad, strict=True)],
        "target": ["coding" if b else None for b in bad],
    }


def _request_truth(requests: Mapping[str, Any], extracting: npt.NDArray[Any]) -> dict[str, Any]:
    served = np.isin(requests["account_id"], extracting)
    return {
        "request_id": requests["request_id"],
        "day": requests["day"],
        "is_extraction": served & (np.array(requests["status"]) == 200),
        "kind": ["api"] * len(served),
    }


def _campaigns(
    requests: Mapping[str, Any], ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]
) -> pl.DataFrame:
    """Counts that agree with the requests; money, and value, of one per request."""
    names = [f"c{c}" for c in np.unique(cohort[bad])]
    requests_of = {n: np.isin(requests["account_id"], ids[bad & (cohort == int(n[1:]))]) for n in names}
    answered = {n: rows & (requests["status"] == 200) for n, rows in requests_of.items()}
    text = dict.fromkeys((c.name for c in schema.CAMPAIGNS if c.dtype == pa.string()), "-")
    numbers = {c.name: [answered[n].sum() for n in names] for c in schema.CAMPAIGNS if c.dtype != pa.string()}
    numbers |= {
        "first_day": [requests["day"][requests_of[n]].min() for n in names],
        "last_day": [requests["day"][requests_of[n]].max() for n in names],
        "accounts": [len(np.unique(requests["account_id"][requests_of[n]])) for n in names],
        "requests_planned": [requests_of[n].sum() for n in names],
        "requests_rejected": [(requests_of[n] & ~answered[n]).sum() for n in names],
        "extraction_input_tokens": [requests["input_tokens"][answered[n]].sum() for n in names],
        "extraction_output_tokens": [requests["output_tokens"][answered[n]].sum() for n in names],
        "student_value": [0.5] * len(names),
    }
    constant = {c: [v] * len(names) for c, v in (text | {"archetype": "A1", "dials": "{}"}).items()}
    identities = {"campaign": names, "tier": [schema.TIERS[int(n[1:]) % 3] for n in names]}
    return frame("campaigns", constant | identities | numbers)


def _accounts(
    rng: np.random.Generator, ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]
) -> dict[str, Any]:
    n = len(ids)
    age = np.where(bad, rng.integers(2, 90, n), rng.integers(-48, 7200, n))
    known: dict[str, Any] = {
        c: rng.choice(CATEGORIES[c], n) for c in ("plan", "verification", "payment_type", "email_type")
    }
    known |= {
        "account_id": ids,
        "created": [START - timedelta(hours=int(h)) for h in age],
        "payment_id": _some(rng, 0.2, np.where(bad, 7 + cohort, 1000 + np.arange(n)), ~bad),
        "email_domain": [f"d{k}.example" for k in np.where(bad, 900 + cohort % 2, rng.integers(0, 60, n))],
        "organization": [None] * n,
        "signup_prefix": np.where(bad, 500 + cohort, rng.integers(0, 90, n)),
    }
    worst = {"plan": "free", "verification": "none", "payment_type": "prepaid", "email_type": "disposable"}
    return known | {c: np.where(bad, v, known[c]) for c, v in worst.items()}


def _requests(
    rng: np.random.Generator, ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]
) -> dict[str, Any]:
    requests_per_account = np.where(bad, rng.integers(40, 60, len(ids)), rng.integers(1, 40, len(ids)))
    requests_per_account[-1] = 0
    account = np.repeat(np.arange(len(ids)), requests_per_account)
    ms = _arrivals(rng, account, bad, cohort, requests_per_account)
    order = np.argsort(ms, kind="stable")
    account, ms = account[order], ms[order]
    n, extracting, group = len(account), bad[account], cohort[account]
    values: dict[str, Any] = {c: rng.choice(v, n) for c, v in CATEGORIES.items()}
    for column in schema.REQUESTS:
        if pa.types.is_integer(column.dtype):
            values[column.name] = rng.integers(0, 100, n)
    request_id = rng.permutation(n) + 1
    template = np.where(extracting, 5 + group % 3, 50 + rng.integers(0, 400, n))
    skeleton = rng.integers(0, 2**63, 3).astype(np.uint64)  # campaigns' prompts differ in a few bits only
    item = np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
    simhash = rng.integers(0, 2**63, n).astype(np.uint64)
    values |= {
        "request_id": request_id,
        "account_id": ids[account],
        "day": ms // _DAY_MS,
        "ts": [START + timedelta(milliseconds=int(m)) for m in ms],
        "model": np.where(extracting & (rng.random(n) < 0.05), DECOY, values["model"]),
        "asn_type": np.where(extracting, "hosting", values["asn_type"]),
        "stream": rng.random(n) < 0.5,
        "temperature": _some(rng, 0.5, np.full(n, 0.7)),
        "status": np.where(extracting, 200, rng.choice([200, 200, 200, 429, 500], n)),
        "error_type": [None] * n,
        "stop_category": _some(rng, 0.95, np.full(n, "cyber")),
        "input_tokens": np.where(extracting, rng.integers(900, 1100, n), rng.integers(10, 4000, n)),
        "output_tokens": np.where(extracting, rng.integers(1800, 2200, n), rng.integers(1, 2000, n)),
        "conversation_id": _some(rng, 0.3, account * 100 + rng.integers(0, 4, n)),
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
        values[name] = np.where(extracting, 20 - 3 * k, own) + rng.integers(-5, 6, n)
    return values


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
    human = rng.integers(0, DAYS, n) * _DAY_MS + awake
    tick = np.sort(rng.integers(0, DAYS * _DAY_MS - 30_000, (int(cohort[bad].max(initial=0)) + 1, 60)))
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


def _some(
    rng: np.random.Generator, missing: float, values: npt.NDArray[Any], where: Mask | None = None
) -> list[Any]:
    absent = (rng.random(len(values)) < missing) & (True if where is None else where)
    return [None if g else v for g, v in zip(absent, values.tolist(), strict=True)]


def _releases() -> pl.DataFrame:
    names = CATEGORIES["model"]
    values: dict[str, Any] = {c.name: [1.0] * len(names) for c in schema.RELEASES}
    values |= {
        "model": names,
        "released": [START - timedelta(days=9)] * len(names),
        "context_window": [200_000] * len(names),
    }
    return frame("releases", values)
