"""Communities of a weighted graph: groups whose pairs are likelier to belong together than a threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from generator.arrays import F64, I64

_SWEEPS = 6  # most passes over the nodes per level (a)
_LEAST_GAIN = 1e-9  # so that ties do not hang on the order of summation


def communities(graph: sparse.csr_array, resolution: float) -> I64:
    """Number of each node's community.

    Greedy, by levels (as in Louvain) on the constant Potts model: a group gains the weight of its edges and pays
    `resolution` for each of its pairs. Unlike modularity it has no scale below which groups are merged.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (nodes, nodes)
        Symmetric weights from 0 to 1, with sorted indices; nodes are visited in their order.
    resolution : float
        Mean weight of pairs above which two groups become one.

    Returns
    -------
    ndarray of int64, shape (nodes,)
        From 0; a node without an edge is alone.

    References
    ----------
    Traag, Van Dooren and Nesterov, "Narrow scope for resolution-limit-free community detection", Physical
    Review E 84, 2011; Blondel et al., "Fast unfolding of communities in large networks", 2008.

    Examples
    --------
    >>> edges = sparse.coo_array(([1.0, 1.0, 1.0], ([0, 1, 3], [1, 2, 4])), shape=(6, 6))
    >>> communities(sparse.csr_array(edges + edges.T), resolution=0.3)
    array([0, 0, 0, 1, 1, 2])
    """
    label: I64 = np.arange(graph.shape[0])
    size: F64 = np.ones(graph.shape[0])
    while True:
        moved = _sweeps(graph, size, resolution)
        kinds, merged = np.unique(moved, return_inverse=True)
        label = merged[label]
        if len(kinds) == graph.shape[0]:
            return label.astype(np.int64)
        ones = np.ones(len(merged))
        member = sparse.csr_array((ones, (np.arange(len(merged)), merged)), shape=(len(merged), len(kinds)))
        graph = _without_loops(sparse.csr_array(member.T @ graph @ member))
        size = np.asarray(np.bincount(merged, size, len(kinds)), np.float64)


def by_igraph(graph: sparse.csr_array, seed: int, method: str, **settings: Any) -> I64:
    """Number of each node's group, by a method of igraph's.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (nodes, nodes)
        Symmetric weights.
    seed : int
        Seed of the order in which nodes are visited.
    method : str
        Name of the method of `igraph.Graph`.
    **settings : Any
        Its arguments beside the weights.

    Returns
    -------
    ndarray of int64, shape (nodes,)
        From 0; a node without an edge is alone.
    """
    import random

    import igraph

    upper = sparse.triu(graph, 1).tocoo()
    if not upper.nnz:  # igraph before 1.0 looked for better groups of such a graph for ever
        return np.arange(graph.shape[0], dtype=np.int64)
    network = igraph.Graph(graph.shape[0], np.column_stack([upper.row, upper.col]).tolist())
    # igraph draws from whatever generator it is handed: ours, keyed by the seed, and its own again afterwards.
    igraph.set_random_number_generator(random.Random(seed))  # noqa: S311
    try:
        parts = getattr(network, method)(weights=upper.data.tolist(), **settings)
    finally:
        igraph.set_random_number_generator(random)
    return np.unique(np.array(parts.membership, np.int64), return_inverse=True)[1].astype(np.int64)


def _sweeps(graph: sparse.csr_array, size: F64, resolution: float) -> I64:
    """Move each node to the neighbouring community that gains most, until none moves."""
    # Plain lists: item access is several times faster than on arrays.
    edges, other, weight = graph.indptr.tolist(), graph.indices.tolist(), graph.data.tolist()
    mass = size.tolist()
    home = list(range(len(mass)))
    total = size.tolist()
    nodes = np.flatnonzero(np.diff(graph.indptr)).tolist()
    for _ in range(_SWEEPS):
        moves = 0
        for v in nodes:
            near: dict[int, float] = {}
            for e in range(edges[v], edges[v + 1]):
                where = home[other[e]]
                near[where] = near.get(where, 0.0) + weight[e]
            left, m = home[v], mass[v]
            total[left] -= m
            best, gain = left, near.get(left, 0.0) - resolution * m * total[left]
            for where, w in near.items():
                if (g := w - resolution * m * total[where]) > gain + _LEAST_GAIN:
                    best, gain = where, g
            total[best] += m
            home[v] = best
            moves += best != left
        if not moves:
            break
    return np.array(home, np.int64)


def _without_loops(graph: sparse.csr_array) -> sparse.csr_array:
    entries = graph.tocoo()
    kept = entries.row != entries.col
    simple = sparse.csr_array((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=graph.shape)
    simple.sort_indices()
    return simple
