"""Supervised, one account at a time: a random forest on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.base import search_space
from baselines.detectors.accounts import sklearn_base


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

    def classifier(self) -> Any:
        """scikit-learn's."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            self.trees, min_samples_leaf=self.leaf, class_weight="balanced_subsample", random_state=self.seed
        )
