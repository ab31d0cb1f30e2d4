"""Supervised, one account at a time: boosted trees on several windows that look back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import supervision, tuned_trees
from generator.arrays import F64
from generator.dataset import Split

_WINDOWS = (1, 3, 7, 14)  # days (a), the last of which is the last day that is known
_COUNTED = ("requests", "active", "input", "output", "failed", "templates", "hours")


@dataclass
class XGBoostWindows(tuned_trees.TunedTrees):
    """Gradient-boosted trees on what an account did in its last 1, 3, 7 and 14 days, and how that changed.

    Days are summed first, windows are sums of days; ratios between windows tell ramps, bursts and ends. Windows
    end with the account's last active day, so that one that was banned is not a row of zeros.
    """

    name: ClassVar[str] = "xgboost-windows"
    description: ClassVar[str] = "boosted trees on windows of 1 to 14 days that look back"
    source: ClassVar[str] = "Chen and Guestrin, XGBoost, KDD 2016; velocity features as in payment fraud"
    fields: ClassVar[tuple[str, ...]] = tuple(
        f"requests.{c}" for c in ("ts", "day", "input_tokens", "output_tokens", "status", "system_prompt_hash")
    )

    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are left out."""
        rows = []
        for world in worlds:
            ids, x = _describe(world)
            known = supervision.training_labels(world, ids)
            rows.append((x[known.rows], known.positive))
        x, positive = (np.concatenate(part) for part in zip(*rows, strict=True))
        self._model = supervision.boost(x, positive, self.seed, trees=self._trees)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        ids, x = _describe(split)
        return pl.DataFrame({"account_id": ids, "score": supervision.predict(self._model, x)})


def _describe(split: Split) -> tuple[pl.Series, F64]:
    days = pl.concat([_days(bucket) for bucket in split.requests.buckets()])
    back = days.with_columns(back=pl.col("day").max().over("account_id") - pl.col("day"))
    windows = [
        pl.col(name).filter(pl.col("back") < width).sum().cast(pl.Float64).log1p().alias(f"{name} {width}")
        for name in _COUNTED
        for width in _WINDOWS
    ]
    windowed = back.group_by("account_id").agg(
        *windows, pl.col("day").min().alias("first"), pl.col("day").max().alias("last")
    )
    ratios = [
        (pl.col(f"{name} {short}") - pl.col(f"{name} {long}")).alias(f"{name} {short} of {long}")
        for name in _COUNTED
        for short, long in itertools.pairwise(_WINDOWS)
    ]
    ids = pl.DataFrame({"account_id": detector.accounts(split)})
    table = ids.join(windowed.with_columns(ratios), on="account_id", how="left", maintain_order="left")
    return table["account_id"], supervision.matrix(table)


def _days(requests: pl.LazyFrame) -> pl.DataFrame:
    """One row per account and day."""
    grouped = requests.group_by("account_id", "day").agg(
        requests=pl.len(),
        active=pl.lit(1),
        input=pl.col("input_tokens").cast(pl.Int64).sum(),
        output=pl.col("output_tokens").cast(pl.Int64).sum(),
        failed=(pl.col("status") != 200).sum(),
        templates=pl.col("system_prompt_hash").n_unique(),
        hours=pl.col("ts").dt.hour().n_unique(),
    )
    return grouped.with_columns(pl.col("account_id").cast(pl.String)).collect()
