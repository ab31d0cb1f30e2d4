"""Every table and column of a dataset: dtype, unit, field group and OpenTelemetry name.

The one place that says what a column is: writers take their Arrow schemas from here, readers check files by
it, detectors declare what they use in its terms, and the data dictionary is printed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from generator.columns import (
    CATEGORY,
    DAY_MS,
    EMBEDDING_COLUMNS,
    EMBEDDING_DIMENSIONS,
    GROUPS,
    KINDS,
    LABELS,
    LABELS_OBSERVED,
    LANGUAGES,
    OPAQUE,
    PROMPTS,
    REQUESTS,
    SPLITS,
    TEXTS,
    TIERS,
    TIMESTAMP,
    Column,
)

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_LABELS",
    "CAMPAIGNS",
    "CATEGORY",
    "DAY_MS",
    "EMBEDDING_COLUMNS",
    "EMBEDDING_DIMENSIONS",
    "GROUPS",
    "KINDS",
    "LABELS",
    "LABELS_OBSERVED",
    "LANGUAGES",
    "OPTIONAL",
    "PROMPTS",
    "PUBLIC",
    "RELEASES",
    "REQUESTS",
    "REQUEST_LABELS",
    "SHARDED",
    "SPLITS",
    "TABLES",
    "TEXTS",
    "TIERS",
    "TIMESTAMP",
    "TRUTH",
    "Column",
    "arrow_schema",
    "check_fields",
    "column",
    "field_groups",
    "numpy_type",
    "pandas_metadata",
    "parquet_options",
]

_C = Column

ACCOUNTS: tuple[Column, ...] = (
    _C("account_id", CATEGORY, "K", "-", "user.id", "opaque name of the account"),
    _C("created", TIMESTAMP, "M", "ms, UTC", "-", "sign-up"),
    _C("plan", CATEGORY, "M", "-", "-", "what the account pays for"),
    _C("verification", CATEGORY, "M", "-", "-", "strongest check passed at sign-up"),
    _C("payment_type", CATEGORY, "L", "-", "-", "card, prepaid, invoice, credits or marketplace"),
    _C("payment_id", pa.int64(), "L", "-", "-", "payment instrument; " + OPAQUE + "; null: none on file", True),
    _C("email_domain", pa.string(), "L", "-", "-", "invented domain of the e-mail address"),
    _C("email_type", CATEGORY, "L", "-", "-", "free, corporate, education or disposable"),
    _C("organization", pa.string(), "L", "-", "-", "invented name given at sign-up; null: a person", True),
    _C("signup_prefix", pa.int64(), "L", "-", "-", "address prefix at sign-up; " + OPAQUE),
)

RELEASES: tuple[Column, ...] = (
    _C("model", pa.string(), "K", "-", "gen_ai.request.model", "name of the model"),
    _C("released", TIMESTAMP, "M", "ms, UTC", "-", "first moment at which it answers"),
    _C("withdrawn", TIMESTAMP, "M", "ms, UTC", "-", "moment from which it is away; null: there all along", True),
    _C("returned", TIMESTAMP, "M", "ms, UTC", "-", "moment from which it is back; null: not in this window", True),
    _C("input_price", pa.float64(), "M", "USD per 10^6 tokens", "-", "uncached input"),
    _C("output_price", pa.float64(), "M", "USD per 10^6 tokens", "-", "output, thinking included"),
    _C("cache_write_price", pa.float64(), "M", "USD per 10^6 tokens", "-", "input written to the cache"),
    _C("cache_read_price", pa.float64(), "M", "USD per 10^6 tokens", "-", "input read from the cache"),
    _C("batch_factor", pa.float64(), "M", "1", "-", "price factor of the batch tier"),
    _C("context_window", pa.int32(), "M", "tokens", "-", "largest prompt plus answer"),
)

ACCOUNT_LABELS: tuple[Column, ...] = (
    _C("account_id", CATEGORY, "K", "-", "user.id", "account"),
    _C("label", CATEGORY, "T", "-", "-", "benign, extraction or grey (left out of every score)"),
    _C("archetype", CATEGORY, "T", "-", "-", "A1.. or B1.., see generator/archetypes"),
    _C("cohort", pa.string(), "T", "-", "-", "group the account belongs to; unit of resampling"),
    _C("campaign", pa.string(), "T", "-", "-", "campaign; null: not extraction", True),
    _C("tier", CATEGORY, "T", "-", "-", "overt, evasive or adaptive; null: not extraction", True),
    _C("target", CATEGORY, "T", "-", "-", "capability the campaign is after; null: not extraction", True),
    _C("served", pa.bool_(), "T", "-", "-", "whether it sent an answered extraction request: a positive"),
    _C("extraction_requests", pa.int64(), "T", "requests", "-", "its answered requests that serve the extraction"),
    _C("cohort_requests", pa.int64(), "T", "requests", "-", "its answered requests that do its cohort's work"),
)

REQUEST_LABELS: tuple[Column, ...] = (
    _C("request_id", pa.int64(), "K", "-", "gen_ai.response.id", "request; rows as in requests", encoding="PLAIN"),
    _C("day", pa.int32(), "T", "days", "-", "whole days since the window began"),
    _C("is_extraction", pa.bool_(), "T", "-", "-", "whether this very request serves an extraction campaign"),
    _C("kind", CATEGORY, "T", "-", "-", "workload: api, reasoning, conversation, code or agent"),
)

CAMPAIGNS: tuple[Column, ...] = (
    _C("campaign", pa.string(), "K", "-", "-", "name of the campaign"),
    _C("archetype", pa.string(), "T", "-", "-", "A1.."),
    _C("tier", pa.string(), "T", "-", "-", "overt, evasive or adaptive"),
    _C("target", pa.string(), "T", "-", "-", "capability the campaign is after"),
    _C("first_day", pa.int32(), "T", "days", "-", "first day of collecting"),
    _C("last_day", pa.int32(), "T", "days", "-", "last day of collecting"),
    _C("accounts", pa.int32(), "T", "accounts", "-", "accounts, replacements included"),
    _C("accounts_served", pa.int32(), "T", "accounts", "-", "of these, accounts that served: the positives"),
    _C("requests_planned", pa.int64(), "T", "requests", "-", "requests its accounts sent, all purposes"),
    _C("requests_rejected", pa.int64(), "T", "requests", "-", "of these, answered with an error"),
    _C("extraction_requests", pa.int64(), "T", "requests", "-", "answered requests that serve the extraction"),
    _C("extraction_input_tokens", pa.int64(), "T", "tokens", "-", "their input"),
    _C("extraction_output_tokens", pa.int64(), "T", "tokens", "-", "their output"),
    _C("distinct_outputs", pa.int64(), "T", "outputs", "-", "of them, about different prompts; within 2 %"),
    _C("list_price_usd", pa.float64(), "T", "USD", "-", "their price by the list, cache and batch included"),
    _C("list_price_all_usd", pa.float64(), "T", "USD", "-", "price of all answered requests of its accounts"),
    _C("student_value", pa.float64(), "T", "1", "-", "concave value of the distinct outputs, 0..1 (assumption)"),
    _C("dials", pa.string(), "T", "-", "-", "all drawn dials as JSON"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "requests": REQUESTS,
    "accounts": ACCOUNTS,
    "releases": RELEASES,
    "prompts": PROMPTS,
    "labels_observed": LABELS_OBSERVED,
    "account_labels": ACCOUNT_LABELS,
    "request_labels": REQUEST_LABELS,
    "campaigns": CAMPAIGNS,
}
PUBLIC = ("requests", "accounts", "releases", "prompts")
OPTIONAL = ("prompts",)  # a dataset may be without, see `text` in its configuration
TRUTH = ("account_labels", "request_labels", "campaigns")
SHARDED = ("requests", "request_labels", "prompts")  # one file per day and account bucket; the others are one file


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of a table, the same for every file of it.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    """
    return pa.schema([pa.field(c.name, c.dtype, nullable=c.nullable) for c in TABLES[table]])


