"""Positive-unlabelled learning: trees against many random samples of whom nobody noticed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.accounts import observed_states
from baselines.features import account_features, feature_table, supervision
from generator.dataset import Split


@dataclass
class PUBagging(detector.Detector):
    """Boosted trees that tell banned accounts from random samples of the others, averaged.

    That nobody noticed an account doesn't make it benign: in each sample other hidden ones stand on the wrong
    side, so that no single one of them is learnt by heart. Accounts that were cleared are in every sample.

    Parameters
    ----------
    bags : int
        Samples.
    ratio : float
        Size of each, in banned accounts.
    """

    name: ClassVar[str] = "pu-bagging"
    description: ClassVar[str] = (
        "boosted trees on account aggregates: banned accounts against samples of the others"
    )
    source: ClassVar[str] = "Mordelet and Vert, A bagging SVM to learn from positive and unlabeled examples, 2014"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "observed")
    ranges: ClassVar[search_space.Ranges] = {
        "bags": search_space.SearchRange(5, 60, log=True),
        "ratio": search_space.SearchRange(1.0, 50.0, log=True),
    }

    bags: int = 30
    ratio: float = 10.0
    _models: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        """Banned accounts against samples of those who are not."""
        x, banned, cleared = observed_states.noted(worlds)
        others = np.flatnonzero(~banned & ~cleared)
        # A canonical order: whom a sample holds depends on what rows say, not on where they stand.
        others = others[np.lexsort(x[others].T)]
        size = min(len(others), int(np.ceil(self.ratio * banned.sum())))
        rng = np.random.default_rng(self.seed)
        known = np.flatnonzero(banned | cleared)
        self._models = []
        for bag in range(self.bags):
            rows = np.r_[known, rng.choice(others, size, replace=False)]
            self._models.append(supervision.boost(x[rows], banned[rows], self.seed + bag, rounds=100))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Mean log-odds of all bags."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = supervision.matrix(frame)
        odds = np.mean([supervision.predict(m, x) for m in self._models], axis=0)
        return frame.select("account_id", score=pl.Series(odds))
