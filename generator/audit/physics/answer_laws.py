"""Invariants of what came back: status, counters, stop reason, timing."""

from __future__ import annotations

import polars as pl

from generator.audit.physics.invariant import Invariant
from generator.population.model_calendar import MODELS
from generator.traffic import provider

_STATUS_OF = {"": 200} | dict(zip(provider.ERRORS, provider.ERROR_STATUS.tolist(), strict=True))
_OUTPUT_COUNTERS = ("output_tokens", "reasoning_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_FINGERPRINTED = 64  # tokens; the schema: shorter answers are too short to fingerprint (a)
_FASTEST = 0.5  # of a model's usual time per token (a)
_INPUT_PRICE = {model.name: model.input_price for model in MODELS}
_SMALL = _INPUT_PRICE["sonata-2-mini"]
_PER_TOKEN = {model.name: _FASTEST * model.per_token for model in MODELS}

answered = pl.col("status") == 200


def _law(name: str, law: str, holds: pl.Expr, where: pl.Expr | None = None) -> Invariant:
    return Invariant(name, law, "requests", holds, where)


def _price(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).replace_strict(_INPUT_PRICE, default=None, return_dtype=pl.Float64)


ANSWERS = (
    _law(
        "status fits the error",
        "Status 200 has no error type; 400, 429, 500 and 529 have theirs; there are no others.",
        pl.col("status")
        == pl.col("error_type")
        .cast(pl.String)
        .fill_null("")
        .replace_strict(_STATUS_OF, default=None, return_dtype=pl.Int16),
    ),
    _law(
        "a failed request has no answer",
        "A request that failed has no output, no reasoning, nothing cached, no stop reason, no first token and no "
        "fingerprint.",
        (pl.sum_horizontal(_OUTPUT_COUNTERS) == 0)
        & (pl.col("response_simhash") == 0)
        & pl.all_horizontal(pl.col(c).is_null() for c in ("stop_reason", "ttft_ms")),
        ~answered,
    ),
    _law(
        "an answered request has an answer",
        "A request that was answered has output and a stop reason.",
        (pl.col("output_tokens") >= 1) & pl.col("stop_reason").is_not_null(),
        answered,
    ),
    _law(
        "counters are not negative",
        "A prompt has tokens and messages, and no counter is below 0.",
        (pl.col("input_tokens") >= 1)
        & (pl.col("messages") >= 1)
        & (pl.min_horizontal(*_OUTPUT_COUNTERS, "tools", "retries") >= 0),
    ),
    _law(
        "reasoning is part of the output",
        "Reasoning tokens are at most the output tokens.",
        pl.col("reasoning_tokens") <= pl.col("output_tokens"),
        answered,
    ),
    _law(
        "cached tokens are part of the prompt",
        "What is read from the cache and what is written to it are together at most the input.",
        pl.col("cache_read_input_tokens") + pl.col("cache_creation_input_tokens") <= pl.col("input_tokens"),
        answered,
    ),
    _law(
        "answers keep to their limit",
        "Output is at most max_tokens.",
        pl.col("output_tokens") <= pl.col("max_tokens"),
        answered,
    ),
    _law(
        "max_tokens stops at the limit only",
        "The stop reason is max_tokens where, and only where, the output reached max_tokens.",
        (pl.col("stop_reason") == "max_tokens") == (pl.col("output_tokens") >= pl.col("max_tokens")),
        answered,
    ),
    _law(
        "tool_use needs tools",
        "An answer stops to use a tool only where tools were offered.",
        pl.col("tools") > 0,
        pl.col("stop_reason") == "tool_use",
    ),
    _law(
        "the context window holds",
        "Prompt and answer fit into the context window of a listed model.",
        pl.col("input_tokens") + pl.col("output_tokens") <= pl.col("releases.context_window"),
        pl.col("releases.context_window").is_not_null(),
    ),
    _law(
        "fingerprints where the schema says",
        "An answer has a fingerprint where, and only where, it is 64 tokens or longer.",
        (pl.col("response_simhash") > 0) == (pl.col("output_tokens") >= _FINGERPRINTED),
        answered,
    ),
    _law(
        "first tokens are streamed",
        "An answer has a time to the first token where, and only where, it was streamed.",
        pl.col("ttft_ms").is_not_null() == pl.col("stream"),
        answered,
    ),
    _law(
        "the first token is not the last",
        "The first token comes after the request and not after the whole answer.",
        pl.col("ttft_ms").is_between(1, pl.col("latency_ms")),
        pl.col("ttft_ms").is_not_null(),
    ),
    _law(
        "what stands in is cheaper",
        "Where another model answers than was asked for, its input costs less.",
        _price("served_model") < _price("model"),
        pl.col("served_model").cast(pl.String) != pl.col("model").cast(pl.String),
    ),
    _law(
        "flagged prompts get a weaker model",
        "What the classifier flagged is not answered by a model that is dearer than sonata-2-mini.",
        _price("served_model") <= _SMALL,
        pl.col("stop_category").is_not_null(),
    ),
    _law("answers take time", "Every response takes at least a millisecond.", pl.col("latency_ms") >= 1),
    _law(
        "tokens take time",
        "An answer takes at least half of its model's usual time for each output token.",
        pl.col("latency_ms")
        >= pl.col("output_tokens")
        * pl.col("model").cast(pl.String).replace_strict(_PER_TOKEN, default=0.0, return_dtype=pl.Float64),
        answered,
    ),
)
