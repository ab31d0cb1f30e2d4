"""Supervised: networks on accounts and their links, learnt on one graph and applied to another."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.features import supervision, training_ranks
from baselines.graph import neighbours, shared_keys
from generator.arrays import F64, I64, Mask
from generator.dataset import Split

_DECIMALS = 9  # sums in another order differ in later ones
_DECAY = 1e-3  # weight decay (a)


@dataclass
class NodeNetwork(detector.Detector):
    """A graph network on the columns and links of `xgb-graph`, from end to end.

    Both classes are drawn equally often. A batch needs a few drawn neighbours of its accounts alone, so that time
    and memory to learn do not grow with the world; to score, all neighbours count, round by round.

    Parameters
    ----------
    most : int
        A value that more accounts have makes no neighbours.
    hidden : int
        Width of the network.
    drop : float
        Share of values that are hidden from its layers while it learns.
    drawn : int
        Neighbours of an account in a batch, per kind of link.
    steps, batch : int
        Batches, and accounts in each.
    rate : float
        Step of the optimizer.
    """

    fields: ClassVar[tuple[str, ...]] = neighbours.FIELDS
    ranges: ClassVar[search_space.Ranges] = {
        "most": search_space.SearchRange(10, 300, log=True),
        "hidden": search_space.SearchRange(8, 128, log=True),
        "drop": search_space.SearchRange(0.0, 0.7),
        "drawn": search_space.SearchRange(1, 8),
        "steps": search_space.SearchRange(30, 3000, log=True),
        "batch": search_space.SearchRange(32, 512, log=True),
        "rate": search_space.SearchRange(1e-3, 3e-2, log=True),
    }

    most: int = 100
    hidden: int = 32
    drop: float = 0.3
    drawn: int = 3
    steps: int = 100
    batch: int = 64
    rate: float = 0.01
    _learnt: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    @abstractmethod
    def _network(self, columns: int, links: int) -> Any:
        """The network with first weights, as a `graph_networks.GraphNetwork`."""

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are only neighbours."""
        tables = [neighbours.node_table(w, self.most) for w in worlds]
        known = [supervision.training_labels(w, t.ids) for w, t in zip(worlds, tables, strict=True)]
        starts = np.cumsum([0, *(len(t.ids) for t in tables)])
        rows = np.concatenate([k.rows + start for k, start in zip(known, starts, strict=False)])
        held = [
            sparse.csr_array(sparse.block_diag([t.held[link] for t in tables], format="csr"))
            for link in neighbours.LINKS
        ]
        self._learn(np.vstack([t.x for t in tables]), held, rows, np.concatenate([k.positive for k in known]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        table = neighbours.node_table(split, self.most)
        log_odds = self._log_odds(table.x, [table.held[link] for link in neighbours.LINKS])
        return shared_keys.score_frame(table.ids, log_odds)

    def _learn(self, x: F64, held: list[sparse.csr_array], rows: I64, positive: Mask) -> None:
        from baselines.networks import graph_networks, learning

        ranks = training_ranks.references(x)
        nodes = graph_networks.LinkedNodes(training_ranks.ranks(ranks, x) * learning.SPREAD, held)
        rng = np.random.Generator(np.random.Philox(self.seed))

        def loss() -> Any:
            chosen = learning.balanced_rows(positive, self.batch, rng)
            return learning.tell_apart(network(nodes, rows[chosen], self.drawn, rng), positive[chosen])

        with learning.seeded(self.seed):
            network = self._network(x.shape[1], len(held)).double()
            learning.descend(network, loss, self.steps, self.rate, _DECAY)
        self._learnt = {"ranks": ranks, "weights": learning.weights(network)}

    def _log_odds(self, x: F64, held: list[sparse.csr_array]) -> F64:
        from baselines.networks import graph_networks, learning

        ranks = training_ranks.ranks(self._learnt["ranks"], x)
        nodes = graph_networks.LinkedNodes(ranks * learning.SPREAD, held)
        with learning.seeded(self.seed):
            network = self._network(x.shape[1], len(held)).double()
            network = learning.with_weights(network, self._learnt["weights"])
            return np.round(learning.values(network.whole(nodes)), _DECIMALS)
