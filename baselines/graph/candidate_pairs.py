"""Pairs of accounts that share a key which is no hub, and how they are linked; never all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from baselines.features import supervision
from baselines.graph.sharing import Sharing
from generator.arrays import F32, F64, I64, Mask

# Most holders of a key that makes its holders candidates (a). Links not named here only describe candidates.
MOST_HOLDERS: Mapping[str, int] = {
    "payment": 60,
    "domain": 120,
    "signup": 60,
    "prefix": 120,
    "device": 120,
    "conversation": 60,
    "template": 300,
    "tools": 300,
    "prompt": 60,
    "echo": 60,
}
TREES: Mapping[str, Any] = {**supervision.TREES, "eta": 0.1, "max_depth": 5, "colsample_bytree": 0.6}
ROUNDS = 120
LEAST = 0.05
"""Pairs that are less likely than this to belong together are forgotten (a)."""
_AT_ONCE = 1 << 21  # pairs described at once: bounds memory
_MEETINGS = 1 << 22  # accounts that others meet under a key, counted at once: likewise
_EXAMPLES = 300_000  # most pairs learnt from (a)
Incidences = Mapping[str, sparse.csr_array]


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of accounts; numbers about many are made when they are asked for, some at a time.

    Attributes
    ----------
    first, second : ndarray of int64, shape (pairs,)
        The two accounts, first < second.
    links : ndarray of float64, shape (pairs,)
        How many links the two have.
    shared : sequence of Sharing
        What describes them, link by link.
    """

    first: I64
    second: I64
    links: F64
    shared: Sequence[Sharing]

    def __len__(self) -> int:
        return len(self.first)

    def describe(self, rows: I64 | slice) -> F32:
        """Numbers about the links of some pairs.

        Parameters
        ----------
        rows : ndarray of int64, shape (rows,), or slice
            Which pairs.

        Returns
        -------
        ndarray of float32, shape (rows, features)
            NaN where undefined.
        """
        return self._all[rows] if len(self) <= _AT_ONCE else self._described(rows)

    @cached_property
    def _all(self) -> F32:
        return self._described(slice(None))

    def _described(self, rows: I64 | slice) -> F32:
        first, second = self.first[rows], self.second[rows]
        links = (c for link in self.shared for c in link.describe(first, second))
        # Rounded one by one: of all columns together the steps would fill the memory ten times over.
        columns = itertools.chain([self.links[rows]], links)
        return np.column_stack([supervision.rounded(c).astype(np.float32) for c in columns])


def candidate_pairs(incidences: Incidences) -> Pairs:
    """Pairs that share a key which is no hub, described by every link.

    Parameters
    ----------
    incidences : mapping of str to scipy.sparse.csr_array
        Accounts by keys, per link (`links.incidence`); all of `MOST_HOLDERS` must be there.

    Returns
    -------
    Pairs
        Sorted by first, then second account.
    """
    blocks = list(pair_blocks(incidences))
    first, second, links = (np.concatenate([getattr(b, c) for b in blocks]) for c in ("first", "second", "links"))
    return Pairs(first, second, links, blocks[0].shared)


