"""Supervised: a graph network over who belongs with whom, in place of hand-made descriptions of groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, supervision
from baselines.graph import candidate_pairs, group_features, relational_view
from generator.arrays import F64
from generator.dataset import Split

_BAGS = 3  # networks whose mean counts (a)


@dataclass
class MessagePassing(detector.Detector):
    """Two rounds in which accounts hear from those they are linked to, learnt from end to end.

    The graph is that of the relational trees: a model learns from the links of two accounts how likely they
    belong together, and that is the weight of their edge. In each round an account gathers the weighted mean of
    its neighbours and how far they spread, for what gives a swarm away is that its members are alike; the first
    round gathers the ranks of the account features, the second what the first made of them.

    Parameters
    ----------
    hidden : int
        Width of both rounds.
    drop : float
        Share of values that are hidden from each layer while it learns: campaigns to learn from are few.
    """

    name: ClassVar[str] = "message-passing"
    description: ClassVar[str] = "graph network of two rounds over the fused network"
    source: ClassVar[str] = "Hamilton et al., GraphSAGE, NeurIPS 2017; Corso et al., NeurIPS 2020"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*relational_view.FIELDS, *account_features.fields_of(feature_table.FEATURES)})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "hidden": search_space.SearchRange(8, 128, log=True),
        "drop": search_space.SearchRange(0.0, 0.7),
    }

    hidden: int = 32
    drop: float = 0.5
    _pair_model: Any = field(init=False, repr=False, default=None)
    _bags: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        """Learn who belongs together, then who extracts; grey accounts only pass messages on."""
        from baselines.networks import fused_network

        known = [relational_view.relational_view(w) for w in worlds]
        truth = [supervision.training_labels(w, k.ids) for w, k in zip(worlds, known, strict=True)]
        cohorts = [supervision.cohort_numbers(w, k.ids) - 1 for w, k in zip(worlds, known, strict=True)]
        self._pair_model, chances = candidate_pairs.fit_pair_model([k.pairs for k in known], cohorts, self.seed)
        x = np.vstack([_ranks(w, k.ids) for w, k in zip(worlds, known, strict=True)])
        graphs = [
            candidate_pairs.pair_graph(k.pairs, chance, len(k.ids))
            for k, chance in zip(known, chances, strict=True)
        ]
        starts = np.cumsum([0, *(len(k.ids) for k in known)])
        rows = np.concatenate([t.rows + start for t, start in zip(truth, starts, strict=False)])
        positive = np.concatenate([t.positive for t in truth])
        # Members of one group repeat each other: a cohort counts as the root of its size.
        weight = np.concatenate([1 / np.sqrt(np.bincount(t.cohort)[t.cohort]) for t in truth])
        nodes = fused_network.build_nodes(x, sparse.csr_array(sparse.block_diag(graphs, format="csr")))
        self._bags = [
            fused_network.train(nodes, rows, positive, weight, self.hidden, self.drop, self.seed + k)
            for k in range(_BAGS)
        ]
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction, mean of a few networks."""
        from baselines.networks import fused_network

        world = relational_view.relational_view(split)
        graph = candidate_pairs.likely_graph(self._pair_model, world.incidences)
        nodes = fused_network.build_nodes(_ranks(split, world.ids), graph)
        log_odds = np.mean([fused_network.logits(bag, nodes) for bag in self._bags], axis=0)
        return pl.DataFrame({"account_id": world.ids, "score": np.round(log_odds, 9)})


def _ranks(split: Split, ids: pl.Series) -> F64:
    """Account features by their rank in the population, in the order of `ids`: the same scale in every world."""
    frame = account_features.account_features(split, feature_table.FEATURES)
    in_order = ids.to_frame().join(frame, on="account_id", how="left", maintain_order="left")
    ranks = np.apply_along_axis(group_features.mid_ranks, 0, supervision.matrix(in_order))
    return np.nan_to_num(ranks - 0.5)
