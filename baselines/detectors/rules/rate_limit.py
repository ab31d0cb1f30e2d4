"""What a provider has today: a limit on each account's own requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from generator.dataset import Split

# Requests a minute and a day that each plan allows (data card).
CEILINGS = pl.DataFrame(
    [
        ("free", 20, 1_000),
        ("build", 60, 5_000),
        ("scale", 600, 100_000),
        ("startup", 300, 20_000),
        ("education", 100, 5_000),
        ("enterprise", 2_000, 1_000_000),
    ],
    schema={"plan": pl.String, "per_minute": pl.Float64, "per_day": pl.Float64},
    orient="row",
)


@dataclass
class RateLimit(detector.Detector):
    """How close an account's busiest minute or day came to the ceiling of its plan, whichever is closer."""

    name: ClassVar[str] = "rate-limit"
    description: ClassVar[str] = "busiest minute or day over the ceiling of the account's plan"
    source: ClassVar[str] = "common practice of API providers"
    fields: ClassVar[tuple[str, ...]] = ("requests.ts", "accounts.plan")

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn: the ceilings are documented."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Peak over ceiling: 1 is where the limit binds. Plans without a known ceiling count as the strictest."""
        peaks = [_peaks(bucket) for bucket in split.requests.buckets()]
        accounts = split.accounts.polars().select(pl.col("account_id", "plan").cast(pl.String)).collect()
        known = accounts.join(pl.concat(peaks), on="account_id", how="left").join(CEILINGS, on="plan", how="left")
        used = [
            pl.col(f"peak_{unit}").fill_null(0) / pl.col(f"per_{unit}").fill_null(CEILINGS[f"per_{unit}"].min())
            for unit in ("minute", "day")
        ]
        return known.select("account_id", score=pl.max_horizontal(used))


def _peaks(requests: pl.LazyFrame) -> pl.DataFrame:
    seconds = pl.col("ts").dt.epoch("s")
    peaks = [
        (seconds // length).unique_counts().max().alias(f"peak_{unit}")
        for unit, length in (("minute", 60), ("day", 86_400))
    ]
    return requests.group_by("account_id").agg(peaks).with_columns(pl.col("account_id").cast(pl.String)).collect()
