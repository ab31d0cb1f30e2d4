"""Supervised, accounts in company: who belongs together, and what such groups are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines import company, detector, pairs, training, visits
from generator.dataset import Split

TREES: Mapping[str, Any] = {**training.TREES, "colsample_bytree": 0.3}


@dataclass
class XGBoostRelational(detector.Detector):
    """Gradient-boosted trees on the groups that an account belongs to.

    Groups come first: a model learns from the links of two accounts how likely they belong to one cohort, of any
    kind, and a graph of such pairs falls into communities, from close-knit to loose. Each community is then
    described by how alike its members' habits are, by what they share, and by what they do under the system
    prompts that are theirs; the account's own trees see the communities it is in and how firmly it sits there.
    """

    name: ClassVar[str] = "xgboost-relational"
    description: ClassVar[str] = "boosted trees on the communities an account is in"
    source: ClassVar[str] = "after Traag et al., Physical Review E 84, 2011, and Chen and Guestrin, KDD 2016"
    fields: ClassVar[tuple[str, ...]] = company.FIELDS

    bags: int = 2
    _pair_model: Any = field(init=False, repr=False, default=None)
    _topics: Any = field(init=False, repr=False, default=None)
    _models: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, train: Split) -> Self:
        """Learn topics, then who belongs together, then which accounts extract; grey ones are only company."""
        world = company.world(train)
        known = training.truth(train, world.ids)
        self._topics = visits.codebook(world.visits, self.seed)
        self._pair_model, chance = pairs.together(world.pairs, training.cohorts(train, world.ids), self.seed)
        x = company.describe(world, self._topics, chance)[known.rows]
        # Members of one group repeat each other: a cohort counts as the root of its size.
        weight = 1 / np.sqrt(np.bincount(known.cohort)[known.cohort])
        weight /= weight.mean()
        seeds = range(self.seed, self.seed + self.bags)
        self._models = [training.boost(x, known.positive, s, weight, TREES) for s in seeds]
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        world = company.world(split)
        x = company.describe(world, self._topics, pairs.chances(self._pair_model, world.pairs.x))
        scores = np.mean([training.predict(m, x) for m in self._models], axis=0)
        return pl.DataFrame({"account_id": world.ids, "score": scores})
