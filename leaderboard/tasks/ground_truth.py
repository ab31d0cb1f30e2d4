"""What the evaluator knows and a detector does not, read from a split whose labels are open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from generator.errors import UserError
from leaderboard.metrics.population import Population, population
from leaderboard.records.task_definitions import TASKS

if TYPE_CHECKING:
    from generator.dataset import Split


@dataclass(frozen=True)
class GroundTruth:
    """What is needed to judge the answers about a split.

    Attributes
    ----------
    labels : polars.DataFrame
        One row per account: columns of `schema.ACCOUNT_LABELS`.
    days : int
        Length of the window.
    requests : polars.DataFrame
        request_id, account_id, is_extraction; empty unless asked for.
    known : polars.DataFrame
        account_id, day: first day at whose end the account is known; empty unless asked for.
    collected : polars.DataFrame
        account_id, day, exchanges, tokens (of output), usd (list price): the answered requests that serve an
        extraction; empty unless asked for.
    """

    labels: pl.DataFrame
    days: int = 0
    requests: pl.DataFrame = field(default_factory=pl.DataFrame)
    known: pl.DataFrame = field(default_factory=pl.DataFrame)
    collected: pl.DataFrame = field(default_factory=pl.DataFrame)

    @cached_property
    def population(self) -> Population:
        """The accounts as arrays."""
        return population(self.labels)


def keys(public: Split, task: str) -> pl.DataFrame:
    """Keys of the rows that an answer must have; labels are not read.

    Raises
    ------
    UserError
        If there is no such task.
    """
    if task not in TASKS:
        raise UserError(f"task {task[:40]!r} is none of {', '.join(TASKS)}")
    if task == "requests":
        return pl.concat(rows.select("request_id").collect() for rows in public.requests.buckets())
    if task == "early":
        days = pl.DataFrame({"day": range(public.days)}, {"day": pl.Int64})
        return (
            _known(public)
            .join_where(days, pl.col("day") <= pl.col("day_right"))
            .select(pl.col("day_right").alias("day"), "account_id")
        )
    return public.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()


def read(split: Split, task: str) -> GroundTruth:
    """Truth of a split for a task.

    Raises
    ------
    MaskedLabelsError
        If the split's truth is masked.
    """
    labels = split.labels.polars().collect()
    if task == "requests":
        return GroundTruth(labels, split.days, requests=pl.concat(_requests(split)))
    if task == "early":
        return GroundTruth(labels, split.days, known=_known(split), collected=_collected(split))
    return GroundTruth(labels, split.days)


def _beside(split: Split) -> Iterator[pl.LazyFrame]:
    """Requests of each bucket with their labels: the rows have the same order."""
    pairs = zip(split.requests.buckets(), split.request_labels.buckets(), strict=True)
    for requests, labels in pairs:
        yield pl.concat([requests, labels.select("is_extraction")], how="horizontal")


def _requests(split: Split) -> Iterator[pl.DataFrame]:
    for rows in _beside(split):
        yield rows.select("request_id", pl.col("account_id").cast(pl.Categorical), "is_extraction").collect()


def _known(split: Split) -> pl.DataFrame:
    since = (pl.col("created") - split.start).dt.total_days()
    # Days are counted from the window's first; whoever is older is known from there.
    day = pl.when(pl.col("created") < split.start).then(0).otherwise(since)
    return split.accounts.polars().select(pl.col("account_id").cast(pl.String), day.alias("day")).collect()


def _collected(split: Split) -> pl.DataFrame:
    prices = split.releases.polars().with_columns(pl.col("model").cast(pl.String))
    return pl.concat(
        rows.filter(pl.col("is_extraction") & (pl.col("status") == 200))
        .with_columns(pl.col("account_id", "model").cast(pl.String))
        .join(prices, on="model", how="left")
        .group_by("account_id", pl.col("day").cast(pl.Int64))
        .agg(
            exchanges=pl.len().cast(pl.Int64),
            tokens=pl.col("output_tokens").cast(pl.Int64).sum(),
            # Groups add up in any order: rounded and sorted, the same numbers come each time. A model without a
            # price stands in no list.
            usd=_list_price().fill_null(0).sum().round(9),
        )
        .sort("account_id", "day")
        .collect()
        for rows in _beside(split)
    )


def _list_price() -> pl.Expr:
    """List price of a request beside its model's prices, USD: input is whole, its cached part included."""
    read, write = (pl.col(f"cache_{verb}_input_tokens") for verb in ("read", "creation"))
    full = (
        pl.col("input_price") * (pl.col("input_tokens") - read - write)
        + pl.col("cache_read_price") * read
        + pl.col("cache_write_price") * write
        + pl.col("output_price") * pl.col("output_tokens")
    )
    batch = pl.col("service_tier").cast(pl.String) == "batch"
    return full / 1e6 * pl.when(batch).then(pl.col("batch_factor")).otherwise(1.0)
