"""Confident learning: labels that contradict a held-out model with confidence are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.detectors.accounts import observed_states
from baselines.features import account_features, feature_table, supervision, tuned_trees
from generator.dataset import Split


@dataclass
class ConfidentLearning(tuned_trees.TunedTrees):
    """Boosted trees, fitted again without the labels that trees which had not seen them doubt.

    An account is doubted if its chance to be of the other class is at least the mean chance of the accounts that
    carry that class's label.
    """

    name: ClassVar[str] = "confident-learning"
    description: ClassVar[str] = "boosted trees on account aggregates, without labels that held-out trees doubt"
    source: ClassVar[str] = "Northcutt, Jiang and Chuang, Confident learning, JAIR 70, 2021"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "observed")

    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Banned accounts against all others, doubtful ones left out; who was cleared is never doubted."""
        x, banned, cleared = observed_states.noted(worlds)
        rows = np.arange(len(x))
        # By what rows say: which fold one is in must not depend on where it stands.
        number = np.empty(len(x), np.int64)
        number[np.lexsort((*x.T, banned))] = rows
        known = supervision.TrainingLabels(rows, banned, number)
        chance = 1 / (1 + np.exp(-supervision.held_out(x, known, self.seed)))
        hidden = ~banned & ~cleared & (chance >= chance[banned].mean())
        mistaken = banned & (1 - chance >= (1 - chance[~banned]).mean())
        # Where every ban is doubted, there is nothing better to learn from.
        kept = ~hidden & ~(mistaken if (banned & ~mistaken).any() else False)
        self._model = supervision.boost(x[kept], banned[kept], self.seed, trees=self._trees)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        odds = supervision.predict(self._model, supervision.matrix(frame))
        return frame.select("account_id", score=pl.Series(odds))