def numpy_type(column: Column) -> np.dtype[Any]:
    """Type of a column's values, or of a category's codes, in the generator's arrays; times are whole numbers.

    Parameters
    ----------
    column : Column
        Column of any table.
    """
    if column.dtype == CATEGORY:
        return np.dtype(np.int8)
    if pa.types.is_timestamp(column.dtype):
        return np.dtype(np.int64)
    return np.dtype(np.float32 if column.dtype == pa.float32() else str(column.dtype))


def pandas_metadata(table: str, names: Iterable[str] | None = None) -> dict[str, str]:
    """Schema metadata by which pandas reads integers that may be null as integers.

    Without it pandas makes floats of them.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    names : iterable of str, optional
        Columns that are there; all if left out.
    """
    there = None if names is None else set(names)
    columns = [c for c in TABLES[table] if there is None or c.name in there]
    numbers = [c for c in columns if c.nullable and pa.types.is_integer(c.dtype)]
    described = [
        {
            "name": c.name,
            "field_name": c.name,
            "pandas_type": str(c.dtype),
            "numpy_type": str(c.dtype).replace("int", "Int").replace("uI", "UI"),
            "metadata": None,
        }
        for c in numbers
    ]
    return {"pandas": json.dumps({"index_columns": [], "column_indexes": [], "columns": described})}


