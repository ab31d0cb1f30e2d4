"""Boosted trees on what a detector reads about each account in the texts of all of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import supervision
from baselines.graph import shared_keys
from generator.arrays import F64
from generator.dataset import Split

ROUNDS = 120  # trees; a handful of features need no more (a)


@dataclass
class DescribedAccounts(detector.Detector):
    """Trees on a description of each account; what to describe is for the subclass to say."""

    _model: Any = field(init=False, repr=False, default=None)

    @abstractmethod
    def describe(self, split: Split) -> tuple[pl.Series, F64]:
        """Describe every account of a split by its place among the others.

        Parameters
        ----------
        split : Split
            World without labels.

        Returns
        -------
        ids : polars.Series
            account_id (String).
        x : ndarray of float64, shape (accounts, features)
            NaN where undefined.
        """

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts that served against benign ones."""
        parts = []
        for world in worlds:
            ids, x = self.describe(world)
            known = supervision.training_labels(world, ids)
            parts.append((supervision.rounded(x)[known.rows], known.positive))
        x, positive = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._model = supervision.boost(x, positive, self.seed, rounds=ROUNDS)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        ids, x = self.describe(split)
        return shared_keys.score_frame(ids, supervision.predict(self._model, supervision.rounded(x)))
