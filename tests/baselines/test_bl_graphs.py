"""The graph baselines: accounts alone say nothing, those that share values with them do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from baselines.contract import toy_dataset
from baselines.detectors.graphs import flattened_graph, label_propagation, rf_graph, xgb_graph
from baselines.detectors.graphs.node_classifier import NodeClassifier
from baselines.graph import neighbours
from generator.arrays import F64, Mask

ACCOUNTS = 400


def _ring(seed: int) -> tuple[neighbours.NodeTable, Mask]:
    """Each account shares a value with the one before and the one after; bad are those whose columns are high."""
    x = np.random.default_rng(seed).normal(size=(ACCOUNTS, 2))
    own = np.eye(ACCOUNTS)
    held = sparse.csr_array(own + np.roll(own, 1, axis=1))
    around = (np.roll(x, 1, axis=0) + np.roll(x, -1, axis=0))[:, 0]
    return neighbours.NodeTable(pl.Series([], dtype=pl.String), x, {"device": held}), around > 0


def _auc(score: F64, positive: Mask) -> float:
    """Chance that a bad account scores above a good one."""
    return float((score[positive][:, None] > score[~positive]).mean())


@pytest.mark.parametrize(
    "detector",
    [xgb_graph.XGBGraph(), rf_graph.RFGraph(trees=60), flattened_graph.FlattenedGraph()],
    ids=lambda detector: detector.name,
)
def test_neighbours_tell_what_an_account_does_not(detector: NodeClassifier) -> None:
    nodes, positive = _ring(0)
    detector._model = detector._learn(detector._describe(nodes), positive)
    fresh, truth = _ring(1)
    assert _auc(detector._scores(detector._describe(fresh)), truth) > 0.95
    moved = fresh.held["device"][np.random.default_rng(2).permutation(ACCOUNTS)]
    strangers = neighbours.NodeTable(fresh.ids, fresh.x, {"device": moved})
    assert 0.4 < _auc(detector._scores(detector._describe(strangers)), truth) < 0.6


def test_a_mean_leaves_out_the_account_itself_what_is_unknown_and_who_is_alone() -> None:
    held = sparse.csr_array(np.array([[1.0, 1], [1, 0], [1, 1], [0, 0]]))
    x = np.array([[1.0, 5], [2, np.nan], [8, 7], [3, 3]])
    mean = neighbours.neighbour_mean(held, x)
    # The first and the third share both values, so that each counts twice for the other.
    assert np.allclose(mean[:, 0], [(2 + 2 * 8) / 3, (1 + 8) / 2, (2 + 2 * 1) / 3, np.nan], equal_nan=True)
    assert np.allclose(mean[:, 1], [7, 6, 5, np.nan], equal_nan=True)
    assert np.allclose(np.expm1(neighbours.degrees(held)), [3, 2, 3, 0])


def test_a_value_that_too_many_have_makes_no_neighbours() -> None:
    """Six accounts of a campaign pay with one instrument."""
    toy = toy_dataset.split("train", toy_dataset.world(1, accounts=30, campaign=6))
    assert neighbours.node_table(toy, 6).held["payment"].shape[1] == 1
    assert neighbours.node_table(toy, 5).held["payment"].shape[1] == 0


def test_wavelets_tell_who_stands_out_from_who_is_like_all_around() -> None:
    held = sparse.csr_array(np.kron(np.eye(2), np.ones((4, 1))))
    smooth, _, odd = flattened_graph.wavelets(held, np.array([[1.0, 1, 1, 1, 4, 0, 0, 0]]).T)
    assert smooth[:4].ravel().tolist() == [1, 1, 1, 1]
    assert odd[:4].ravel().tolist() == [0, 0, 0, 0]
    assert odd[4, 0] > 1 > np.abs(odd[5:]).max() > 0


def test_a_look_alike_lifts_those_that_share_its_values_and_nobody_else() -> None:
    """Groups of four; in every other one a member looks bad, and the other three look as everybody does."""
    graph = sparse.csr_array(np.kron(np.eye(20), np.ones((4, 4)) - np.eye(4)))
    group = np.repeat(np.arange(20), 4)
    chance = np.where((group % 2 == 0) & (np.arange(80) % 4 == 0), 0.9, 0.2)
    hidden = np.arange(80) % 4 > 0
    said = label_propagation.propagated(graph, chance, own=0.3)
    assert np.ptp(chance[hidden]) == 0
    assert _auc(said[hidden], (group % 2 == 0)[hidden]) == 1.0
    assert np.allclose(said[group % 2 == 1], 0.2)
    # By hand: a = 0.3 * 0.9 + 0.7 b and b = 0.3 * 0.2 + 0.7 (a + 2 b) / 3.
    b = (0.06 + 0.7 * 0.27 / 3) / (1 - 1.4 / 3 - 0.49 / 3)
    assert np.allclose(said[:4], [0.27 + 0.7 * b, b, b, b], atol=1e-8)
