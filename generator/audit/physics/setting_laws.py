"""Invariants of what the client sent: settings, endpoint, channel, ids, time."""

from __future__ import annotations

import polars as pl

from generator.audit.physics.invariant import Invariant
from generator.audit.physics.request_view import SINCE_START, WINDOW
from generator.schema import DAY_MS, EMBEDDING_COLUMNS

_BATCH_MS = (60_000, DAY_MS)  # no batch is answered sooner (a), or later, as providers of batches promise
_MOST_RETRIES = 3
_ID_BITS = 53
_HOTTEST = 2.0  # temperature
_IDS = (
    "request_id",
    "api_key",
    "conversation_id",
    "end_user_id",
    "system_prompt_hash",
    "tools_hash",
    "echo_response_id",
)
_NUMBERS = ("ip_prefix", "asn", "tls_fingerprint")

batch = pl.col("endpoint") == "batches"
direct = pl.col("channel") == "console"


def _law(name: str, law: str, holds: pl.Expr, where: pl.Expr | None = None) -> Invariant:
    return Invariant(name, law, "requests", holds, where)


SETTINGS = (
    _law(
        "tools have a hash",
        "A request has a hash of its tools where, and only where, it offers tools.",
        pl.col("tools_hash").is_not_null() == (pl.col("tools") > 0),
    ),
    _law(
        "temperature in its range",
        "A temperature is from 0 to 2.",
        pl.col("temperature").is_between(0, _HOTTEST),
        pl.col("temperature").is_not_null(),
    ),
    _law(
        "the client speaks last",
        "A prompt has an odd number of messages: user and model take turns, and the user's is the last.",
        pl.col("messages") % 2 == 1,
    ),
    _law(
        "batches are of the batch tier",
        "The service tier is batch on the endpoint batches, and only there.",
        (pl.col("service_tier") == "batch") == batch,
    ),
    _law(
        "batches hold single calls",
        "A request of a batch has one message, no conversation, and is not streamed.",
        (pl.col("messages") == 1) & pl.col("conversation_id").is_null() & ~pl.col("stream"),
        batch,
    ),
    _law(
        "batches take minutes",
        "An answer of a batch takes from a minute to a day.",
        pl.col("latency_ms").is_between(*_BATCH_MS),
        batch & (pl.col("status") == 200),
    ),
    _law(
        "the priority tier is paid for",
        "No free plan has the priority tier.",
        pl.col("accounts.plan") != "free",
        pl.col("accounts.plan").is_not_null() & (pl.col("service_tier") == "priority"),
    ),
    _law(
        "end users of the console only",
        "Marketplaces and the aggregator pass on no end user.",
        pl.col("end_user_id").is_null(),
        ~direct,
    ),
    _law(
        "the aggregator hides conversations",
        "The aggregator passes on no conversation.",
        pl.col("conversation_id").is_null(),
        pl.col("channel") == "aggregator",
    ),
    _law(
        "history has a conversation",
        "A prompt with more than one message belongs to a conversation, unless the aggregator hides it.",
        pl.col("conversation_id").is_not_null(),
        (pl.col("messages") > 1) & (pl.col("channel") != "aggregator"),
    ),
    _law(
        "marketplaces are paid through",
        "Requests through a marketplace come from accounts that pay through it, and no others.",
        pl.col("channel").cast(pl.String).str.starts_with("marketplace")
        == (pl.col("accounts.payment_type") == "marketplace"),
        pl.col("accounts.payment_type").is_not_null(),
    ),
    _law(
        "gateways name themselves",
        "The client software is the gateway's where, and only where, a request did not come directly.",
        (pl.col("sdk") == "gateway") == ~direct,
    ),
    _law(
        "gateways stand in data centres",
        "What did not come directly shows an address of a hosting network.",
        pl.col("asn_type") == "hosting",
        ~direct,
    ),
    _law(
        "embeddings are symmetric",
        "Every dimension of an embedding is from -127 to 127.",
        pl.min_horizontal(EMBEDDING_COLUMNS) >= -127,
    ),
    _law(
        "ids are exact as floats",
        "No opaque number is negative or, so that floats hold it exactly, 2^53 or more.",
        (pl.min_horizontal(*_IDS, *_NUMBERS) >= 0) & (pl.max_horizontal(_IDS) < 1 << _ID_BITS),
    ),
    _law(
        "three retries at most",
        "Nothing is tried again more than three times.",
        pl.col("retries") <= _MOST_RETRIES,
    ),
)
TIMES = (
    _law(
        "rows in the order of time",
        "In the files of a bucket no row is earlier than the one before it.",
        pl.col("ts") >= pl.col("ts").shift(1),
        pl.col("ts").shift(1).is_not_null(),
    ),
    _law(
        "inside the window",
        "Every request arrives in the window of its split.",
        (pl.col(SINCE_START) >= 0) & (pl.col(SINCE_START) < pl.col(WINDOW).cast(pl.Int64) * DAY_MS),
    ),
    _law(
        "day follows from ts",
        "The day is the number of whole days since the window began.",
        pl.col("day") == pl.col(SINCE_START).floordiv(DAY_MS),
    ),
    _law(
        "senders are accounts",
        "Every request comes from an account of the split's table.",
        pl.col("accounts.created").is_not_null(),
    ),
    _law(
        "nothing before sign-up",
        "No request arrives before its account has signed up.",
        pl.col("ts") >= pl.col("accounts.created"),
        pl.col("accounts.created").is_not_null(),
    ),
    _law(
        "nothing before the release",
        "No request asks for a listed model before it was released.",
        pl.col("ts") >= pl.col("releases.released"),
        pl.col("releases.released").is_not_null(),
    ),
    _law(
        "nothing while it is withdrawn",
        "No request asks for a model while it is withdrawn.",
        (pl.col("ts") < pl.col("releases.withdrawn"))
        | (pl.col("ts") >= pl.col("releases.returned")).fill_null(False),
        pl.col("releases.withdrawn").is_not_null(),
    ),
)
