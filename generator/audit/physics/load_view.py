"""Answered requests beside what their account had asked for before: against limits, caps and the cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from generator.arrays import I64
from generator.audit.base import categories
from generator.audit.physics.request_view import SINCE_START, beside, since_start, with_account_and_model
from generator.config.parameters import CHOICES
from generator.dataset import Split
from generator.population import subscription_plans

MINUTE_MS = 60_000
_NEVER = -(1 << 62)  # ms
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
    accounts = beside(split, "accounts", "account_id", "plan", "created").with_columns(_limits())
    releases = beside(split, "releases", "model", *_PRICES)
    for bucket in split.requests.buckets():
        answered = bucket.filter(pl.col("status") == 200).select(_READ).collect().rechunk()
        account = _numbers(answered["account_id"])
        order = np.lexsort((answered["ts"].dt.epoch("ms").to_numpy(), account))
        account = account[order]
        # Who answers is paid: prices are put beside that model.
        timed = answered.select(pl.all().gather(order)).with_columns(
            since_start(split).alias(SINCE_START),
            (pl.col("model") != pl.col("served_model")).alias("another model answers"),
            model="served_model",
        )
        frame = with_account_and_model(timed, accounts, releases).with_columns(
            pl.int_range(pl.len()).over("account_id", "day").add(1).alias("requests of the day"),
            (pl.col("accounts.created") >= split.start).alias("signed up in the window"),
            (pl.col("ts").dt.date() - pl.col("accounts.created").dt.date())
            .dt.total_days()
            .alias("days since sign-up"),
            _spending(),
        )
        yield frame.with_columns(
            *_minute(frame, account),
            _since(_flagged(frame, account), frame, "ms since a flag"),
            _since(_used(frame, account), frame, "ms since the prefix was used"),
        )


def _numbers(accounts: pl.Series) -> npt.NDArray[np.unsignedinteger]:
    """Accounts numbered in the order of their names, in as few bits as hold them: they are sorted by radix."""
    names = sorted(accounts.unique().cast(pl.String))
    numbers = categories.places(accounts, {name: i for i, name in enumerate(names)})
    return numbers.astype(np.min_scalar_type(len(names)))


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
    batch = pl.col("service_tier") == "batch"
    price = (full * pl.when(batch).then(pl.col("releases.batch_factor")).otherwise(1.0)).fill_null(0.0)
    before = price.cum_sum().over("account_id") - price
    return before.alias("USD before")


def _since(moment: I64, frame: pl.DataFrame, name: str) -> pl.Series:
    """Milliseconds since a moment; null where it never was."""
    since = frame["ts"].dt.epoch("ms").to_numpy() - moment
    return pl.Series(name, since).set(pl.Series(moment == _NEVER), None)


def _flagged(frame: pl.DataFrame, account: npt.NDArray[np.unsignedinteger]) -> I64:
    """When the account was last answered to a flagged prompt, at this request or before."""
    ts = frame["ts"].dt.epoch("ms").to_numpy()
    last = np.maximum.accumulate(np.where(frame["stop_category"].is_not_null().to_numpy(), np.arange(len(ts)), -1))
    own = (last >= 0) & (account[last] == account)
    return np.where(own, ts[last], _NEVER)


def _used(frame: pl.DataFrame, account: npt.NDArray[np.unsignedinteger]) -> I64:
    """End of the account's last answer on the same conversation or system prompt.

    Where the aggregator hides the conversation, any earlier answer may have been of the same.
    """
    last = (pl.col("ts").dt.epoch("ms") + pl.col("latency_ms")).fill_null(_NEVER)
    hidden = ((pl.col("channel") == "aggregator") & (pl.col("messages") > 1)).fill_null(False)
    ends, is_hidden = (x.to_numpy() for x in frame.select(ends=last, hidden=hidden))
    same = np.r_[False, account[1:] == account[:-1]][: len(account)]
    used = np.where(is_hidden & same, np.roll(ends, 1), _NEVER)
    for name in ("conversation_id", "system_prompt_hash"):
        known = np.flatnonzero(frame[name].is_not_null().to_numpy())
        key = frame[name].drop_nulls().to_numpy()
        order = np.argsort(key, kind="stable")  # keeps an account's rows in the order of time
        key, at = key[order], known[order]
        again = np.flatnonzero((key[1:] == key[:-1]) & (account[at[1:]] == account[at[:-1]]))
        used[at[again + 1]] = np.maximum(used[at[again + 1]], ends[at[again]])
    return used


def _minute(frame: pl.DataFrame, account: npt.NDArray[np.unsignedinteger]) -> list[pl.Series]:
    """Answered requests of the account in the 60 s up to each request, and tokens of those before it."""
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
