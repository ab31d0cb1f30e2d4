"""Account age only: young or old, whichever was worse in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table, supervision
from generator.dataset import Split

_AGE = feature_table.named("age")


@dataclass
class AccountAge(detector.Detector):
    """Age of the account when the window began; its sign is the only thing learnt."""

    name: ClassVar[str] = "account-age"
    description: ClassVar[str] = "age of the account, youngest or oldest first as in training"
    source: ClassVar[str] = "floor"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(_AGE)
    floor: ClassVar[bool] = True

    _sign: float = field(init=False, repr=False, default=-1.0)

    def fit(self, *worlds: Split) -> Self:
        """Choose the sign whose ROC-AUC is above one half."""
        from scipy.stats import rankdata

        known = supervision.labelled(worlds, _AGE)
        ranks = rankdata(known.x[:, 0])
        self._sign = 1.0 if ranks[known.positive].mean() > np.mean(ranks) else -1.0
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Signed log of the age."""
        frame = account_features.account_features(split, _AGE)
        return frame.select("account_id", score=pl.col("age") * self._sign)
