"""What pairs and groups share, against the plainest count of it."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import sparse

from baselines.graph import candidate_pairs, group_prompts
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
    assert found.x.dtype == np.float32
    assert found.x[:, 0].tolist() == [want[pair] for pair in there]
    for column, (name, table) in enumerate(tables.items()):
        holders = table.sum(axis=0)
        idf = np.log(ACCOUNTS / holders)
        numbers = found.x[:, 1 + 5 * column : 6 + 5 * column]
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
