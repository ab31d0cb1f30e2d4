"""A graph without an edge has an answer at once: every account stands alone."""

from __future__ import annotations

from collections.abc import Callable

import igraph
import numpy as np
import pytest
from scipy import sparse

from baselines.detectors.coordination import synchrony
from baselines.detectors.published import catchsync, copycatch, evilcohort, fraudar, synchrotrap
from baselines.detectors.relational import leiden_fusion
from baselines.graph import communities, shared_keys
from generator.arrays import I64

SIZES = (0, 1, 5)
GROUPINGS: dict[str, Callable[[sparse.csr_array], I64]] = {
    "communities": lambda graph: communities.communities(graph, 0.1),
    "louvain": lambda graph: evilcohort.louvain(graph, seed=0),
    "leiden": lambda graph: leiden_fusion.leiden(graph, 0.1, seed=0),
    "loose groups": lambda graph: leiden_fusion.loose_groups(
        graph, np.arange(graph.shape[0]), np.ones(graph.shape[0], np.bool_), 0.01, seed=0
    ),
}


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", GROUPINGS)
def test_every_account_stands_alone(name: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> None:
        raise AssertionError("igraph before 1.0 never comes back from this call")

    monkeypatch.setattr(igraph.Graph, "community_leiden", endless)
    assert GROUPINGS[name](sparse.csr_array((n, n))).tolist() == list(range(n))


@pytest.mark.parametrize("n", SIZES)
def test_scores_of_no_edges_are_zero(n: int) -> None:
    graph = sparse.csr_array((n, n))
    assert shared_keys.weighted([graph], most=5).nnz == 0
    assert shared_keys.cohesion(graph, 0.2).tolist() == [0.0] * n
    assert shared_keys.weight_inside(graph, np.arange(n)).tolist() == [0.0] * n


@pytest.mark.parametrize("n", SIZES)
def test_no_keys_are_no_block_and_no_pairs(n: int) -> None:
    keys = sparse.csr_array((n, 3))
    members, columns, density = fraudar.densest_block(keys)
    assert (len(members), len(columns), density) == (0, 0, 0.0)
    assert [len(ids) for ids in synchrony.candidates(keys, bands=4, rows=2, most=10, seed=0)] == [0, 0]


@pytest.mark.parametrize("n", SIZES)
def test_published_scores_of_no_keys_are_zero(n: int) -> None:
    keys, none = sparse.csr_array((n, 0)), np.zeros(0, np.int64)
    assert catchsync.outlyingness(keys, catchsync.target_cells(keys, cells=4), least=1).tolist() == [0] * n
    assert copycatch.FirstUses(none, none, none, n, half=3).seeds(least=1).tolist() == []
    pairs = synchrotrap.similarities(synchrotrap.meetings(none, none, none, n), least=1, most=9)
    assert synchrotrap.linkage_levels(*pairs, n, size=2).tolist() == [0] * n
    graph, closest = evilcohort.address_ties(keys, least=1)
    assert (graph.nnz, closest.tolist()) == (0, [0] * n)
