"""Supervised: boosted trees on accounts and their neighbours' means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baselines.base import search_space
from baselines.detectors.graphs import node_classifier
from baselines.features import supervision
from generator.arrays import F32, F64, Mask


@dataclass
class XGBGraph(node_classifier.NeighbourMeans):
    """XGBGraph: no network, but the means that one would pass on, given to boosted trees.

    Parameters
    ----------
    depth : int
        Most splits in a row.
    eta : float
        What each tree adds.
    """

    name: ClassVar[str] = "xgb-graph"
    description: ClassVar[str] = "boosted trees on plain columns and their neighbours' means, link by link"
    ranges: ClassVar[search_space.Ranges] = {
        **node_classifier.NeighbourMeans.ranges,
        "depth": search_space.SearchRange(2, 8),
        "eta": search_space.SearchRange(0.01, 0.3, log=True),
    }

    depth: int = supervision.TREES["max_depth"]
    eta: float = supervision.TREES["eta"]

    def _learn(self, x: F32, positive: Mask) -> Any:
        trees = {**supervision.TREES, "max_depth": self.depth, "eta": self.eta}
        weight = np.where(positive, (~positive).sum() / positive.sum(), 1.0)
        return supervision.boost(x, positive, self.seed, weight, trees)

    def _scores(self, x: F32) -> F64:
        return supervision.predict(self._model, x)
