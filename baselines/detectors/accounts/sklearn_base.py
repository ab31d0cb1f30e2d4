"""Supervised, one account at a time: textbook classifiers on account aggregates."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table, forests, supervision
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
        self._known = [np.sort(c[~np.isnan(c)]) for c in known.x.T]
        x = self._ranks(known.x)
        order = forests.row_order(x, known.positive)
        self._model = self._learn(x[order], known.positive[order])
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Chance of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        return frame.select("account_id", score=pl.Series(self._chances(self._ranks(supervision.matrix(frame)))))

    def _ranks(self, x: F64) -> F64:
        ranks = np.zeros_like(x)
        for k, reference in enumerate(self._known):
            defined = ~np.isnan(x[:, k])
            middle = (
                np.searchsorted(reference, x[defined, k], "left")
                + np.searchsorted(reference, x[defined, k], "right")
            ) / 2
            ranks[defined, k] = middle / max(1, len(reference)) - 0.5
        return ranks
