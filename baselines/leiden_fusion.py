"""A fused network of all links, its Leiden communities, and which of them are campaigns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines import company, detector, pairs, training, tuning, visits
from baselines.training import F64, I64
from generator.dataset import Split


@dataclass
class LeidenFusion(detector.Detector):
    """Communities of a network whose edges say how likely two accounts belong together; groups are judged whole.

    A model fuses all links of a pair into one weight. Leiden's algorithm with the constant Potts model finds
    groups of more than mean weight `resolution`, well connected inside. Each is described by how alike and how
    linked its members are, and boosted trees say whether it is a campaign. All members get the group's score; a
    group likelier a campaign than not is answered as one.

    Parameters
    ----------
    resolution : float
        Mean weight of pairs above which two groups are one.
    """

    name: ClassVar[str] = "leiden-fusion"
    description: ClassVar[str] = "Leiden communities of a fused network, judged as groups"
    source: ClassVar[str] = "Traag, Waltman and van Eck, From Louvain to Leiden, Scientific Reports 9, 2019"
    fields: ClassVar[tuple[str, ...]] = company.FIELDS
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "campaigns", "early")
    ranges: ClassVar[tuning.Ranges] = {"resolution": tuning.Range(0.01, 0.6, log=True)}

    resolution: float = 0.1
    _pair_model: Any = field(init=False, repr=False, default=None)
    _topics: Any = field(init=False, repr=False, default=None)
    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Learn who belongs together, then which groups (found ones and true cohorts) are campaigns."""
        known = [company.world(w) for w in worlds]
        truth = [training.truth(w, k.ids) for w, k in zip(worlds, known, strict=True)]
        cohorts = [training.cohorts(w, k.ids) - 1 for w, k in zip(worlds, known, strict=True)]
        self._topics = visits.codebook([k.visits for k in known], self.seed)
        self._pair_model, chances = pairs.together([k.pairs for k in known], cohorts, self.seed)
        rows = []
        for world, said, cohort, chance in zip(known, truth, cohorts, chances, strict=True):
            seen = visits.with_topics(world.visits, self._topics)
            label = leiden(pairs.graph(world.pairs, chance, len(world.ids)), self.resolution, self.seed)
            rows += [_examples(g, said) for g in company.groupings(world, seen, (label, cohort))]
        x, share, weight = (np.concatenate(part) for part in zip(*rows, strict=True))
        positive = share > 0.5
        self._model = training.boost(x, positive, self.seed, weight) if 0 < positive.sum() < len(x) else None
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds that the account's group is a campaign; accounts alone share the lowest."""
        ids, label, said = self._judged(split)
        return pl.DataFrame({"account_id": ids, "score": said[label]})

    def group(self, split: Split) -> pl.DataFrame:
        """Groups likelier campaigns than not."""
        ids, label, said = self._judged(split)
        named = pl.DataFrame({"account_id": ids, "campaign": label, "suspected": said[label] > 0})
        return named.select("account_id", pl.when("suspected").then(pl.col("campaign").cast(pl.String)))

    def _judged(self, split: Split) -> tuple[pl.Series, I64, F64]:
        world = company.world(split)
        seen = visits.with_topics(world.visits, self._topics)
        chance = pairs.chances(self._pair_model, world.pairs.x)
        label = leiden(pairs.graph(world.pairs, chance, len(world.ids)), self.resolution, self.seed)
        (found,) = company.groupings(world, seen, [label])
        size = np.bincount(label)
        said = training.predict(self._model, found.x) if self._model else np.zeros(len(size))
        return world.ids, label, np.where(size > 1, said, min(0.0, float(said.min(initial=0.0))) - 1)


def leiden(graph: sparse.csr_array, resolution: float, seed: int) -> I64:
    """Group of each node, numbered from 0: Leiden with the constant Potts model, weights from 0 to 1."""
    import random

    import igraph

    upper = sparse.triu(graph, 1).tocoo()
    found = igraph.Graph(graph.shape[0], np.column_stack([upper.row, upper.col]).tolist())
    # igraph draws from whatever generator it is handed: ours, keyed by the seed, and its own again afterwards.
    igraph.set_random_number_generator(random.Random(seed))  # noqa: S311
    try:
        parts = found.community_leiden(
            objective_function="CPM", weights=upper.data.tolist(), resolution=resolution, n_iterations=-1
        )
    finally:
        igraph.set_random_number_generator(random)
    return np.unique(np.array(parts.membership), return_inverse=True)[1].astype(np.int64)


def _examples(g: company.Grouping, known: training.Truth) -> tuple[F64, F64, F64]:
    """Groups of two or more labelled accounts: features, share of extraction accounts, weight."""
    size = np.bincount(g.label)
    labelled = np.bincount(g.label[known.rows], minlength=len(size))
    bad = np.bincount(g.label[known.rows[known.positive]], minlength=len(size))
    use = (size > 1) & (labelled > 0)
    return g.x[use], bad[use] / labelled[use], np.sqrt(labelled[use])
