"""A fused network of all links, its Leiden communities, and which of them are campaigns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.features import prompt_visits, supervision
from baselines.graph import candidate_pairs, communities, relational_view
from generator.arrays import F32, F64, I64, Mask
from generator.dataset import Split


@dataclass
class LeidenFusion(detector.Detector):
    """Communities of a network whose edges say how likely two accounts belong together; groups are judged whole.

    A model fuses all links of a pair into one weight. Leiden's algorithm with the constant Potts model finds
    groups of more than mean weight `resolution`, well connected inside. Each is described by how alike and how
    linked its members are, and boosted trees say whether it is a campaign. All members get the group's score.

    Campaigns are answered in two steps: groups that may be one are kept, and among their members alone, where
    hardly any stranger is left to be drawn in, groups are sought again that hang together more loosely.

    Parameters
    ----------
    resolution : float
        Mean weight of pairs above which two groups are one.
    suspect : float
        Chance of being a campaign from which a group is suspected.
    loose : float
        The `resolution` among suspected accounts.
    """

    name: ClassVar[str] = "leiden-fusion"
    description: ClassVar[str] = "Leiden communities of a fused network, judged as groups"
    source: ClassVar[str] = "Traag, Waltman and van Eck, From Louvain to Leiden, Scientific Reports 9, 2019"
    fields: ClassVar[tuple[str, ...]] = relational_view.FIELDS
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "campaigns", "early", "observed")
    ranges: ClassVar[search_space.Ranges] = {
        "resolution": search_space.SearchRange(0.01, 0.6, log=True),
        "suspect": search_space.SearchRange(0.02, 0.6, log=True),
        "loose": search_space.SearchRange(0.003, 0.1, log=True),
    }

    resolution: float = 0.1
    suspect: float = 0.06
    loose: float = 0.01
    _pair_model: Any = field(init=False, repr=False, default=None)
    _topics: F32 = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0), np.float32))
    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Learn who belongs together, then which groups (found ones and true cohorts) are campaigns."""
        known = [relational_view.relational_view(w) for w in worlds]
        training = [supervision.training_labels(w, k.ids) for w, k in zip(worlds, known, strict=True)]
        cohorts = [supervision.cohort_numbers(w, k.ids) - 1 for w, k in zip(worlds, known, strict=True)]
        self._topics = prompt_visits.codebook([k.visits for k in known], self.seed)
        self._pair_model, chances = candidate_pairs.fit_pair_model([k.pairs for k in known], cohorts, self.seed)
        rows = []
        for world, labels, cohort, chance in zip(known, training, cohorts, chances, strict=True):
            visits = prompt_visits.with_topics(world.visits, self._topics)
            label = leiden(
                candidate_pairs.pair_graph(world.pairs, chance, len(world.ids)), self.resolution, self.seed
            )
            rows += [_examples(g, labels) for g in relational_view.groupings(world, visits, (label, cohort))]
        x, share, weight = (np.concatenate(part) for part in zip(*rows, strict=True))
        positive = share > 0.5
        self._model = supervision.boost(x, positive, self.seed, weight) if 0 < positive.sum() < len(x) else None
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds that the account's group is a campaign; accounts alone share the lowest."""
        world = relational_view.relational_view(split)
        _, label, log_odds = self._judged(world)
        return pl.DataFrame({"account_id": world.ids, "score": log_odds[label]})

    def group(self, split: Split) -> pl.DataFrame:
        """Suspected groups, joined where they hang together."""
        world = relational_view.relational_view(split)
        graph, label, log_odds = self._judged(world)
        suspected = (log_odds > np.log(self.suspect / (1 - self.suspect))) & (np.bincount(label) > 1)
        campaign = loose_groups(graph, label, suspected & (self._model is not None), self.loose, self.seed)
        campaigns = pl.DataFrame({"account_id": world.ids, "campaign": campaign})
        return campaigns.select(
            "account_id", pl.when(pl.col("campaign") >= 0).then(pl.col("campaign").cast(pl.String))
        )

    def _judged(self, world: relational_view.RelationalView) -> tuple[sparse.csr_array, I64, F64]:
        """The network, the group of each account, and the log-odds of each group."""
        visits = prompt_visits.with_topics(world.visits, self._topics)
        graph = candidate_pairs.likely_graph(self._pair_model, world.incidences)
        label = leiden(graph, self.resolution, self.seed)
        (groups,) = relational_view.groupings(world, visits, [label])
        size = np.bincount(label)
        log_odds = supervision.predict(self._model, groups.x) if self._model else np.zeros(len(size))
        return graph, label, np.where(size > 1, log_odds, min(0.0, float(log_odds.min(initial=0.0))) - 1)


def loose_groups(graph: sparse.csr_array, label: I64, suspected: Mask, loose: float, seed: int) -> I64:
    """Look for looser groups among the members of the suspected groups alone.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights from 0 to 1.
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    suspected : ndarray of bool, shape (groups,)
        Which groups are looked at.
    loose : float
        Resolution, as in `leiden`.
    seed : int
        Seed of Leiden's algorithm.

    Returns
    -------
    ndarray of int64, shape (accounts,)
        New group of each account; -1 outside the suspected groups.
    """
    rows = np.flatnonzero(suspected[label])
    groups = np.full(len(label), -1)
    if len(rows):
        groups[rows] = leiden(sparse.csr_array(graph[rows][:, rows]), loose, seed)
    return groups


def leiden(graph: sparse.csr_array, resolution: float, seed: int) -> I64:
    """Find groups by Leiden's algorithm with the constant Potts model.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (nodes, nodes)
        Symmetric weights from 0 to 1.
    resolution : float
        Mean weight of pairs above which two groups become one.
    seed : int
        Seed of igraph's draws.

    Returns
    -------
    ndarray of int64, shape (nodes,)
        Group of each node, numbered from 0.

    References
    ----------
    Traag, Waltman and van Eck, "From Louvain to Leiden", Scientific Reports 9, 2019.

    Examples
    --------
    >>> edges = sparse.coo_array(([1.0, 1.0], ([0, 2], [1, 3])), shape=(4, 4))
    >>> leiden(sparse.csr_array(edges + edges.T), resolution=0.3, seed=0)
    array([0, 0, 1, 1])
    """
    return communities.by_igraph(
        graph, seed, "community_leiden", objective_function="CPM", resolution=resolution, n_iterations=-1
    )


def _examples(g: relational_view.CandidateGroups, known: supervision.TrainingLabels) -> tuple[F64, F64, F64]:
    """Groups of two or more labelled accounts: features, share of extraction accounts, weight."""
    size = np.bincount(g.label)
    labelled = np.bincount(g.label[known.rows], minlength=len(size))
    bad = np.bincount(g.label[known.rows[known.positive]], minlength=len(size))
    use = (size > 1) & (labelled > 0)
    return g.x[use], bad[use] / labelled[use], np.sqrt(labelled[use])
