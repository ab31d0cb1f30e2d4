"""Requests beside the earlier ones that they follow: turns of conversations, retries, quotations."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from generator.audit.physics.request_view import SINCE_START, embedding, since_start
from generator.dataset import Split

ROWS_AT_ONCE = 5_000_000  # requests of which one pass takes its part: some hundreds of MB
PATIENCE_MS = 600_000  # nobody waits longer before he tries again (a)
BACK_OFF_MS = 500  # shortest delay of a retry (a)
_CARRIED = (
    *("ts", "latency_ms", "status", "messages", "input_tokens", "output_tokens", "reasoning_tokens"),
    *("system_prompt_hash", "tools", "account_id"),
)
TURNS = {
    "ms since the answer before": "requests.conversation_id requests.ts requests.latency_ms",
    "largest input": "requests.conversation_id requests.input_tokens",
    **{f"{name} before": f"requests.conversation_id requests.{name}" for name in _CARRIED},
}
_ITEM = ("prompt_simhash", "embedding", "system_prompt_hash", "language")
_SKETCH = "requests.prompt_simhash requests.prompt_emb_* requests.system_prompt_hash requests.language"
RETRIES = {
    SINCE_START: "requests.ts",
    "attempts before": f"{_SKETCH} requests.ts requests.retries requests.status requests.error_type",
    "attempts before, backed off": f"{_SKETCH} requests.ts requests.retries",
    "attempts before, same conversation": f"{_SKETCH} requests.conversation_id requests.retries",
}
QUOTATIONS = {
    f"quoted {name}": f"requests.echo_response_id requests.{name}"
    for name in ("ts", "latency_ms", "status", "output_tokens", "conversation_id", "request_id")
}


def passes(split: Split, rows: pl.Expr | None = None) -> int:
    """In how many parts a split is looked at where rows of different buckets belong together.

    Parameters
    ----------
    split : Split
        World.
    rows : polars.Expr, optional
        Number of requests that are looked at; all if left out.
    """
    counted = split.requests.polars().select(pl.len() if rows is None else rows).collect(engine="streaming")
    return 1 + int(counted.item()) // ROWS_AT_ONCE


def turns(split: Split) -> Iterator[pl.DataFrame]:
    """Turns of whole conversations, whichever accounts sent them, beside the turn before.

    Parameters
    ----------
    split : Split
        World.
    """
    parts = passes(split, pl.col("conversation_id").count())
    names = ("request_id", "conversation_id", "retries", "error_type", *_CARRIED)
    follows = pl.col("conversation_id") == pl.col("conversation_id").shift(1)
    for part in range(parts):
        rows = split.requests.polars().select(names).filter(pl.col("conversation_id") % parts == part)
        yield (
            rows.sort("conversation_id", "ts", "messages", "retries", maintain_order=True)
            .with_columns(
                pl.when(follows).then(pl.col(name).shift(1)).alias(f"{name} before") for name in _CARRIED
            )
            .with_columns(
                (
                    pl.col("ts").dt.epoch("ms") - pl.col("ts before").dt.epoch("ms") - pl.col("latency_ms before")
                ).alias("ms since the answer before"),
                pl.col("input_tokens").max().over("conversation_id").alias("largest input"),
            )
            .collect()
        )


def retries(split: Split) -> Iterator[pl.DataFrame]:
    """Retries, beside the number of failed attempts at the same prompt that each may follow.

    Parameters
    ----------
    split : Split
        World.
    """
    names = ("request_id", "account_id", "ts", "status", "error_type", "retries", "conversation_id", *_ITEM)
    attempts = (
        split.requests.polars()
        .filter((pl.col("status") != 200) | (pl.col("retries") > 0))
        .with_columns(embedding())
        .select(names)
        .collect(engine="streaming")
    )
    failed = attempts.filter(
        pl.col("status") != 200, pl.col("error_type").cast(pl.String).ne_missing("invalid_request_error")
    ).select(
        *_ITEM,
        pl.col("retries").add(1),
        pl.col("ts").alias("attempt ts"),
        pl.col("conversation_id").alias("attempt conversation"),
    )
    again = attempts.filter(pl.col("retries") > 0)
    gap = (pl.col("ts") - pl.col("attempt ts")).dt.total_milliseconds()
    same = pl.col("conversation_id") == pl.col("attempt conversation")
    either_null = pl.col("conversation_id").is_null() | pl.col("attempt conversation").is_null()
    pairs = (
        again.select("request_id", "ts", "conversation_id", "retries", *_ITEM)
        .join(failed, on=[*_ITEM, "retries"], nulls_equal=True)
        .filter(gap.is_between(0, PATIENCE_MS))
        .group_by("request_id")
        .agg(
            pl.len().alias("attempts before"),
            (gap >= BACK_OFF_MS).sum().alias("attempts before, backed off"),
            (same | either_null).sum().alias("attempts before, same conversation"),
        )
    )
    yield again.join(pairs, on="request_id", how="left", maintain_order="left").with_columns(
        since_start(split).alias(SINCE_START),
        pl.col("^attempts before.*$").fill_null(0),
    )


def quotations(split: Split) -> Iterator[pl.DataFrame]:
    """Requests whose prompt quotes an answer, beside the request that got it.

    Parameters
    ----------
    split : Split
        World.
    """
    quoted = [name.removeprefix("quoted ") for name in QUOTATIONS]
    requests = split.requests.polars()
    rows = (
        requests.filter(pl.col("echo_response_id").is_not_null())
        .select("request_id", "account_id", "ts", "conversation_id", "input_tokens", "echo_response_id")
        .collect(engine="streaming")
    )
    names = rows.select(pl.col("echo_response_id").alias("request_id")).unique().lazy()
    sources = requests.select(quoted).join(names, on="request_id", how="semi").collect(engine="streaming")
    yield rows.join(
        sources.unique("request_id")
        .select(pl.all().name.prefix("quoted "))
        .with_columns(pl.col("quoted request_id").alias("echo_response_id")),
        on="echo_response_id",
        how="left",
        maintain_order="left",
    )
