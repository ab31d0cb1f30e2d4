"""Supervised, one account at a time: boosted trees on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, supervision
from generator.dataset import Split


@dataclass
class XGBoostAggregates(detector.Detector):
    """Gradient-boosted trees on what each account does by itself.

    Parameters
    ----------
    depth : int
        Most splits in a row.
    eta : float
        What each tree adds.
    """

    name: ClassVar[str] = "xgboost-aggregates"
    description: ClassVar[str] = "boosted trees on account aggregates"
    source: ClassVar[str] = "Chen and Guestrin, XGBoost, KDD 2016"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    ranges: ClassVar[search_space.Ranges] = {
        "depth": search_space.SearchRange(2, 8),
        "eta": search_space.SearchRange(0.01, 0.3, log=True),
    }

    depth: int = supervision.TREES["max_depth"]
    eta: float = supervision.TREES["eta"]
    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are left out."""
        known = supervision.labelled(worlds, feature_table.FEATURES)
        trees = {**supervision.TREES, "max_depth": self.depth, "eta": self.eta}
        self._model = supervision.boost(known.x, known.positive, self.seed, trees=trees)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        return frame.select(
            "account_id", score=pl.Series(supervision.predict(self._model, supervision.matrix(frame)))
        )
