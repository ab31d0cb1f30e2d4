"""What a column is, and the columns of all tables but requests."""

from __future__ import annotations

from dataclasses import dataclass

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

OPAQUE = "opaque number; equal means the same, nothing else does"
"""How ids are described."""

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


_C = Column

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
        "payment instrument; " + OPAQUE + "; null: none on file",
        True,
    ),
    _C("email_domain", pa.string(), "L", "-", "-", "invented domain of the e-mail address"),
    _C("email_type", CATEGORY, "L", "-", "-", "free, corporate, education or disposable"),
    _C("organization", pa.string(), "L", "-", "-", "invented name given at sign-up; null: a person", True),
    _C("signup_prefix", pa.int32(), "L", "-", "-", "address prefix at sign-up; " + OPAQUE),
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
