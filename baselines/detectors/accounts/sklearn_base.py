"""Supervised, one account at a time: textbook classifiers on account aggregates."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy.typing as npt
import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table, forests, supervision, training_ranks
from generator.arrays import F64, Mask
from generator.dataset import Split


@dataclass
class RankedClassifier(detector.Detector):
    """A scikit-learn classifier on the ranks of account aggregates; what is undefined stands in the middle.

    Ranks, taken in training, keep heavy tails from ruling a linear model and mean the same in every world.
    """

    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)

    _known: list[F64] = field(init=False, repr=False, default_factory=list)
    _model: dict[str, npt.NDArray[Any]] = field(init=False, repr=False, default_factory=dict)

    @abstractmethod
    def _learn(self, x: F64, positive: Mask) -> dict[str, npt.NDArray[Any]]:
        """Fit scikit-learn's classifier, and keep the numbers that its decisions need."""

    @abstractmethod
    def _chances(self, x: F64) -> F64:
        """Chance of extraction, worked out from what `_learn` kept."""

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are left out."""
        known = supervision.labelled(worlds, feature_table.FEATURES)
        self._known = training_ranks.references(known.x)
        x = training_ranks.ranks(self._known, known.x)
        order = forests.row_order(x, known.positive)
        self._model = self._learn(x[order], known.positive[order])
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Chance of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = training_ranks.ranks(self._known, supervision.matrix(frame))
        return frame.select("account_id", score=pl.Series(self._chances(x)))
