"""Answered requests beside what their account had asked for before: against limits, caps and the cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from generator.arrays import I64
from generator.audit.physics.request_view import SINCE_START, beside, since_start, with_account_and_model
from generator.config.parameters import CHOICES
from generator.dataset import Split
from generator.population import subscription_plans

MINUTE_MS = 60_000
_TOKENS = "requests.account_id requests.ts requests.input_tokens requests.cache_read_input_tokens"
_SPENT = "requests.account_id requests.ts requests.served_model releases.input_price"
DERIVED = {
    "requests in the minute": "requests.account_id requests.ts",
    "tokens in the minute before": f"{_TOKENS} requests.output_tokens",
    "requests of the day": "requests.account_id requests.day",
    "USD before": _SPENT,
    "another model answers": "requests.model requests.served_model",
    "ms since a flag": "requests.account_id requests.ts requests.stop_category",
    "days since sign-up": "requests.ts accounts.created",
    "signed up in the window": "accounts.created",
    "ms since the prefix was used": "requests.account_id requests.ts requests.conversation_id "
    "requests.system_prompt_hash requests.channel requests.messages",
    "requests a minute of the plan": "accounts.plan",
    "tokens a minute of the plan": "accounts.plan",
    "requests a day of the plan": "accounts.plan",
    "USD a month of the plan": "accounts.plan",
    SINCE_START: "requests.ts",
}
_PRICES = ("input_price", "output_price", "cache_write_price", "cache_read_price", "batch_factor")
_READ = (
    *(
        "request_id",
        "account_id",
        "ts",
        "day",
        "model",
        "served_model",
        "endpoint",
        "service_tier",
        "input_tokens",
        "output_tokens",
    ),
    *("cache_creation_input_tokens", "cache_read_input_tokens", "latency_ms", "conversation_id"),
    *("system_prompt_hash", "channel", "messages", "stop_category"),
)


def frames(split: Split) -> Iterator[pl.DataFrame]:
    """Answered requests of one bucket at a time, by account and time.

    Parameters
    ----------
    split : Split
        World.

    Yields
    ------
    polars.DataFrame
        See `DERIVED` for what stands beside each.
    """
    accounts = beside(split, "accounts", "account_id", "plan", "created")
    releases = beside(split, "releases", "model", *_PRICES)
    for bucket in split.requests.buckets():
        answered = bucket.filter(pl.col("status") == 200).select(_READ)
        asked, served = (pl.col(name).cast(pl.String) for name in ("model", "served_model"))
        # Who answers is paid: prices are put beside that model.
        timed = answered.with_columns(
            since_start(split).alias(SINCE_START), (asked != served).alias("another model answers"), model=served
        )
        rows = with_account_and_model(timed, accounts, releases)
        rows = rows.sort("account_id", "ts", maintain_order=True).with_columns(_limits())
        frame = rows.with_columns(
            pl.int_range(pl.len()).over("account_id", "day").add(1).alias("requests of the day"),
            (pl.col("accounts.created") >= split.start).alias("signed up in the window"),
            (pl.col("ts").dt.date() - pl.col("accounts.created").dt.date())
            .dt.total_days()
            .alias("days since sign-up"),
            _spending(),
            _since_flag().alias("ms since a flag"),
            _idle().alias("ms since the prefix was used"),
        ).collect()
        yield frame.with_columns(_minute(frame))


def _limits() -> list[pl.Expr]:
    limits = {
        "requests a minute of the plan": subscription_plans.REQUESTS_PER_MINUTE,
        "tokens a minute of the plan": subscription_plans.TOKENS_PER_MINUTE,
        "requests a day of the plan": subscription_plans.REQUESTS_PER_DAY,
        "USD a month of the plan": subscription_plans.SPEND_PER_MONTH,
    }
    plan = pl.col("accounts.plan").cast(pl.String)
    return [
        plan.replace_strict(list(CHOICES["plan"]), values.tolist(), default=None).alias(name)
        for name, values in limits.items()
    ]


def _spending() -> pl.Expr:
    """List price of what the account was answered before; models that are on no list count nothing."""
    read, write = pl.col("cache_read_input_tokens"), pl.col("cache_creation_input_tokens")
    full = (
        (pl.col("input_tokens") - read - write) * pl.col("releases.input_price")
        + read * pl.col("releases.cache_read_price")
        + write * pl.col("releases.cache_write_price")
        + pl.col("output_tokens") * pl.col("releases.output_price")
    ) / 1e6
    batch = pl.col("service_tier").cast(pl.String) == "batch"
    price = (full * pl.when(batch).then(pl.col("releases.batch_factor")).otherwise(1.0)).fill_null(0.0)
    before = price.cum_sum().over("account_id") - price
    return before.alias("USD before")


def _since_flag() -> pl.Expr:
    """Milliseconds since the account was last answered to a flagged prompt; 0 where it is flagged itself."""
    ts = pl.col("ts").dt.epoch("ms")
    return ts - pl.when(pl.col("stop_category").is_not_null()).then(ts).forward_fill().over("account_id")


def _idle() -> pl.Expr:
    """Milliseconds from the end of the account's last answer on the same conversation or system prompt.

    Where the aggregator hides the conversation, any earlier answer may have been of the same.
    """
    ends = pl.col("ts").dt.epoch("ms") + pl.col("latency_ms")
    hidden = (pl.col("channel") == "aggregator") & (pl.col("messages") > 1)
    last = [
        pl.when(pl.col(key).is_not_null()).then(ends.shift(1).over("account_id", key))
        for key in ("conversation_id", "system_prompt_hash")
    ]
    last.append(pl.when(hidden).then(ends.shift(1).over("account_id")))
    return pl.col("ts").dt.epoch("ms") - pl.max_horizontal(last)


def _minute(frame: pl.DataFrame) -> list[pl.Series]:
    """Answered requests of the account in the 60 s up to each request, and tokens of those before it."""
    account = frame["account_id"].to_physical().to_numpy()
    opens = np.r_[True, account[1:] != account[:-1]][: len(account)]
    ts = frame[SINCE_START].to_numpy()
    stamp = np.cumsum(np.where(opens, MINUTE_MS, np.diff(ts, prepend=0)))  # accounts lie a minute apart
    first = np.searchsorted(stamp, stamp - MINUTE_MS, side="right")
    uncached = frame["input_tokens"].cast(pl.Int64) - frame["cache_read_input_tokens"]
    tokens: I64 = (uncached + frame["output_tokens"]).to_numpy()
    before = np.cumsum(tokens) - tokens
    return [
        pl.Series("requests in the minute", np.arange(len(ts)) - first + 1),
        pl.Series("tokens in the minute before", before - before[first]),
    ]