def parquet_options(table: str) -> dict[str, object]:
    """Keyword arguments for `pyarrow.parquet.ParquetWriter` that fit the table's columns.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    """
    columns = TABLES[table]
    # Plain ones are random bits, and packed differences have nothing left to find: compressed they are no smaller.
    codecs = {c.name: "none" if c.encoding in ("PLAIN", "DELTA_BINARY_PACKED") else "zstd" for c in columns}
    return {
        "compression": codecs,
        "compression_level": {name: 1 for name, codec in codecs.items() if codec == "zstd"},
        "use_dictionary": [c.name for c in columns if c.encoding == "dictionary"],
        "column_encoding": {c.name: c.encoding for c in columns if c.encoding != "dictionary"},
        "write_statistics": ["ts", "day"] if table == "requests" else True,
        "store_schema": True,
    }


def check_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """Fields as written by a detector, such as "requests.ts", checked against the schema.

    Parameters
    ----------
    fields : iterable of str
        As table.column.

    Raises
    ------
    ValueError
        Names every field that does not exist or is truth, and says what a field looks like.
    """
    declared = tuple(fields)
    wrong = [f for f in declared if not _is_public(f)]
    if wrong:
        raise ValueError(
            f"{len(wrong)} of {len(declared)} declared fields are no public columns: {', '.join(wrong[:5])}; "
            "write table.column, e.g. requests.ts or accounts.plan, with tables " + ", ".join(PUBLIC)
        )
    return declared


def field_groups(fields: Iterable[str]) -> str:
    """Field groups that the declared fields belong to, e.g. "M+L"; "-" for none.

    Parameters
    ----------
    fields : iterable of str
        As table.column.

    Examples
    --------
    >>> field_groups(["requests.ts", "requests.asn", "requests.account_id"])
    'M+L'
    """
    groups = {column(f).group for f in check_fields(fields)} - {"K"}
    return "+".join(g for g in "MLCX" if g in groups) or "-"


def column(field: str) -> Column:
    """Column named as table.column.

    Parameters
    ----------
    field : str
        As table.column.

    Raises
    ------
    KeyError
        If there is no such column.

    Examples
    --------
    >>> column("requests.input_tokens").unit
    'tokens'
    """
    table, _, name = field.partition(".")
    for c in TABLES.get(table, ()):
        if c.name == name:
            return c
    raise KeyError(field)


def _is_public(field: str) -> bool:
    table, _, name = field.partition(".")
    return table in PUBLIC and any(c.name == name for c in TABLES[table])
