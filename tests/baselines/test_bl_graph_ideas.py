"""What the graph and aggregate detectors promise, on examples that can be worked out by hand."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from baselines.contract import toy_dataset
from baselines.detectors.accounts import change_detection
from baselines.detectors.coordination import prompt_clusters, synchrony
from baselines.detectors.coordination import work_coverage as coverage
from baselines.detectors.published import fraudar
from baselines.detectors.relational import leiden_fusion
from baselines.detectors.rules import honeypot_propagation
from baselines.graph import shared_keys
from generator import schema


def _matrix(rows: list[list[int]], columns: int) -> sparse.csr_array:
    dense = np.zeros((len(rows), columns))
    for row, keys in enumerate(rows):
        dense[row, keys] = 1
    return sparse.csr_array(dense)


def test_a_key_says_more_the_fewer_hold_it_and_a_hub_joins_nobody() -> None:
    held = _matrix([[0, 1], [0, 1], [1], [1, 2], [2]], 3)
    graph = shared_keys.weighted([held], most=3).toarray()
    assert graph[0, 1] == pytest.approx(np.log(5 / 2) / np.log(5))
    assert graph[0, 2] == 0  # key 1 is a hub: four of five hold it
    assert np.allclose(graph, graph.T)
    assert np.diag(graph).sum() == 0


def test_weight_inside_counts_edges_to_the_own_group_only() -> None:
    graph = sparse.csr_array(np.array([[0, 0.5, 0.2], [0.5, 0, 0], [0.2, 0, 0]]))
    assert shared_keys.weight_inside(graph, np.array([0, 0, 1])).tolist() == [0.5, 0.5, 0.0]


def test_all_prompts_within_three_bits_meet_and_those_far_away_do_not() -> None:
    rng = np.random.default_rng(5)
    base = rng.integers(0, 2**63, 60, dtype=np.uint64)
    near = base.copy()
    for i in range(60):
        for bit in rng.choice(64, 3, replace=False):
            near[i] ^= np.uint64(1) << np.uint64(bit)
    prompts = pl.DataFrame({"row": np.arange(120), "prompt_simhash": np.r_[base, near]})
    pairs = prompt_clusters.near_duplicates(prompts, distance=3, most=40)
    assert pairs.rows() == [(i, i + 60, 1) for i in range(60)]


def test_synchronous_accounts_are_candidates_and_strangers_are_not_beyond_chance() -> None:
    rng = np.random.default_rng(3)
    slots = 2000
    common = rng.choice(slots, 60, replace=False)
    rows = [sorted({*common.tolist(), *rng.choice(slots, 6).tolist()}) for _ in range(6)]
    rows += [sorted(set(rng.choice(slots, 60, replace=False).tolist())) for _ in range(200)]
    held = _matrix(rows, slots)
    first, second = synchrony.candidates(held, bands=24, rows=2, most=60, seed=0)
    swarm = {(a, b) for a in range(6) for b in range(a + 1, 6)}
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    assert swarm <= found
    assert len(found) < 0.1 * len(rows) ** 2 / 2  # candidates, not all pairs
    z = synchrony.excess(held, first, second, slots)
    inside = np.array([pair in swarm for pair in zip(first.tolist(), second.tolist(), strict=True)])
    assert z[inside].min() > 10 > z[~inside].max()


def test_a_planted_dense_block_is_peeled_out() -> None:
    rng = np.random.default_rng(1)
    dense = (rng.random((80, 120)) < 0.03).astype(float)
    dense[10:20, 30:45] = 1
    members, keys, density = fraudar.densest_block(sparse.csr_array(dense))
    assert set(members) >= set(range(10, 20))
    assert set(keys) >= set(range(30, 45))
    assert density >= 150 / 25 / 2  # greedy peeling is never worse than half of the best
    assert density >= dense[10:20, 30:45].sum() / 25


def test_density_of_a_block_is_what_it_says() -> None:
    members, keys, density = fraudar.densest_block(sparse.csr_array(np.ones((3, 2))))
    assert (members.tolist(), keys.tolist(), density) == ([0, 1, 2], [0, 1], 6 / 5)


def test_cusum_alarms_on_a_step_and_not_before() -> None:
    steady, step = np.full(10, 9.0), np.r_[np.full(5, 9.0), np.full(5, 30.0)]
    alarm = change_detection.cusum(np.vstack([steady, step]), slack=1.0)
    assert alarm[0].max() == 0
    assert alarm[1, :5].max() == 0
    # (30 - 9) / sqrt(9 + 1) - 1 on the day of the step, and it grows from there.
    assert alarm[1, 5] == pytest.approx(21 / np.sqrt(10) - 1)
    assert (np.diff(alarm[1, 4:8]) > 0).all()


def test_an_alarm_does_not_change_when_later_days_are_known() -> None:
    counts = np.random.default_rng(2).poisson(4, (20, 9)).astype(float)
    assert np.array_equal(change_detection.cusum(counts, 1.0)[:, :6], change_detection.cusum(counts[:, :6], 1.0))


def test_walks_stay_near_their_contact() -> None:
    path = np.zeros((5, 5))
    for a, b in ((0, 1), (1, 2), (2, 3)):
        path[a, b] = path[b, a] = 1
    at = honeypot_propagation.walk_shares(sparse.csr_array(path), np.array([1.0, 0, 0, 0, 0]), restart=0.3)
    assert at.sum() == pytest.approx(1)
    assert at[0] > at[2] > at[3] > at[4] == 0


def test_leiden_finds_two_cliques_and_leaves_the_global_generator_alone() -> None:
    block = np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8)
    block[3, 4] = block[4, 3] = 0.1
    random.seed(4)
    wanted = random.random()
    random.seed(4)
    label = leiden_fusion.leiden(sparse.csr_array(block), 0.3, seed=0)
    assert random.random() == wanted
    assert label.tolist() in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)


def _asked(template: int, account: str, prompts: list[int], direction: int) -> dict[str, object]:
    embedding = {c: float(i == direction) for i, c in enumerate(schema.EMBEDDING_COLUMNS)}
    return {"account_id": account, "template": template, "prompts": prompts, **embedding}


def test_a_list_shared_out_scores_above_repetition_and_above_scattered_work() -> None:
    shared_out = [_asked(1, f"a{i}", list(range(10 * i, 10 * i + 10)), 0) for i in range(4)]
    repeated = [_asked(2, f"b{i}", list(range(10)), 0) for i in range(4)]
    scattered = [_asked(3, f"c{i}", list(range(10 * i, 10 * i + 10)), i) for i in range(4)]
    found = coverage.coverage(pl.DataFrame([*shared_out, *repeated, *scattered]))
    score = dict(found.select("template", "coverage").iter_rows())
    assert score[1] > 3 * score[2]
    assert score[1] > 3 * score[3]


def test_suspected_pieces_of_one_campaign_are_joined_and_strangers_stay_out() -> None:
    """Two cliques with a weak bridge and a third one, that is not suspected, tied to them as firmly."""
    block = np.kron(np.eye(3), np.ones((4, 4))) - np.eye(12)
    for a, b in ((3, 4), (7, 8)):
        block[a, b] = block[b, a] = 0.6
    graph, label = sparse.csr_array(block), np.repeat([0, 1, 2], 4)
    fused = leiden_fusion.loose_groups(graph, label, np.array([True, True, False]), loose=0.01, seed=0)
    assert (fused[:8] == fused[0]).all()
    assert fused.tolist()[8:] == [-1] * 4
    apart = leiden_fusion.loose_groups(graph, label, np.array([True, True, False]), loose=0.3, seed=0)
    assert apart[0] == apart[3] != apart[4] == apart[7]
    assert (
        leiden_fusion.loose_groups(graph, label, np.zeros(3, np.bool_), loose=0.01, seed=0).tolist() == [-1] * 12
    )


def test_colleagues_are_no_strangers_and_a_pair_met_by_chance_is_no_swarm() -> None:
    """Four strangers tied firmly, four colleagues tied as firmly, two strangers tied as firmly."""
    block = np.zeros((10, 10))
    for members in ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9)):
        block[np.ix_(members, members)] = 0.8
    graph, openly = sparse.csr_array(block - np.diag(np.diag(block))), np.eye(10)
    openly[4:8, 4:8] = 1
    kept = shared_keys.without_declared(graph, sparse.csr_array(openly))
    score = shared_keys.cohesion(kept, 0.2)
    assert score[:4].min() > score[8:].max() > 0
    assert score[4:8].max() == 0
    assert score[0] == pytest.approx(0.8 * np.log(5) + 1e-3 * 3 * 0.8)


def test_an_organisation_or_its_domain_makes_colleagues_and_a_free_address_does_not() -> None:
    tables = toy_dataset.world(1)
    ids, known = tables["accounts"]["account_id"].cast(pl.String), tables["accounts"].schema
    rest = [None] * (len(ids) - 6)
    kinds = ["free", "free", "corporate", "corporate", "free", "free", *["free"] * len(rest)]
    said = tables["accounts"].with_columns(
        pl.Series("organization", ["Acme", "Acme", None, None, None, None, *rest]),
        pl.Series("email_type", kinds).cast(known["email_type"]),
        pl.Series("email_domain", [*"abccdd", *rest]).fill_null("mail.example").cast(known["email_domain"]),
    )
    openly = shared_keys.declared_ties(toy_dataset.split("train", {**tables, "accounts": said}), ids)
    found = {tuple(sorted(pair)) for pair in np.argwhere(openly.toarray()).tolist() if pair[0] != pair[1]}
    assert found == {(0, 1), (2, 3)}
    assert openly.diagonal().tolist() == [1] * len(ids)
