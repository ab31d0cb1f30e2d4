"""Invariants of requests that follow others: limits, cache, conversations, retries, quotations."""

from __future__ import annotations

import polars as pl

from generator.audit.physics.history_views import PATIENCE_MS
from generator.audit.physics.invariant import Invariant
from generator.audit.physics.request_view import SINCE_START
from generator.schema import DAY_MS

_CACHE_MS = 300_000  # after which an unused prefix leaves the cache (a)
_CENT = 0.01  # USD; the log's prices are sums of floats
_known_plan = pl.col("accounts.plan").is_not_null()
_direct = _known_plan & (pl.col("endpoint") != "batches")  # batches wait in a queue of their own
_since_start = pl.col(SINCE_START)
_follows = pl.col("messages before").is_not_null()
_after_answer = pl.col("status before") == 200
_visible = pl.col("output_tokens before") - pl.col("reasoning_tokens before")

LOAD = (
    Invariant(
        "requests a minute",
        "No account is answered more often in any 60 seconds than its plan allows, batches apart.",
        "load",
        pl.col("requests in the minute") <= pl.col("requests a minute of the plan"),
        _direct,
    ),
    Invariant(
        "tokens a minute",
        "No account is answered when the 60 seconds before held more uncached tokens than its plan allows.",
        "load",
        pl.col("tokens in the minute before") <= pl.col("tokens a minute of the plan"),
        _direct,
    ),
    Invariant(
        "requests a day",
        "No account is answered more often on a day than its plan allows.",
        "load",
        pl.col("requests of the day") <= pl.col("requests a day of the plan"),
        _known_plan,
    ),
    Invariant(
        "spend cap",
        "An account whose whole past is in the log is answered only until it has spent its plan's cap, which is "
        "doubled the day after it was reached: once for each day since sign-up at most.",
        "load",
        pl.col("USD before") <= pl.col("USD a month of the plan") * 2.0 ** pl.col("days since sign-up") + _CENT,
        pl.col("signed up in the window"),
    ),
    Invariant(
        "a weaker model answers after a flag",
        "Another model than the one asked for answers flagged prompts, and their account for a day at most.",
        "load",
        pl.col("ms since a flag") <= DAY_MS,
        pl.col("another model answers"),
    ),
    Invariant(
        "the cache forgets",
        "A prompt reads from the cache only what its account had sent, in the same conversation or under the same "
        "system prompt, less than five minutes before.",
        "load",
        pl.col("ms since the prefix was used") <= _CACHE_MS,
        (pl.col("cache_read_input_tokens") > 0) & (_since_start > _CACHE_MS),
    ),
)
TURNS = (
    Invariant(
        "messages never fall",
        "No turn of a conversation has fewer messages than the one before.",
        "turns",
        pl.col("messages") >= pl.col("messages before"),
        _follows,
    ),
    Invariant(
        "a failed turn adds nothing",
        "After a turn that failed a conversation has no more messages: there was no answer to add.",
        "turns",
        pl.col("messages") <= pl.col("messages before"),
        _follows & ~_after_answer,
    ),
    Invariant(
        "turns wait for answers",
        "No turn starts before the one before it has come back.",
        "turns",
        pl.col("ms since the answer before") >= 0,
        _follows,
    ),
    Invariant(
        "history holds the answer",
        "A prompt without tools that has grown, and by messages too, has grown by the answer before it, thinking "
        "apart; but for the turn at which the history fills its window. Agents edit their history.",
        "turns",
        pl.col("input_tokens") >= pl.col("input_tokens before") + _visible,
        _follows
        & _after_answer
        & (pl.max_horizontal("tools", "tools before") == 0)
        & (pl.col("messages") > pl.col("messages before"))
        & (pl.col("input_tokens") > pl.col("input_tokens before"))
        & (pl.col("input_tokens") < pl.col("largest input")),
    ),
    Invariant(
        "a conversation keeps its instructions",
        "All turns of a conversation have the same system prompt, or none has one.",
        "turns",
        pl.col("system_prompt_hash").eq_missing(pl.col("system_prompt_hash before")),
        _follows,
    ),
    Invariant(
        "an account reads its own reasoning",
        "Encrypted reasoning is refused only where another account sent the turn before, and was given some.",
        "turns",
        pl.col("account_id").ne_missing(pl.col("account_id before")) & (pl.col("reasoning_tokens before") > 0),
        _follows & (pl.col("error_type").cast(pl.String) == "invalid_encrypted_content"),
    ),
)
_whole_past = _since_start > PATIENCE_MS
RETRIES = (
    Invariant(
        "retries follow a failure",
        "A retry, the n-th, follows within ten minutes a failed attempt with n-1 at the same prompt (sketch, "
        "embedding, system prompt, language) that was not malformed.",
        "retries",
        pl.col("attempts before") > 0,
        _whole_past,
    ),
    Invariant(
        "retries back off",
        "A retry comes half a second or more after the attempt that it follows.",
        "retries",
        pl.col("attempts before, backed off") > 0,
        _whole_past & (pl.col("attempts before") > 0),
    ),
    Invariant(
        "retries stay in their conversation",
        "A retry belongs to the conversation of the attempt that it follows, unless the aggregator hides one.",
        "retries",
        pl.col("attempts before, same conversation") > 0,
        _whole_past & (pl.col("attempts before") > 0),
    ),
)
_source = pl.col("quoted request_id").is_not_null()
QUOTATIONS = (
    Invariant(
        "quotations name an answer",
        "A quoted response is one of the split's answered requests.",
        "quotations",
        pl.col("quoted status") == 200,
    ),
    Invariant(
        "quotations are of earlier answers",
        "A quoted answer had ended when the prompt arrived.",
        "quotations",
        pl.col("ts").dt.epoch("ms") >= pl.col("quoted ts").dt.epoch("ms") + pl.col("quoted latency_ms"),
        _source,
    ),
    Invariant(
        "quotations are of other conversations",
        "No prompt is said to quote an answer of its own conversation, which its history holds anyway.",
        "quotations",
        pl.col("conversation_id").is_null()
        | pl.col("conversation_id").ne_missing(pl.col("quoted conversation_id")),
        _source,
    ),
    Invariant(
        "quotations have room",
        "A prompt has at least as many tokens as the answer that it quotes.",
        "quotations",
        pl.col("input_tokens") >= pl.col("quoted output_tokens"),
        _source,
    ),
)
