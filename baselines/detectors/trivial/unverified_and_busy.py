"""Floor: accounts that passed no strong check and send much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table
from generator.dataset import Split

_REQUESTS = feature_table.named("requests")
_STRENGTH = {"none": 0.0, "email": 1.0, "phone": 2.0, "payment": 3.0, "organization": 4.0}


@dataclass
class UnverifiedBusy(detector.Detector):
    """Log of the requests over one more than the strength of the check passed (none 0, organization 4)."""

    name: ClassVar[str] = "unverified-and-busy"
    description: ClassVar[str] = "requests, the more suspicious the weaker the account was verified"
    source: ClassVar[str] = "floor"
    floor: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]] = (*account_features.fields_of(_REQUESTS), "accounts.verification")

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log requests over strength + 1; an unknown check counts as none."""
        known = split.accounts.polars().select(pl.col("account_id", "verification").cast(pl.String)).collect()
        frame = account_features.account_features(split, _REQUESTS).join(known, on="account_id", how="left")
        strength = pl.col("verification").replace_strict(_STRENGTH, default=0.0)
        return frame.select("account_id", score=pl.col("requests").fill_null(0.0) / (1 + strength))
