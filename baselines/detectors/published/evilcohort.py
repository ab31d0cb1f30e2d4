"""EvilCohort: communities of accounts that are used from many of the same addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.detectors.published import resource_uses
from baselines.graph import communities, shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_BELOW = 1e-3  # what addresses count that are too few for an edge: they only rank the accounts outside
_DECIMALS = 9


@dataclass
class EvilCohort(detector.Detector):
    """How many addresses an account shares with the other members of its community.

    As in the paper, two accounts are tied by the number of addresses that both were used from; ties of fewer than
    a threshold are pruned, and Louvain's method finds communities in what is left. What this setting changes:
    addresses are prefixes, for a provider's log as published holds no more; all of the window is one graph in
    place of one a day; members are ranked by the addresses they share inside, where the paper lists communities;
    its last filters (mail clients, rhythm of posts) need what an API log has not.

    Near chance on nano, as members seldom share many addresses, and many customers do: 2 of 354 pairs inside overt
    campaigns have ten in common, and 537 benign pairs (seeds 7 and 11, train and validation).

    Parameters
    ----------
    shared : int
        Fewest addresses in common of two accounts that are tied; ten (a).
    most : int
        Accounts above which an address ties nobody: bounds time and memory.
    """

    name: ClassVar[str] = "evilcohort"
    description: ClassVar[str] = "Louvain communities of accounts that share many addresses"
    source: ClassVar[str] = "Stringhini et al., EvilCohort, USENIX Security 2015; Blondel et al., 2008"
    fields: ClassVar[tuple[str, ...]] = shared_keys.fields_of(("prefix",))
    ranges: ClassVar[search_space.Ranges] = {
        "shared": search_space.SearchRange(1, 30, log=True),
        "most": search_space.SearchRange(20, 1000, log=True),
    }

    shared: int = 10
    most: int = 300

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the addresses shared in the community, over its members; outside, a trace of what is shared."""
        world = shared_keys.read_keys(split, ("prefix",))
        incidence = world.incidences["prefix"]
        few = sparse.csr_array(incidence[:, incidence.sum(axis=0) <= self.most])
        graph, closest = address_ties(few, self.shared)
        inside = shared_keys.weight_inside(graph, louvain(graph, self.seed))
        return shared_keys.score_frame(
            world.ids, np.round(np.log1p(inside) + _BELOW * np.log1p(closest), _DECIMALS)
        )


def address_ties(a: sparse.csr_array, least: int) -> tuple[sparse.csr_array, F64]:
    """Tie accounts by the number of addresses they share.

    Parameters
    ----------
    a : scipy.sparse.csr_array, shape (accounts, addresses)
        1 where an account was used from an address.
    least : int
        Addresses below which there is no tie.

    Returns
    -------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric: addresses in common.
    closest : ndarray of float64, shape (accounts,)
        Most addresses in common with any other account, tied or not.
    """
    n, closest, parts = a.shape[0], np.zeros(a.shape[0]), []
    for first, second, common in resource_uses.shared_counts(a):
        np.maximum.at(closest, np.r_[first, second], np.r_[common, common])
        tied = common >= least
        parts.append((first[tied], second[tied], common[tied]))
    row, column, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    half = sparse.csr_array((weight, (row, column)), shape=(n, n))
    graph = sparse.csr_array(half + half.T)
    graph.sort_indices()
    return graph, closest


def louvain(graph: sparse.csr_array, seed: int) -> I64:
    """Find communities by Louvain's method, which raises modularity.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (nodes, nodes)
        Symmetric weights.
    seed : int
        Seed of the order in which nodes are visited.

    Returns
    -------
    ndarray of int64, shape (nodes,)
        Community of each node, numbered from 0.

    References
    ----------
    Blondel et al., "Fast unfolding of communities in large networks", 2008.

    Examples
    --------
    >>> edges = sparse.coo_array(([1.0, 1.0], ([0, 2], [1, 3])), shape=(4, 4))
    >>> louvain(sparse.csr_array(edges + edges.T), seed=0)
    array([0, 0, 1, 1])
    """
    return communities.by_igraph(graph, seed, "community_multilevel")
