"""Networks: what each promises on a hand-made example, where torch is installed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import sparse

from baselines.detectors.graphs import bwgnn, graphsage
from baselines.detectors.graphs.graph_network import NodeNetwork
from baselines.detectors.networks import deep_cluster
from baselines.features import training_ranks
from baselines.graph import neighbours
from baselines.networks.sampled_neighbours import NeighbourSampler
from baselines.registry import DETECTORS, SKIPPED
from generator.arrays import F64, I64, Mask
from generator.errors import UserError

ACCOUNTS = 300
BY_TORCH = ("graphsage", "bwgnn", "deep-cluster", "day-sequences")
NETWORKS = {
    **dict.fromkeys(BY_TORCH, "torch: pip install siphonbench[gnn]"),
    "tabm-aggregates": "tabm: pip install siphonbench[tabular]",
}


def _ring(seed: int) -> tuple[F64, list[sparse.csr_array], Mask]:
    """Each account shares a value with the one before and the one after; bad are those whose columns are high."""
    x = np.random.default_rng(seed).normal(size=(ACCOUNTS, 2))
    own = np.eye(ACCOUNTS)
    around = (np.roll(x, 1, axis=0) + np.roll(x, -1, axis=0))[:, 0]
    return x, [sparse.csr_array(own + np.roll(own, 1, axis=1)), sparse.csr_array((ACCOUNTS, 0))], around > 0


def _auc(score: F64, positive: Mask) -> float:
    """Chance that a bad account scores above a good one."""
    return float((score[positive][:, None] > score[~positive]).mean())


def test_each_is_a_detector_or_skipped_by_name() -> None:
    for name, why in NETWORKS.items():
        assert (name in DETECTORS) is not (name in SKIPPED)
        assert SKIPPED.get(name, f"needs {why}") == f"needs {why}"


def test_drawn_neighbours_have_the_shares_that_means_give_them() -> None:
    """The first and the third account share two values, so that each is drawn twice as often for the other."""
    held = sparse.csr_array(np.array([[1.0, 1], [1, 0], [1, 1], [0, 0]]))
    drawn = NeighbourSampler.of(held).draw(np.arange(4), 6000, np.random.default_rng(0))
    assert (drawn[3] == -1).all()
    shares = np.array([np.bincount(row, minlength=4) / 6000 for row in drawn[:3]])
    assert np.allclose(shares, neighbours.neighbour_mean(held, np.eye(4))[:3], atol=0.03)
    alone = NeighbourSampler.of(sparse.csr_array((2, 0)))
    assert alone.draw(np.array([[0, -1]]), 2, np.random.default_rng(0)).tolist() == [[[-1, -1], [-1, -1]]]


@pytest.mark.parametrize("detector", [graphsage.GraphSAGE(drop=0.0), bwgnn.BWGNN(drop=0.0)], ids=lambda d: d.name)
def test_neighbours_tell_what_an_account_does_not(detector: NodeNetwork) -> None:
    pytest.importorskip("torch")
    x, held, positive = _ring(0)
    detector._learn(x, held, np.arange(ACCOUNTS), positive)
    fresh, links, truth = _ring(1)
    said = detector._log_odds(fresh, links)
    assert _auc(said, truth) > 0.9
    order = np.random.default_rng(2).permutation(ACCOUNTS)
    strangers = [sparse.csr_array(h[order]) for h in links]
    assert 0.35 < _auc(detector._log_odds(fresh, strangers), truth) < 0.65
    moved = detector._log_odds(fresh[order], strangers)
    assert np.allclose(moved, said[order], rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", [graphsage.GraphSAGE, bwgnn.BWGNN])
def test_a_batch_with_many_drawn_neighbours_says_what_the_whole_graph_says(kind: type[NodeNetwork]) -> None:
    pytest.importorskip("torch")
    from baselines.networks import graph_networks, learning

    x, held, _ = _ring(3)
    nodes, rows = graph_networks.LinkedNodes(x, held), np.arange(0, ACCOUNTS, 30)
    with learning.seeded(0):
        network = kind()._network(2, 2).double().eval()
        batch = network(nodes, rows, 100, np.random.default_rng(0))
        assert np.allclose(learning.values(batch), learning.values(network.whole(nodes))[rows], atol=0.02)
        assert np.ptp(learning.values(batch)) > 0.05


def test_weights_of_another_size_are_refused() -> None:
    pytest.importorskip("torch")
    from baselines.networks import graph_networks, learning

    known = learning.weights(graph_networks.BetaWavelets(3, 8, 0.0))
    with pytest.raises(UserError, match=r"2 weights .* inner\.1\.weight: \(8, 3\) instead of \(8, 4\)|1 weights"):
        learning.with_weights(graph_networks.BetaWavelets(4, 8, 0.0), known)


def _kinds(seed: int) -> tuple[F64, I64]:
    """Four kinds of accounts in six columns, and six columns of noise."""
    rng = np.random.default_rng(seed)
    centre = np.array([[1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]])
    kind = np.repeat(np.arange(4), 60)
    return np.hstack([4 * centre[kind], np.zeros((240, 6))]) + rng.normal(size=(240, 12)), kind


def test_clusters_are_the_kinds_of_accounts_in_worlds_never_seen() -> None:
    """The paper's promise: clusters of what the network makes agree with classes that it was never told."""
    pytest.importorskip("torch")
    from sklearn.metrics import normalized_mutual_info_score

    x, _ = _kinds(0)
    detector = deep_cluster.DeepCluster(clusters=4)
    ranks = training_ranks.references(x)
    detector._learnt = {"ranks": ranks} | detector.learn(training_ranks.ranks(ranks, x))
    fresh, kind = _kinds(1)
    assert normalized_mutual_info_score(kind, detector._clusters(fresh)) > 0.9


