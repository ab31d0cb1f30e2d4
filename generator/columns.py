"""What a column is, and the columns of the tables requests and prompts."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

LANGUAGES = ("en", "zh", "es", "de", "fr", "ja", "pt", "ko", "ru", "other")
EMBEDDING_DIMENSIONS = 16
DAY_MS = 86_400_000  # milliseconds of a day, in which moments are counted
EMBEDDING_COLUMNS = tuple(f"prompt_emb_{i:02d}" for i in range(EMBEDDING_DIMENSIONS))

GROUPS = {
    "K": "keys: join tables and name rows; always readable, never a feature",
    "M": "metadata and timing",
    "L": "links between accounts",
    "C": "content sketches",
    "X": "text: prompts that can be read, where the dataset has them",
    "O": "observed: what the provider knew at the time; to learn from, never handed to a detector that scores",
    "T": "truth: sealed, never handed to a detector that scores",
}

SPLITS = ("train", "validation", "test")
LABELS = ("benign", "extraction", "grey")
STATES = ("watch", "review", "banned", "cleared")
SOURCES = ("rule", "manual review", "chargeback", "user report")
TEXTS = ("none", "sample", "all")
"""Whose prompts a dataset holds as text: nobody's, some of each account, every one."""
TIERS = ("overt", "evasive", "adaptive")
KINDS = ("api", "reasoning", "conversation", "code", "agent")

OPAQUE = "opaque number; equal means the same, nothing else does"
"""How ids are described."""

CATEGORY = pa.dictionary(pa.int32(), pa.string())
TIMESTAMP = pa.timestamp("ms", tz="UTC")
TEXT = "DELTA_LENGTH_BYTE_ARRAY"  # Parquet encoding of texts that rarely repeat


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

REQUESTS: tuple[Column, ...] = (
    _C("request_id", pa.int64(), "K", "-", "gen_ai.response.id", OPAQUE, encoding="PLAIN"),
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
    _C("api_key", pa.int64(), "M", "-", "-", "key of the account; " + OPAQUE),
    _C("channel", CATEGORY, "M", "-", "cloud.provider", "console, marketplace_a, marketplace_b or aggregator"),
    _C("endpoint", CATEGORY, "M", "-", "gen_ai.operation.name", "messages or batches"),
    _C("model", CATEGORY, "M", "-", "gen_ai.request.model", "model asked for; see releases"),
    _C("served_model", CATEGORY, "M", "-", "gen_ai.response.model", "model that answers, and whose price is paid"),
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
        OPAQUE + "; null: a single call",
        True,
    ),
    _C("end_user_id", pa.int64(), "M", "-", "enduser.pseudo.id", OPAQUE + "; null: not passed on", True),
    _C("ip_prefix", pa.int64(), "L", "-", "client.address", "address prefix; " + OPAQUE),
    _C("asn", pa.int32(), "L", "-", "-", "autonomous system of the address; " + OPAQUE),
    _C("asn_type", CATEGORY, "L", "-", "-", "hosting, residential, mobile, business, education or vpn"),
    _C("country", CATEGORY, "L", "-", "geo.country.iso_code", "bucket of countries; names none"),
    _C("tls_fingerprint", pa.int32(), "L", "-", "tls.client.ja3", "fingerprint of the device; " + OPAQUE),
    _C(
        "system_prompt_hash",
        pa.int64(),
        "C",
        "-",
        "gen_ai.system_instructions",
        OPAQUE + "; null: none",
        True,
    ),
    _C("tools_hash", pa.int64(), "C", "-", "gen_ai.tool.definitions", OPAQUE + "; null: no tools", True),
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
        "SimHash of the answer; 0: failed, or too short to fingerprint",
        encoding="PLAIN",
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

PROMPTS: tuple[Column, ...] = (
    _C("request_id", pa.int64(), "K", "-", "gen_ai.response.id", "request that sent the prompt", encoding="PLAIN"),
    _C("account_id", CATEGORY, "K", "-", "user.id", "account that sent it"),
    _C("day", pa.int32(), "M", "days", "-", "whole days since the window of this world began"),
    _C("system_prompt", pa.string(), "X", "-", "gen_ai.system_instructions", "text before it; null: none", True),
    _C("prompt", pa.string(), "X", "-", "gen_ai.input.messages", "last user turn", encoding=TEXT),
)

LABELS_OBSERVED: tuple[Column, ...] = (
    _C("account_id", CATEGORY, "K", "-", "user.id", "account; one that nobody noticed has no row"),
    _C("day", pa.int32(), "O", "days", "-", "whole days since the window began when the state began"),
    _C("state", CATEGORY, "O", "-", "-", "watch, review, banned or cleared; it may be wrong"),
    _C("source", CATEGORY, "O", "-", "-", "rule, manual review, chargeback or user report"),
    _C(
        "case",
        pa.int64(),
        "O",
        "-",
        "-",
        "investigation that a ban led to or ended; " + OPAQUE + "; null: none",
        True,
    ),
)
