"""Supervised: a random forest on accounts and their neighbours' means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from baselines.base import search_space
from baselines.detectors.graphs import node_classifier
from baselines.features import forests
from generator.arrays import F32, F64, Mask


@dataclass
class RFGraph(node_classifier.NeighbourMeans):
    """RFGraph: no network, but the means that one would pass on, given to a random forest.

    Parameters
    ----------
    trees, leaf : int
        Number of trees, and the fewest accounts of a leaf.
    """

    name: ClassVar[str] = "rf-graph"
    description: ClassVar[str] = "random forest on plain columns and their neighbours' means, link by link"
    ranges: ClassVar[search_space.Ranges] = {
        **node_classifier.NeighbourMeans.ranges,
        "trees": search_space.SearchRange(50, 500, log=True),
        "leaf": search_space.SearchRange(1, 40, log=True),
    }

    trees: int = 200
    leaf: int = 2

    def _learn(self, x: F32, positive: Mask) -> forests.Forest:
        order = forests.row_order(x, positive)
        return forests.random_forest(
            forests.defined(x[order]), positive[order], self.trees, self.leaf, "balanced", self.seed
        )

    def _scores(self, x: F32) -> F64:
        return forests.mean_value(self._model, forests.defined(x))
