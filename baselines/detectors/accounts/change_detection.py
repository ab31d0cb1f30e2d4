"""Aggregate statistics: topics and templates whose pooled daily rate rises, and who makes it rise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from generator import schema
from generator.arrays import F64
from generator.dataset import Split

_DIMENSIONS = schema.EMBEDDING_COLUMNS[:6]  # their signs make 64 topics (a)


@dataclass
class ChangeDetection(detector.Detector):
    """Cumulative sums over the daily rates of topics and of system prompts, pooled over all accounts.

    A topic is a cell of the embedding (the signs of six dimensions). Each day's count is set against the mean of
    the days before it, in standard deviations of a Poisson count; what exceeds `slack` is cumulated and falls
    back to zero otherwise. An account scores the mean alarm of the topics and prompts of its requests on their
    day. Only earlier days are looked at, so a day's alarm never changes afterwards.

    Parameters
    ----------
    slack : float
        Standard deviations a day that are no change.
    """

    name: ClassVar[str] = "change-detection"
    description: ClassVar[str] = "CUSUM over daily rates of topics and system prompts"
    source: ClassVar[str] = "Page, Continuous inspection schemes, Biometrika 1954"
    fields: ClassVar[tuple[str, ...]] = tuple(f"requests.{c}" for c in ("day", "system_prompt_hash", *_DIMENSIONS))
    ranges: ClassVar[search_space.Ranges] = {"slack": search_space.SearchRange(0.25, 4.0, log=True)}

    slack: float = 1.0

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn: each stream is its own reference."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of one more than the mean alarm over the account's requests, topics and prompts added."""
        ids = pl.DataFrame({"account_id": detector.accounts(split)}).with_columns(score=pl.lit(0.0))
        for stream in ("topic", "template"):
            counted = _counted(split, stream)
            rates = counted.group_by(stream, "day").agg(pl.col("n").sum())
            alarm = _alarms(rates, stream, split.days, self.slack)
            joined = counted.join(alarm, on=(stream, "day"))
            mean = (pl.col("alarm") * pl.col("n")).sort().sum() / pl.col("n").sum()
            part = joined.group_by("account_id").agg(mean.log1p().alias(stream))
            ids = ids.join(part, on="account_id", how="left", maintain_order="left")
            ids = ids.with_columns((pl.col("score") + pl.col(stream).fill_null(0.0)).round(9).alias("score"))
        return ids.select("account_id", "score")


def cusum(counts: F64, slack: float) -> F64:
    """Cumulated excess of each day over the mean of the days before.

    Parameters
    ----------
    counts : ndarray of float64, shape (streams, days)
        Events a day.
    slack : float
        Standard deviations a day that are no change.

    Returns
    -------
    ndarray of float64, shape (streams, days)
        Alarm of each day, in standard deviations of a Poisson count; 0 on the first.

    References
    ----------
    Page, "Continuous inspection schemes", Biometrika 41, 1954.

    Examples
    --------
    >>> cusum(np.array([[3.0, 3.0, 8.0, 3.0]]), slack=1.0)
    array([[0. , 0. , 1.5, 0. ]])
    """
    alarm = np.zeros_like(counts)
    for day in range(1, counts.shape[1]):
        mean = counts[:, :day].mean(axis=1)
        z = (counts[:, day] - mean) / np.sqrt(mean + 1)
        alarm[:, day] = np.maximum(0, alarm[:, day - 1] + z - slack)
    return alarm


def _alarms(rates: pl.DataFrame, stream: str, days: int, slack: float) -> pl.DataFrame:
    number = rates[stream].rank("dense").to_numpy().astype(np.int64) - 1
    counts = np.zeros((int(number.max(initial=-1)) + 1, days))
    day = rates["day"].to_numpy()
    counts[number, day] = rates["n"].to_numpy()
    return rates.select(stream, "day").with_columns(alarm=pl.Series(cusum(counts, slack)[number, day]))


def _counted(split: Split, stream: str) -> pl.DataFrame:
    """Requests per account, day and topic or template."""
    cell = pl.sum_horizontal((pl.col(c) > 0).cast(pl.Int64) * 2**i for i, c in enumerate(_DIMENSIONS))
    key = {"topic": cell, "template": pl.col("system_prompt_hash")}[stream]
    buckets = []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), "day", key.alias(stream)).drop_nulls(stream)
        buckets.append(rows.group_by("account_id", "day", stream).agg(n=pl.len()).collect())
    return pl.concat(buckets).with_columns(pl.col("n").cast(pl.Int64))
