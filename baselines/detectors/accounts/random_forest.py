"""Supervised, one account at a time: a random forest on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from baselines.base import search_space
from baselines.detectors.accounts import sklearn_base
from baselines.features import forests
from generator.arrays import F64, Mask


@dataclass
class RandomForest(sklearn_base.RankedClassifier):
    """Random forest, both classes weighing the same in every tree.

    Parameters
    ----------
    trees, leaf : int
        Number of trees, and the fewest accounts of a leaf.
    """

    name: ClassVar[str] = "random-forest"
    description: ClassVar[str] = "random forest on account aggregates"
    source: ClassVar[str] = "Breiman, Machine Learning 2001; scikit-learn"
    ranges: ClassVar[search_space.Ranges] = {
        "trees": search_space.SearchRange(50, 500, log=True),
        "leaf": search_space.SearchRange(1, 40, log=True),
    }

    trees: int = 200
    leaf: int = 5

    def _learn(self, x: F64, positive: Mask) -> forests.Forest:
        """scikit-learn's; each leaf says which share of it is extraction."""
        return forests.random_forest(x, positive, self.trees, self.leaf, "balanced_subsample", self.seed)

    def _chances(self, x: F64) -> F64:
        """Mean share over the trees."""
        return forests.mean_value(self._model, x)
