"""Unsupervised, one account at a time: how far out in the tails its aggregates are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table, supervision
from generator.arrays import F64
from generator.dataset import Split


@dataclass
class Ecod(detector.Detector):
    """Empirical-cumulative outlier detection: the sum over features of how rare a value that extreme is.

    For each feature the share of accounts at or below, and at or above the value; minus their logs are summed,
    for the left tails, the right tails, and the tail on the side of each feature's skew. The largest counts.
    """

    name: ClassVar[str] = "ecod"
    description: ClassVar[str] = "tail probabilities of account aggregates, no labels used"
    source: ClassVar[str] = "Li et al., ECOD, IEEE TKDE 2022"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)

    _sorted: list[F64] = field(init=False, repr=False, default_factory=list)
    _skew: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(self, *worlds: Split) -> Self:
        """Keep the distribution of each feature."""
        from scipy import stats

        x = np.vstack(
            [supervision.matrix(account_features.account_features(w, feature_table.FEATURES)) for w in worlds]
        )
        self._sorted = [np.sort(c[~np.isnan(c)]) for c in x.T]
        flat = (len(c) < 3 or c[0] == c[-1] for c in self._sorted)
        skew = [0.0 if f else stats.skew(c) for f, c in zip(flat, self._sorted, strict=True)]
        self._skew = np.nan_to_num(skew)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Largest of the three sums of -log tail probabilities; undefined features count nothing."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = supervision.matrix(frame)
        left, right = (np.zeros_like(x) for _ in range(2))
        for k, reference in enumerate(self._sorted):
            n = len(reference) + 1
            defined = ~np.isnan(x[:, k])
            left[defined, k] = -np.log((np.searchsorted(reference, x[defined, k], "right") + 1) / n).clip(None, 0)
            right[defined, k] = -np.log((n - np.searchsorted(reference, x[defined, k], "left")) / n)
        skewed = np.where(self._skew < 0, left, right)
        score = np.max([t.sum(axis=1) for t in (left, right, skewed)], axis=0)
        return frame.select("account_id", score=pl.Series(score))
