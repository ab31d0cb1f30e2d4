"""Each published detector keeps its paper's own promise, on a small example made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from baselines.contract import toy_dataset
from baselines.detectors.published import catchsync, copycatch, evilcohort, fraudar, resource_uses, synchrotrap
from generator.arrays import F64

_HALF = 30  # units of time, of 10,000


def test_copycatch_finds_the_block_in_lockstep_and_not_the_one_whose_times_differ() -> None:
    """Accounts 0 to 7 and 8 to 15 both have five resources in common; only the first came to them together."""
    rng = np.random.default_rng(0)
    edges = [(i, j, 2000 * j + rng.integers(0, 20)) for i in range(8) for j in range(5) if j != i]  # some miss one
    edges += [(i, j, rng.integers(0, 10_000)) for i in range(8, 16) for j in range(5, 10)]
    edges += [(i, j, rng.integers(0, 10_000)) for i in range(40) for j in rng.choice(np.arange(10, 30), 4, False)]
    row, resource, at = np.array(edges).T
    uses = copycatch.FirstUses(row, resource, at, accounts=40, half=_HALF)
    blocks = [uses.lockstep(seed, resources=5, share=0.8) for seed in uses.seeds(least=2)]
    assert {len(block) for block in blocks} == {0, 35}
    members, held = np.unique(uses.row[max(blocks, key=len)], return_counts=True)
    assert members.tolist() == list(range(8))
    assert held.tolist() == [4] * 5 + [5] * 3


def test_copycatch_finds_nothing_where_too_few_resources_are_shared() -> None:
    row, resource, at = np.array([(i, j, 5) for i in range(6) for j in range(3)]).T
    uses = copycatch.FirstUses(row, resource, at, accounts=6, half=_HALF)
    assert len(uses.seeds(least=2)) == 3
    assert [len(uses.lockstep(0, resources=m, share=1.0)) for m in (3, 4)] == [18, 0]


def _synchrotrap(times: list[F64], window: float, size: int) -> F64:
    """Levels of accounts that act on one object at these times."""
    row = np.repeat(np.arange(len(times)), [len(t) for t in times])
    slot = (np.concatenate(times) // window).astype(np.int64)
    a = synchrotrap.meetings(row, np.zeros(len(row), np.int64), slot, len(times))
    pairs = synchrotrap.similarities(a, least=5, most=100)
    return synchrotrap.linkage_levels(*pairs, len(times), size)


def test_synchrotrap_finds_a_synchronised_group_among_poisson_users_of_the_same_resource() -> None:
    rng = np.random.default_rng(1)
    plan = np.sort(rng.uniform(0, 1000, 40))
    group = [plan[rng.random(40) < 0.8] + rng.uniform(0, 1, 1) for _ in range(6)]
    strangers = [rng.uniform(0, 1000, rng.poisson(32) + 5) for _ in range(60)]
    level = _synchrotrap([*group, *strangers], window=2.0, size=4)
    assert level[:6].min() > 0.4 > 2 * level[6:].max()


def test_synchrotrap_matches_neighbouring_slots_and_counts_large_clusters_only() -> None:
    """Three accounts act one slot after the other, two more together: a matching window wide, and too few."""
    steps = np.arange(0, 100, 10.0)
    times = [steps + 0.9, steps + 1.1, steps + 1.2, steps + 5, steps + 5]
    level = _synchrotrap(times, window=1.0, size=3)
    assert level.tolist() == pytest.approx([1 / 3] * 3 + [0, 0])


def test_catchsync_wants_targets_that_are_alike_and_rare() -> None:
    """Accounts 0 to 9 hold rare targets of one kind, 10 to 19 popular ones of one kind, the others all sorts."""
    rng = np.random.default_rng(2)
    a = np.zeros((300, 252))
    a[:10, 240:] = 1
    a[10:20, 200:240] = rng.random((10, 40)) < 0.3
    a[20:, :240] = rng.random((280, 240)) < np.geomspace(0.02, 0.3, 240)
    held = sparse.csr_array(a)
    far = catchsync.outlyingness(held, catchsync.target_cells(held, cells=20), least=3)
    assert far[:10].min() > 3 > far[10:].max()  # the paper cuts at three standard deviations


def test_no_account_is_less_synchronised_than_its_normality_allows() -> None:
    rng = np.random.default_rng(3)
    background = rng.dirichlet(np.ones(6))
    shares = rng.dirichlet(np.ones(6), 500)
    least = catchsync.least_synchronicity(shares @ background, background)
    assert ((shares**2).sum(axis=1) >= least - 1e-12).all()
    # Mixtures of everybody's and an even share lie on the parabola itself.
    mixed = np.array([0.3 * background + 0.7 / 6])
    assert catchsync.least_synchronicity(mixed @ background, background) == pytest.approx((mixed**2).sum(axis=1))


def test_fraudar_finds_a_dense_core_in_spite_of_camouflage() -> None:
    """Twenty accounts share twenty keys; each also takes up popular keys, as honest accounts do."""
    rng = np.random.default_rng(4)
    core, a = np.arange(20), (rng.random((300, 80)) < 0.01).astype(float)
    a[20:, 60:] = rng.random((280, 20)) < 0.6
    a[:20, :20] = 1
    bare = sparse.csr_array(a)
    a[:20, 60:] = rng.random((20, 20)) < 0.5
    hidden = sparse.csr_array(a)
    found = [fraudar.densest_block(fraudar.key_weights(graph)) for graph in (bare, hidden)]
    assert [members.tolist() for members, _, _ in found] == [core.tolist()] * 2
    assert found[1][2] == pytest.approx(found[0][2])  # what is added elsewhere takes nothing from the core
    plain, _, _ = fraudar.densest_block(hidden)
    assert not set(plain.tolist()) <= set(core.tolist())  # with equal weights popular keys hide it


def test_evilcohort_joins_accounts_of_many_shared_addresses_and_parts_two_botnets() -> None:
    """Two botnets of six over 30 addresses each, one account in both; a campus of 40 behind three addresses."""
    rng = np.random.default_rng(5)
    a = np.zeros((60, 70))
    a[:6, :30] = rng.random((6, 30)) < 0.8
    a[6:12, 30:60] = rng.random((6, 30)) < 0.8
    a[5, 30:42] = 1
    a[12:52, 60:63] = 1
    graph, closest = evilcohort.address_ties(sparse.csr_array(a), least=10)
    label = evilcohort.louvain(graph, seed=0)
    assert len(set(label[:6].tolist())) == len(set(label[6:12].tolist())) == 1
    assert label[0] != label[6]
    assert graph[12:].nnz == 0
    assert closest[12:52].tolist() == [3] * 40
    assert closest[:12].min() >= 10


@pytest.mark.parametrize("most", [1, 40, 10**9])
def test_keys_in_common_are_counted_whatever_fits_into_memory(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_uses, "_MOST", most)
    a = (np.random.default_rng(6).random((30, 20)) < 0.2).astype(float)
    counted = np.zeros((30, 30))
    pieces = list(resource_uses.shared_counts(sparse.csr_array(a)))
    for first, second, common in pieces:
        counted[first, second] += common
    assert np.array_equal(counted, np.triu(a @ a.T, 1))
    assert (len(pieces) > 1) == (most < 10**9)


@pytest.mark.parametrize("first", [False, True])
def test_uses_are_those_of_the_log(first: bool) -> None:
    tables = toy_dataset.world(1)
    split, ids = toy_dataset.split("train", tables), tables["accounts"]["account_id"].cast(pl.String)
    found = resource_uses.resource_uses(split, ids, ("ip_prefix", "tools_hash"), 3600, first=first)
    numbers = {name: row for row, name in enumerate(ids)}
    expected = 0
    for name in ("ip_prefix", "tools_hash"):
        rows = tables["requests"].select(
            pl.col("account_id").cast(pl.String), name, pl.col("ts").dt.truncate("1h")
        )
        users: dict[object, set[int]] = {}
        for account, key, _ in rows.iter_rows():
            users.setdefault(key, set()).add(numbers[account])
        kept = rows.filter(pl.col(name).is_in([k for k, held in users.items() if len(held) > 1]))
        expected += len((kept.drop("ts") if first else kept).unique())
    assert len(found) == len(found.unique()) == expected
    assert (found.group_by("resource").agg(pl.col("row").n_unique())["row"] > 1).all()