def _weeks(seed: int) -> tuple[F64, Mask]:
    """Accounts that work every other day, and others on as many days in no order: all have the same mean."""
    rng = np.random.default_rng(seed)
    regular = np.arange(200) < 100
    days = np.where(np.arange(14) % 2 == 0, 1.0, -1.0) * rng.choice([-1, 1], (200, 1))
    days[~regular] = rng.permuted(days[~regular], axis=1)
    return days[..., None], regular


def test_an_encoder_that_fills_in_days_tells_orders_apart_that_have_one_mean() -> None:
    pytest.importorskip("torch")
    from sklearn.linear_model import LogisticRegression

    from baselines.networks import day_encoder, learning

    days, regular = _weeks(0)
    with learning.seeded(0):
        encoder = day_encoder.pretrain(days, 16, 2, 0.15, 150, 64, 3e-3, np.random.default_rng(0))
        fresh, truth = _weeks(1)
        known, asked = (day_encoder.described(encoder, d) for d in (days, fresh))
    said = LogisticRegression(max_iter=2000).fit(known, regular).decision_function(asked)
    assert _auc(said, truth) > 0.8  # 0.5 by all that does not see their order


def test_hidden_stretches_have_their_share_and_length() -> None:
    pytest.importorskip("torch")
    from baselines.networks import day_encoder

    gone = day_encoder.hidden_stretches((2000, 60, 1), 0.2, np.random.default_rng(0))[..., 0]
    assert abs(gone.mean() - 0.2) < 0.01
    begun = (gone[:, 1:] & ~gone[:, :-1]).sum() + gone[:, 0].sum()
    assert abs(gone.sum() / begun - 3) < 0.2


def test_members_of_tabm_learn_what_no_single_column_says() -> None:
    """Bad are accounts of which exactly one of two columns is high."""
    pytest.importorskip("tabm")
    import tabm

    from baselines.networks import learning

    def world(seed: int) -> tuple[F64, Mask]:
        x = np.random.default_rng(seed).uniform(-1.7, 1.7, (400, 2))
        return x, (x[:, 0] > 0) != (x[:, 1] > 0)

    x, positive = world(0)
    rng = np.random.default_rng(0)

    def loss() -> object:
        rows = learning.balanced_rows(positive, 64, rng)
        return learning.tell_apart(network(learning.tensor(x[rows]))[..., 0], positive[rows])

    with learning.seeded(0):
        network = tabm.TabM.make(n_num_features=2, d_out=1, k=4, n_blocks=2, d_block=32).double()
        learning.descend(network, loss, 150, 5e-3, 0.0)
        fresh, truth = world(1)
        said = learning.values(network(learning.tensor(fresh)))[..., 0]
    assert said.shape == (400, 4)
    assert _auc(said.mean(axis=1), truth) > 0.95


def test_balanced_rows_draw_every_group_as_often() -> None:
    pytest.importorskip("torch")
    from baselines.networks import learning

    group: Sequence[int] = [7] * 90 + [3] * 9 + [5]
    drawn = np.array(group)[learning.balanced_rows(np.array(group), 6000, np.random.default_rng(0))]
    assert np.allclose(np.bincount(drawn, minlength=8)[[3, 5, 7]] / 6000, 1 / 3, atol=0.03)
