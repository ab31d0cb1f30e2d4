"""Every table and column of a dataset: dtype, unit, field group and OpenTelemetry name.

The one place that says what a column is: writers take their Arrow schemas from here, readers check files by
it, detectors declare what they use in its terms, and the data dictionary is printed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

EMBEDDING_DIMENSIONS = 16
EMBEDDING_COLUMNS = tuple(f"prompt_emb_{i:02d}" for i in range(EMBEDDING_DIMENSIONS))

GROUPS = {
    "K": "keys: join tables and name rows; always readable, never a feature",
    "M": "metadata and timing",
    "L": "links between accounts",
    "C": "content sketches",
    "T": "truth: sealed, never handed to a detector that scores",
}

SPLITS = ("train", "validation", "test")
LABELS = ("benign", "extraction", "grey")
TIERS = ("overt", "evasive", "adaptive")
KINDS = ("api", "reasoning", "conversation", "code", "agent")

CATEGORY = pa.dictionary(pa.int32(), pa.string())
TIMESTAMP = pa.timestamp("ms", tz="UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, in which unit, who may read it, and how it is stored.

    Parameters
    ----------
    name, dtype : str, pyarrow.DataType
        Name and Arrow type, the same in every file of the table.
    group : str
        Field group, a key of `GROUPS`.
    unit : str
        Unit of the values, or "-" for categories and opaque ids.
    otel : str
        Attribute of OpenTelemetry's semantic conventions that means the same, or "-".
    description : str
        What a reader has to know; says what null means where `nullable`.
    nullable : bool
        Whether null may occur.
    encoding : str
        Parquet encoding; "dictionary" lets pyarrow build one, see `parquet_options`.
    """

    name: str
    dtype: pa.DataType
    group: str
    unit: str
    otel: str
    description: str
    nullable: bool = False
    encoding: str = "dictionary"


def _embedding() -> tuple[Column, ...]:
    text = "prompt embedding, one of 16 dimensions, rounded to int8"
    return tuple(
        Column(name, pa.int8(), "C", "1/127", "-", text, encoding="DELTA_BINARY_PACKED")
        for name in EMBEDDING_COLUMNS
    )


_C = Column
_OPAQUE = "opaque number; equal means the same, nothing else does"

