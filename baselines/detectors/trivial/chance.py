"""Floors: what a detector gets for knowing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from generator.dataset import Split


@dataclass
class Random(detector.Detector):
    """Independent uniform scores."""

    name: ClassVar[str] = "random"
    description: ClassVar[str] = "independent uniform scores"
    source: ClassVar[str] = "floor"
    fields: ClassVar[tuple[str, ...]] = ()
    floor: ClassVar[bool] = True
    draws: ClassVar[bool] = True

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """One draw per account, in the order of their ids."""
        ids = detector.accounts(split)
        return pl.DataFrame({"account_id": ids, "score": np.random.default_rng(self.seed).random(len(ids))})


@dataclass
class Constant(detector.Detector):
    """The same score for everybody."""

    name: ClassVar[str] = "constant"
    description: ClassVar[str] = "the same score for every account"
    source: ClassVar[str] = "floor; shows the tie rule"
    fields: ClassVar[tuple[str, ...]] = ()
    floor: ClassVar[bool] = True

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Zero for every account."""
        return pl.DataFrame({"account_id": detector.accounts(split)}).with_columns(score=pl.lit(0.0))