def pair_blocks(incidences: Incidences) -> Iterator[Pairs]:
    """The pairs of `candidate_pairs`, those of some accounts at a time: all of a large world would fill memory.

    Parameters
    ----------
    incidences : mapping of str to scipy.sparse.csr_array
        As for `candidate_pairs`.

    Yields
    ------
    Pairs
        With the first account from some to some others, in their order; at least once.
    """
    n = next(iter(incidences.values())).shape[0]
    shared = [Sharing(a) for a in incidences.values()]
    known = [(incidences[name], most) for name, most in MOST_HOLDERS.items()]
    few = [sparse.csr_array(a[:, a.sum(axis=0) <= most]) for a, most in known]
    holders = [sparse.csr_array(a.T) for a in few]
    meetings = np.cumsum(sum(a @ a.sum(axis=0) for a in few))
    ends = np.flatnonzero(np.diff(meetings // _MEETINGS)) + 1
    for start, stop in itertools.pairwise([0, *ends.tolist(), n]):
        total = sparse.csr_array((stop - start, n))
        for a, of_key in zip(few, holders, strict=True):
            total = total + (a[start:stop] @ of_key).sign()
        pairs = sparse.triu(total, start + 1).tocsr().tocoo()
        yield Pairs(pairs.row.astype(np.int64) + start, pairs.col.astype(np.int64), pairs.data, shared)


def fit_pair_model(worlds: Sequence[Pairs], cohorts: Sequence[I64], seed: int) -> tuple[Any, list[F64]]:
    """Learn which pairs of one world or several belong to one cohort.

    Parameters
    ----------
    worlds : sequence of Pairs
        Candidates per world.
    cohorts : sequence of ndarray of int64
        Cohort of each account, per world.
    seed : int
        Seed of the trees.

    Returns
    -------
    model : xgboost.Booster or None
        None if all pairs are of one kind.
    chances : list of ndarray of float64
        For each pair what a model gives that was not shown the cohort of its first account, per world.
    """
    both = list(zip(worlds, cohorts, strict=True))
    same = np.concatenate([c[p.first] == c[p.second] for p, c in both])
    halves = [_halves(c)[p.first] for p, c in both]
    half = np.concatenate(halves)
    chances = [np.zeros(len(p)) for p in worlds]
    for side in (False, True):
        model = _fit(worlds, same, half != side, seed)
        for pairs, mine, chance in zip(worlds, halves, chances, strict=True):
            rows = np.flatnonzero(mine == side)
            chance[rows] = pair_chances(model, pairs, rows)
    return _fit(worlds, same, np.ones(len(same), np.bool_), seed), chances


def pair_chances(model: Any, pairs: Pairs, rows: I64 | None = None) -> F64:
    """How likely the two accounts of each pair belong together.

    Parameters
    ----------
    model : xgboost.Booster or None
        As `fit_pair_model` returns it.
    pairs : Pairs
        Candidates.
    rows : ndarray of int64, shape (rows,), optional
        Which of them; all if left out.

    Returns
    -------
    ndarray of float64, shape (rows,)
        0 to 1; 0 where nothing was learnt.
    """
    rows = np.arange(len(pairs)) if rows is None else rows
    chance = np.zeros(len(rows))
    for start in range(0, len(rows) if model is not None else 0, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        chance[part] = 1 / (1 + np.exp(-supervision.predict(model, pairs.describe(rows[part]))))
    return chance


def pair_graph(pairs: Pairs, chance: F64, n: int) -> sparse.csr_array:
    """Join the pairs that may belong together.

    Parameters
    ----------
    pairs : Pairs
        Candidates.
    chance : ndarray of float64, shape (pairs,)
        How likely each pair belongs together; less than `LEAST` is no edge.
    n : int
        Number of accounts.

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n)
        Symmetric, weighted by the chance, with sorted indices.

    Examples
    --------
    >>> pairs = Pairs(np.array([0, 0]), np.array([1, 2]), np.ones(2), ())
    >>> pair_graph(pairs, np.array([0.75, 0.01]), 3).toarray()
    array([[0.  , 0.75, 0.  ],
           [0.75, 0.  , 0.  ],
           [0.  , 0.  , 0.  ]])
    """
    kept = chance >= LEAST
    i, j, p = pairs.first[kept], pairs.second[kept], chance[kept]
    graph = sparse.csr_array((np.r_[p, p], (np.r_[i, j], np.r_[j, i])), shape=(n, n))
    graph.sort_indices()
    return graph


def likely_graph(model: Any, incidences: Incidences) -> sparse.csr_array:
    """`pair_graph` of all candidates of a world by a model, none of which is kept but as an edge.

    Parameters
    ----------
    model : xgboost.Booster or None
        As `fit_pair_model` returns it.
    incidences : mapping of str to scipy.sparse.csr_array
        As for `candidate_pairs`.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric, weighted by the chance, with sorted indices.
    """
    kept = []
    for pairs in pair_blocks(incidences):
        chance = pair_chances(model, pairs)
        likely = chance >= LEAST
        kept.append((pairs.first[likely], pairs.second[likely], chance[likely]))
    first, second, chance = (np.concatenate(part) for part in zip(*kept, strict=True))
    n = next(iter(incidences.values())).shape[0]
    return pair_graph(Pairs(first, second, np.ones(len(first)), ()), chance, n)


def _fit(worlds: Sequence[Pairs], same: Mask, use: Mask, seed: int) -> Any:
    rows = np.flatnonzero(use)
    rows = rows[:: 1 + len(rows) // _EXAMPLES]
    if not same[rows].any() or same[rows].all():
        return None
    ends = np.cumsum([len(p) for p in worlds])
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    x = np.concatenate([p.describe(r - end + len(p)) for p, r, end in zip(worlds, parts, ends, strict=True)])
    return supervision.boost(x, same[rows], seed, trees=TREES, rounds=ROUNDS)


def _halves(cohort: I64) -> Mask:
    return np.asarray(cohort % 2 == 1)