REQUESTS: tuple[Column, ...] = (
    _C("request_id", pa.int64(), "K", "-", "gen_ai.response.id", _OPAQUE, encoding="PLAIN"),
    _C("account_id", CATEGORY, "K", "-", "user.id", "account that sent the request"),
    _C(
        "ts",
        TIMESTAMP,
        "M",
        "ms, UTC",
        "timestamp",
        "arrival at the provider",
        encoding="DELTA_BINARY_PACKED",
    ),
    _C("day", pa.int32(), "M", "days", "-", "whole days since the window of this world began"),
    _C(
        "api_key",
        pa.int16(),
        "M",
        "-",
        "-",
        "which of the account's keys, numbered from 0",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C("channel", CATEGORY, "M", "-", "cloud.provider", "console, marketplace_a, marketplace_b or aggregator"),
    _C("endpoint", CATEGORY, "M", "-", "gen_ai.operation.name", "messages or batches"),
    _C("model", CATEGORY, "M", "-", "gen_ai.request.model", "model asked for; see releases"),
    _C("service_tier", CATEGORY, "M", "-", "openai.response.service_tier", "standard, batch or priority"),
    _C("stream", pa.bool_(), "M", "-", "gen_ai.request.stream", "whether the answer was streamed"),
    _C(
        "max_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.request.max_tokens",
        "largest answer allowed",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C("temperature", pa.float32(), "M", "1", "gen_ai.request.temperature", "null: left at its default", True),
    _C(
        "tools",
        pa.int16(),
        "M",
        "tools",
        "gen_ai.tool.definitions",
        "number of tools offered to the model",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "messages",
        pa.int16(),
        "M",
        "messages",
        "gen_ai.input.messages",
        "messages in the prompt, history included",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "input_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.usage.input_tokens",
        "whole prompt, cached part included",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "output_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.usage.output_tokens",
        "answer, thinking included",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "reasoning_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "thinking part of it",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "cache_creation_input_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "part of the prompt written to the cache",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "cache_read_input_tokens",
        pa.int32(),
        "M",
        "tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "part of the prompt read from the cache",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C("stop_reason", CATEGORY, "M", "-", "gen_ai.response.finish_reasons", "null: the request failed", True),
    _C("status", pa.int16(), "M", "HTTP status", "http.response.status_code", "200, 400, 429, 500 or 529"),
    _C("error_type", CATEGORY, "M", "-", "error.type", "null: no error", True),
    _C(
        "retries",
        pa.int8(),
        "M",
        "attempts",
        "http.request.resend_count",
        "earlier attempts at the same request",
    ),
    _C(
        "latency_ms",
        pa.int32(),
        "M",
        "ms",
        "gen_ai.client.operation.duration",
        "arrival to last byte",
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C(
        "ttft_ms",
        pa.int32(),
        "M",
        "ms",
        "gen_ai.response.time_to_first_chunk",
        "arrival to first byte; null: not streamed or failed",
        True,
        encoding="BYTE_STREAM_SPLIT",
    ),
    _C("sdk", CATEGORY, "M", "-", "user_agent.original", "client software as it names itself"),
    _C(
        "conversation_id",
        pa.int64(),
        "M",
        "-",
        "gen_ai.conversation.id",
        _OPAQUE + "; null: a single call",
        True,
    ),
    _C("end_user_id", pa.int64(), "M", "-", "enduser.pseudo.id", _OPAQUE + "; null: not passed on", True),
    _C("ip_prefix", pa.int32(), "L", "-", "client.address", "address prefix; " + _OPAQUE),
    _C("asn", pa.int32(), "L", "-", "-", "autonomous system of the address; " + _OPAQUE),
    _C("asn_type", CATEGORY, "L", "-", "-", "hosting, residential, mobile, business, education or vpn"),
    _C("country", CATEGORY, "L", "-", "geo.country.iso_code", "bucket of countries; names none"),
    _C("tls_fingerprint", pa.int32(), "L", "-", "tls.client.ja3", "fingerprint of the device; " + _OPAQUE),
    _C(
        "system_prompt_hash",
        pa.int64(),
        "C",
        "-",
        "gen_ai.system_instructions",
        _OPAQUE + "; null: none",
        True,
    ),
    _C("tools_hash", pa.int64(), "C", "-", "gen_ai.tool.definitions", _OPAQUE + "; null: no tools", True),
    _C("prompt_simhash", pa.uint64(), "C", "64 bits", "-", "SimHash of the last user turn", encoding="PLAIN"),
    *_embedding(),
    _C("language", CATEGORY, "C", "-", "-", "language of the prompt"),
    _C("stop_category", CATEGORY, "C", "-", "-", "what a noisy classifier flagged; null: nothing", True),
    _C(
        "response_simhash",
        pa.uint64(),
        "C",
        "64 bits",
        "-",
        "SimHash of the answer; null: failed, or too short to fingerprint",
        True,
        "PLAIN",
    ),
    _C(
        "echo_response_id",
        pa.int64(),
        "C",
        "-",
        "-",
        "request_id of an earlier answer that the provider's index found in this prompt; null: none",
        True,
    ),
)

ACCOUNTS: tuple[Column, ...] = (
    _C("account_id", CATEGORY, "K", "-", "user.id", "opaque name of the account"),
    _C("created", TIMESTAMP, "M", "ms, UTC", "-", "sign-up"),
    _C("plan", CATEGORY, "M", "-", "-", "what the account pays for"),
    _C("verification", CATEGORY, "M", "-", "-", "strongest check passed at sign-up"),
    _C("payment_type", CATEGORY, "L", "-", "-", "card, prepaid, invoice, credits or marketplace"),
    _C(
        "payment_id",
        pa.int64(),
        "L",
        "-",
        "-",
        "payment instrument; " + _OPAQUE + "; null: none on file",
        True,
    ),
    _C("email_domain", pa.string(), "L", "-", "-", "invented domain of the e-mail address"),
    _C("email_type", CATEGORY, "L", "-", "-", "free, corporate, education or disposable"),
    _C("organization", pa.string(), "L", "-", "-", "invented name given at sign-up; null: a person", True),
    _C("signup_prefix", pa.int32(), "L", "-", "-", "address prefix at sign-up; " + _OPAQUE),
)

RELEASES: tuple[Column, ...] = (
    _C("model", pa.string(), "K", "-", "gen_ai.request.model", "name of the model"),
    _C("released", TIMESTAMP, "M", "ms, UTC", "-", "first moment at which it answers"),
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
)

REQUEST_LABELS: tuple[Column, ...] = (
    _C(
        "request_id",
        pa.int64(),
        "K",
        "-",
        "gen_ai.response.id",
        "request; rows in the order of requests",
        encoding="PLAIN",
    ),
    _C("day", pa.int32(), "T", "days", "-", "whole days since the window began"),
    _C("is_extraction", pa.bool_(), "T", "-", "-", "whether this very request serves an extraction campaign"),
    _C("kind", CATEGORY, "T", "-", "-", "workload: api, reasoning, conversation, code or agent"),
)

_DIAL = "drawn dial, see generator/archetypes"

CAMPAIGNS: tuple[Column, ...] = (
    _C("campaign", pa.string(), "K", "-", "-", "name of the campaign"),
    _C("archetype", pa.string(), "T", "-", "-", "A1.."),
    _C("tier", pa.string(), "T", "-", "-", "overt, evasive or adaptive"),
    _C("target", pa.string(), "T", "-", "-", "capability the campaign is after"),
    _C("first_day", pa.int32(), "T", "days", "-", "first day of collecting"),
    _C("last_day", pa.int32(), "T", "days", "-", "last day of collecting"),
    _C("accounts", pa.int32(), "T", "accounts", "-", "accounts, replacements included"),
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
    "account_labels": ACCOUNT_LABELS,
    "request_labels": REQUEST_LABELS,
    "campaigns": CAMPAIGNS,
}
PUBLIC = ("requests", "accounts", "releases")
TRUTH = ("account_labels", "request_labels", "campaigns")
SHARDED = ("requests", "request_labels")  # one file per day and account bucket; the others are one file


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

    Without it pandas makes floats of them, and opaque numbers of 63 bits lose their last digits.

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
    return "+".join(g for g in "MLC" if g in groups) or "-"


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
