"""Volume only: who asks most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table
from generator.dataset import Split

_REQUESTS = feature_table.named("requests")


@dataclass
class Volume(detector.Detector):
    """Number of requests."""

    name: ClassVar[str] = "volume"
    description: ClassVar[str] = "number of requests in the window"
    source: ClassVar[str] = "floor"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(_REQUESTS)
    floor: ClassVar[bool] = True

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the number of requests."""
        frame = account_features.account_features(split, _REQUESTS)
        return frame.select("account_id", score=pl.col("requests").fill_null(0.0))
