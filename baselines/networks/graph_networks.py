"""GraphSAGE and BWGNN over several kinds of links, in plain PyTorch: learnt by batches, used on whole graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import nn

from baselines.graph import neighbours
from baselines.networks import learning, sampled_neighbours
from baselines.networks.sampled_neighbours import NeighbourSampler
from generator.arrays import F64, I64

Tensor = Any


@dataclass(frozen=True)
class LinkedNodes:
    """Nodes of one graph, or of several side by side.

    Attributes
    ----------
    x : ndarray of float64, shape (nodes, columns)
        Columns of the nodes, all defined.
    held : sequence of scipy.sparse.csr_array, shape (nodes, values)
        1 where a node has the value, per kind of link.
    """

    x: F64
    held: Sequence[sparse.csr_array]

    @cached_property
    def samplers(self) -> list[NeighbourSampler]:
        """One per kind of link."""
        return [NeighbourSampler.of(held) for held in self.held]

    @cached_property
    def first(self) -> Tensor:
        """Columns of the nodes and, link by link, their neighbours' means: nothing in them is learnt."""
        return learning.tensor(np.hstack([self.x, *(around(held, self.x) for held in self.held)]))


def around(held: sparse.csr_array, x: F64) -> F64:
    """Mean over the neighbours.

    Parameters
    ----------
    held : scipy.sparse.csr_array, shape (nodes, values)
        1 where a node has the value.
    x : ndarray of float64, shape (nodes, columns)
        All defined.

    Returns
    -------
    ndarray of float64, shape (nodes, columns)
        0 for nodes without neighbours.
    """
    return np.nan_to_num(neighbours.neighbour_mean(held, x))


class GraphNetwork(nn.Module):
    """A network on nodes: `forward` on a batch and drawn neighbours, `whole` on all nodes and all neighbours."""

    def forward(self, nodes: LinkedNodes, rows: I64, size: int, rng: np.random.Generator) -> Tensor:
        """Log-odds of a batch.

        Parameters
        ----------
        nodes : LinkedNodes
            The graph.
        rows : ndarray of int64, shape (batch,)
            Nodes.
        size : int
            Neighbours to draw, per node and kind of link.
        rng : numpy.random.Generator
            Source of the draws.

        Returns
        -------
        Tensor, shape (batch,)
            Log-odds.
        """
        raise NotImplementedError

    def whole(self, nodes: LinkedNodes) -> Tensor:
        """Log-odds of all nodes, round by round over all their neighbours.

        Parameters
        ----------
        nodes : LinkedNodes
            The graph.

        Returns
        -------
        Tensor, shape (nodes,)
            Log-odds.
        """
        raise NotImplementedError


class GraphSage(GraphNetwork):
    """Two rounds: a node's own values and, link by link, its neighbours' means, through weights of their own.

    The first round hears columns, whose means are exact and worked out once; the second draws neighbours.

    Parameters
    ----------
    columns, links : int
        Columns of a node, and kinds of links.
    hidden : int
        Width of both rounds.
    drop : float
        Share of values that are hidden while it learns.
    """

    def __init__(self, columns: int, links: int, hidden: int, drop: float) -> None:
        super().__init__()
        self.first = nn.Linear(columns * (1 + links), hidden)
        self.second = nn.Linear(hidden * (1 + links), hidden)
        self.last = nn.Linear(hidden, 1)
        self.drop = nn.Dropout(drop)

    def forward(self, nodes: LinkedNodes, rows: I64, size: int, rng: np.random.Generator) -> Tensor:
        """See `GraphNetwork`."""
        drawn = np.stack([s.draw(rows, size, rng) for s in nodes.samplers], 1)
        needed, place = np.unique(np.r_[rows, drawn.ravel()], return_inverse=True)
        said = self._round(self.first, nodes.first[needed])[place]  # each node once, however often it was drawn
        heard = _drawn_mean(said[len(rows) :].reshape(*drawn.shape, -1), drawn)
        return self._odds(torch.cat([said[: len(rows)], heard.flatten(1)], 1))

    def whole(self, nodes: LinkedNodes) -> Tensor:
        """See `GraphNetwork`."""
        own = self._round(self.first, nodes.first)
        heard = [learning.tensor(around(held, learning.values(own))) for held in nodes.held]
        return self._odds(torch.cat([own, *heard], 1))

    def _round(self, layer: Any, heard: Tensor) -> Tensor:
        """Neighbours are heard, and values brought to length 1 as in the source."""
        return nn.functional.normalize(torch.relu(layer(self.drop(heard))), dim=-1)

    def _odds(self, heard: Tensor) -> Tensor:
        return self.last(self._round(self.second, heard))[..., 0]


class BetaWavelets(GraphNetwork):
    """What a network makes of columns, through Beta wavelets link by link: one mix for all links, then their sum.

    Parameters
    ----------
    columns : int
        Columns of a node.
    hidden : int
        Width.
    drop : float
        Share of values that are hidden while it learns.
    """

    def __init__(self, columns: int, hidden: int, drop: float) -> None:
        super().__init__()
        layers = [nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
        self.inner = nn.Sequential(nn.Dropout(drop), *layers)
        self.mix = nn.Linear(3 * hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, nodes: LinkedNodes, rows: I64, size: int, rng: np.random.Generator) -> Tensor:
        """See `GraphNetwork`; it takes two steps along one kind of link."""
        near = np.stack([s.draw(rows, size, rng) for s in nodes.samplers])
        far = np.stack([s.draw(n, size, rng) for s, n in zip(nodes.samplers, near, strict=True)])
        needed, place = np.unique(np.r_[rows, near.ravel(), far.ravel()], return_inverse=True)
        said = self.inner(learning.tensor(nodes.x[needed]))[place]  # each node once, however often it was drawn
        own, by_near, by_far = torch.split(said, [len(rows), near.size, far.size])
        once = _drawn_mean(by_near.reshape(*near.shape, -1), near)
        twice = _drawn_mean(_drawn_mean(by_far.reshape(*far.shape, -1), far), near)
        return self._odds(sum(self._mixed(own, *pair) for pair in zip(once, twice, strict=True)))

    def whole(self, nodes: LinkedNodes) -> Tensor:
        """See `GraphNetwork`."""
        own = self.inner(learning.tensor(nodes.x))
        total = 0
        for held in nodes.held:
            once = around(held, learning.values(own))
            total = total + self._mixed(own, learning.tensor(once), learning.tensor(around(held, once)))
        return self._odds(total)

    def _mixed(self, own: Tensor, once: Tensor, twice: Tensor) -> Tensor:
        return self.mix(torch.cat(sampled_neighbours.beta_wavelets(own, once, twice), 1))

    def _odds(self, total: Tensor) -> Tensor:
        return self.last(nn.functional.leaky_relu(total))[..., 0]


def _drawn_mean(values: Tensor, drawn: I64) -> Tensor:
    """Mean over the last axis of `drawn`; 0 where nobody was drawn, for then all are nobody."""
    return values.mean(-2) * learning.tensor(drawn[..., 0] >= 0)[..., None]
