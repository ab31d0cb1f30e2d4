"""What pairs and groups share, against the plainest count of it."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from baselines.graph import candidate_pairs, group_prompts, links
from generator.arrays import I64

ACCOUNTS, KEYS = 30, 25


def held(seed: int, keys: int = KEYS) -> sparse.csr_array:
    """Accounts by keys, each key held by two accounts or more."""
    table = np.random.default_rng(seed).random((ACCOUNTS, keys)) < 0.12
    table[:2] = True
    return sparse.csr_array(table.astype(np.float64))


def test_pairs_by_hand() -> None:
    names = [*candidate_pairs.MOST_HOLDERS, "start"]
    incidences = {name: held(i, KEYS if i else 0) for i, name in enumerate(names)}
    found = candidate_pairs.candidate_pairs(incidences)
    tables = {name: a.toarray() > 0 for name, a in incidences.items()}
    want = {
        (i, j): sum((tables[n][i] & tables[n][j]).any() for n in candidate_pairs.MOST_HOLDERS)
        for i, j in itertools.combinations(range(ACCOUNTS), 2)
    }
    there = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert sorted(there) == [pair for pair, links in want.items() if links]
    x = found.describe(slice(None))
    assert x.dtype == np.float32
    assert x[:, 0].tolist() == [want[pair] for pair in there]
    some = np.array([3, 1, 7])
    assert np.array_equal(found.describe(some), x[some], equal_nan=True)
    for column, (name, table) in enumerate(tables.items()):
        holders = table.sum(axis=0)
        idf = np.log(ACCOUNTS / holders)
        numbers = x[:, 1 + 5 * column : 6 + 5 * column]
        for (i, j), (count, rarest, cosine, low, high) in zip(there, numbers.tolist(), strict=True):
            both = table[i] & table[j]
            assert count == both.sum(), name
            powers = (1 / np.maximum(holders[both] - 1, 1) ** 4).sum()
            assert rarest == pytest.approx(powers**-0.25 if count else np.nan, rel=1e-5, nan_ok=True)
            length = np.sqrt((idf[table[i]] ** 2).sum() * (idf[table[j]] ** 2).sum())
            dot = (idf[both] ** 2).sum()
            assert cosine == pytest.approx(dot / length if length else np.nan, rel=1e-5, nan_ok=True)
            assert (low, high) == tuple(sorted((table[i].sum(), table[j].sum())))


def test_pairs_without_any_key() -> None:
    none = {name: sparse.csr_array((ACCOUNTS, 0)) for name in candidate_pairs.MOST_HOLDERS}
    assert len(candidate_pairs.candidate_pairs(none)) == 0


@pytest.mark.parametrize("visits", [0, 1, 400])
def test_coincidences_by_hand(visits: int) -> None:
    rng = np.random.default_rng(visits)
    label: I64 = rng.integers(0, 4, ACCOUNTS)
    row: I64 = rng.integers(0, ACCOUNTS, visits)
    slot: I64 = rng.integers(0, 20, visits)
    together, by_chance = group_prompts._coincidences(label[row], slot, row, 5)
    met = Counter((g, s) for g, s, _ in {*zip(label[row].tolist(), slot.tolist(), row.tolist(), strict=True)})
    for group in range(5):
        mine = {s: n for (g, s), n in met.items() if g == group}
        assert together[group] == sum(n * (n - 1) for n in mine.values())
        apart = [sum(2 * n * mine.get(s + lag, 0) for s, n in mine.items()) for lag in group_prompts._LAGS]
        assert by_chance[group] == pytest.approx(np.mean(apart))


def test_chances_do_not_hang_on_how_many_pairs_are_described_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = [
        candidate_pairs.candidate_pairs(
            {name: held(i + first) for i, name in enumerate(candidate_pairs.MOST_HOLDERS)}
        )
        for first in (0, 100)
    ]
    cohorts: list[I64] = [np.arange(ACCOUNTS) // 5, np.arange(ACCOUNTS) // 3]

    def learnt() -> list[bytes]:
        model, held_out = candidate_pairs.fit_pair_model(worlds, cohorts, 0)
        assert model is not None
        return [chance.tobytes() for chance in (*held_out, candidate_pairs.pair_chances(model, worlds[1]))]

    monkeypatch.setattr(candidate_pairs, "ROUNDS", 5)
    whole = learnt()
    monkeypatch.setattr(candidate_pairs, "_AT_ONCE", 100)
    assert learnt() == whole


def test_edges_do_not_hang_on_how_many_accounts_meet_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    incidences = {name: held(i) for i, name in enumerate(candidate_pairs.MOST_HOLDERS)}
    monkeypatch.setattr(candidate_pairs, "ROUNDS", 5)
    pairs = candidate_pairs.candidate_pairs(incidences)
    model, _ = candidate_pairs.fit_pair_model([pairs], [np.arange(ACCOUNTS) // 5], 0)
    whole = candidate_pairs.pair_graph(pairs, candidate_pairs.pair_chances(model, pairs), ACCOUNTS)
    monkeypatch.setattr(candidate_pairs, "_MEETINGS", 300)
    assert len(list(candidate_pairs.pair_blocks(incidences))) > 5
    again = candidate_pairs.candidate_pairs(incidences)
    assert all(np.array_equal(getattr(pairs, c), getattr(again, c)) for c in ("first", "second", "links"))
    apart = candidate_pairs.likely_graph(model, incidences)
    assert whole.nnz
    assert all(np.array_equal(getattr(whole, c), getattr(apart, c)) for c in ("indptr", "indices", "data"))


def test_a_world_of_stars_takes_no_more_memory_than_a_part_of_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    stars, size = 40, 300  # every account meets all others of its star
    star = np.arange(stars * size) // size
    one = sparse.csr_array((np.ones(len(star)), (np.arange(len(star)), star)), shape=(len(star), stars))
    none = sparse.csr_array((len(star), 0))
    incidences = dict.fromkeys(candidate_pairs.MOST_HOLDERS, none) | {"template": one}

    def peak(meetings: int) -> int:
        monkeypatch.setattr(candidate_pairs, "_MEETINGS", meetings)
        tracemalloc.start()
        assert candidate_pairs.likely_graph(None, incidences).nnz == 0
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    meetings = 4 * size * size
    assert peak(10**9) > 80 * meetings  # bytes
    assert peak(meetings) < 80 * meetings


@pytest.mark.parametrize("counted_at_once", [1000, 10])
def test_keys_that_two_hold_whatever_is_counted_at_once(
    counted_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_COUNTED_AT_ONCE", counted_at_once)
    rows = pl.DataFrame({"account_id": range(200), "key": np.random.default_rng(3).integers(0, 150, 200)})
    times = Counter(rows["key"])
    found = links.held_by(rows.cast({"key": pl.String}), pl.len() > 1)
    assert sorted(found["account_id"]) == [a for a, key in rows.rows() if times[key] > 1]
