"""Little worlds in memory with one blatant campaign: what the contract checks show to a detector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from baselines.contract import toy_requests
from baselines.contract.toy_requests import CATEGORIES, DAYS, START
from generator import schema
from generator.arrays import Mask
from generator.dataset import Split, Table


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
    requests = toy_requests.requests(rng, ids, bad, cohort)
    return {
        "requests": frame("requests", requests),
        "accounts": frame("accounts", _accounts(rng, ids, bad, cohort)),
        "releases": _releases(),
        "prompts": frame("prompts", toy_requests.prompts(rng, requests)),
        "labels_observed": frame("labels_observed", _observed(ids, bad)),
        "account_labels": frame("account_labels", _truth(requests, ids, bad, cohort)),
        "request_labels": frame("request_labels", _request_truth(requests, ids[bad])),
        "campaigns": _campaigns(requests, ids, bad, cohort),
    }


def _truth(
    requests: Mapping[str, Any], ids: npt.NDArray[Any], bad: Mask, cohort: npt.NDArray[Any]
) -> dict[str, Any]:
    grey = ~bad & (np.arange(len(ids)) % 10 == 5)
    owners, counts = np.unique(np.array(requests["account_id"])[requests["status"] == 200], return_counts=True)
    sent = dict(zip(owners.tolist(), counts.tolist(), strict=True))
    answered = np.array([sent.get(name, 0) for name in ids.tolist()])
    return {
        "account_id": ids,
        "label": np.where(bad, "extraction", np.where(grey, "grey", "benign")),
        "archetype": np.where(bad, "A1", "B1"),
        "cohort": [f"c{c}" for c in cohort],
        "campaign": [f"c{c}" if b else None for c, b in zip(cohort, bad, strict=True)],
        "tier": [schema.TIERS[c % 3] if b else None for c, b in zip(cohort, bad, strict=True)],
        "target": ["coding" if b else None for b in bad],
        "served": bad & (answered > 0),
        "extraction_requests": bad * answered,
        "cohort_requests": answered,
    }


def _observed(ids: npt.NDArray[Any], bad: Mask) -> dict[str, Any]:
    """Every other account that extracts is banned, and so is every twentieth other one, and cleared."""
    number = np.arange(len(ids))
    banned, wrong = bad & (number % 2 == 0), ~bad & (number % 20 == 0)
    rows = [(name, 1, "banned", "rule") for name in ids[banned | wrong]]
    rows += [(name, 2, "cleared", "manual review") for name in ids[wrong]]
    columns = zip(*((*row, None) for row in sorted(rows)), strict=True)
    return dict(zip(("account_id", "day", "state", "source", "case"), map(list, columns), strict=True))


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
        "accounts_served": [len(np.unique(requests["account_id"][answered[n]])) for n in names],
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
        "payment_id": toy_requests.some(rng, 0.2, np.where(bad, 7 + cohort, 1000 + np.arange(n)), ~bad),
        "email_domain": [f"d{k}.example" for k in np.where(bad, 900 + cohort % 2, rng.integers(0, 60, n))],
        "organization": [None] * n,
        "signup_prefix": np.where(bad, 500 + cohort, rng.integers(0, 90, n)),
    }
    worst = {"plan": "free", "verification": "none", "payment_type": "prepaid", "email_type": "disposable"}
    return known | {c: np.where(bad, v, known[c]) for c, v in worst.items()}


def _releases() -> pl.DataFrame:
    names = CATEGORIES["model"]
    values: dict[str, Any] = {c.name: [1.0] * len(names) for c in schema.RELEASES}
    values |= {
        "model": names,
        "released": [START - timedelta(days=9)] * len(names),
        "withdrawn": [None] * len(names),
        "returned": [None] * len(names),
        "context_window": [200_000] * len(names),
    }
    return frame("releases", values)
