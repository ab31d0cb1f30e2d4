"""Supervised: accounts told apart by a table of themselves and of those that share values with them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import supervision
from baselines.graph import neighbours
from generator.arrays import F32, F64, Mask
from generator.dataset import Split


@dataclass
class NodeClassifier(detector.Detector):
    """A classifier of tables on nodes described by their graph.

    Parameters
    ----------
    most : int
        A value that more accounts have makes no neighbours.
    """

    fields: ClassVar[tuple[str, ...]] = neighbours.FIELDS
    ranges: ClassVar[search_space.Ranges] = {"most": search_space.SearchRange(10, 300, log=True)}

    most: int = 100
    _model: Any = field(init=False, repr=False, default=None)

    @abstractmethod
    def _describe(self, nodes: neighbours.NodeTable) -> F32:
        """One row per account; NaN where undefined."""

    @abstractmethod
    def _learn(self, x: F32, positive: Mask) -> Any:
        """Fit the classifier, both classes weighing the same as in the sources, and keep what a file can hold."""

    @abstractmethod
    def _scores(self, x: F32) -> F64:
        """Higher means more likely extraction."""

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are only neighbours."""
        rows = []
        for world in worlds:
            nodes = neighbours.node_table(world, self.most)
            known = supervision.training_labels(world, nodes.ids)
            rows.append((self._describe(nodes)[known.rows], known.positive))
        x, positive = (np.concatenate(part) for part in zip(*rows, strict=True))
        self._model = self._learn(x, positive)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """What the classifier says."""
        nodes = neighbours.node_table(split, self.most)
        return pl.DataFrame({"account_id": nodes.ids, "score": self._scores(self._describe(nodes))})


@dataclass
class NeighbourMeans(NodeClassifier):
    """Nodes described as in GADBench: their own columns, then the neighbours' mean of those, hop by hop.

    The source walks one graph; here each kind of link is walked apart, and its columns stand side by side. Who
    shares several values counts once for each.

    Parameters
    ----------
    hops : int
        Steps along one kind of link.
    """

    source: ClassVar[str] = "Tang et al., GADBench, NeurIPS 2023"
    ranges: ClassVar[search_space.Ranges] = {
        **NodeClassifier.ranges,
        "hops": search_space.SearchRange(1, 3),
    }

    hops: int = 2

    def _describe(self, nodes: neighbours.NodeTable) -> F32:
        blocks = [nodes.x.astype(np.float32)]
        for held in nodes.held.values():
            x = nodes.x
            for _ in range(self.hops):
                x = neighbours.neighbour_mean(held, x)
                blocks.append(supervision.rounded(x).astype(np.float32))
        return np.hstack(blocks)
