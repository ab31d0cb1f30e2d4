"""Supervised, one account at a time: boosted trees on account aggregates, whoever grows them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import polars as pl

from baselines.features import account_features, feature_table, forests, supervision, tuned_trees
from generator.arrays import F64, Mask
from generator.dataset import Split


@dataclass
class BoostedAggregates(tuned_trees.TunedTrees):
    """Gradient-boosted trees on what each account does by itself."""

    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)

    _model: Any = field(init=False, repr=False, default=None)

    @abstractmethod
    def _learn(self, x: F64, positive: Mask) -> Any:
        """Grow the trees, and keep what a file can hold."""

    @abstractmethod
    def _log_odds(self, x: F64) -> F64:
        """Sum over the trees."""

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are left out."""
        known = supervision.labelled(worlds, feature_table.FEATURES)
        self._model = self._learn(known.x, known.positive)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        return frame.select("account_id", score=pl.Series(self._log_odds(supervision.matrix(frame))))


class FlatTrees(BoostedAggregates):
    """Trees that are kept as arrays and walked without the library that grew them.

    What is undefined stands below all that is known: no tree need remember where it belongs.
    """

    @abstractmethod
    def _grow(self, x: F64, positive: Mask) -> forests.Forest:
        """Grow the trees on numbers that are all defined."""

    def _learn(self, x: F64, positive: Mask) -> forests.Forest:
        order = forests.row_order(x, positive)
        return self._grow(forests.defined(x[order]), positive[order])

    def _log_odds(self, x: F64) -> F64:
        return forests.sum_value(self._model, forests.defined(x))
