"""From links to a graph: which accounts may belong together, and how likely they do.

No account is compared with all others. Candidates are pairs that share a key that is not a hub, at most a few
per account; how much each kind of link says is learnt from the groups of a world with open labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from baselines.links import Held

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

HUB = 400
"""Keys with more holders suggest no pairs: their pairs grow with the square."""
CANDIDATES = 20
"""Candidates per account."""
_CHUNK = 2048
_COINCIDENTAL = "start"
"""The link that chance alone makes between most accounts: it is weighed, but suggests no pairs."""
HABITS = (
    "age",
    "requests",
    "first_seen",
    "last_seen",
    "hour_entropy",
    "input_median",
    "output_median",
    "conversation_share",
    "templates",
    "template_top_share",
    "prompts_distinct",
    "prefixes",
    "hosting_share",
    "tools_mean",
)
"""Features that are compared between the two accounts of a pair."""


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of accounts and what speaks for them.

    Attributes
    ----------
    first, second : ndarray of int, shape (pairs,)
        Rows of the two accounts, each pair once.
    x : ndarray, shape (pairs, columns)
        Evidence; symmetric in the two.
    """

    first: I64
    second: I64
    x: F64


def pairs(held: Sequence[Held], own: pl.DataFrame, topic: F64) -> Pairs:
    """Candidate pairs and their evidence.

    Parameters
    ----------
    held : sequence of Held
        Keys of the links.
    own : polars.DataFrame
        Features of the accounts, `HABITS` among them.
    topic : ndarray, shape (accounts, dimensions)
        Mean prompt embedding, NaN for none.
    """
    weighted = {h.name: _weighted(h.keys) for h in held}
    found = _candidates([w for name, w in weighted.items() if name != _COINCIDENTAL], own.height)
    i, j = found
    evidence = [_dot(w, w, i, j) for w in weighted.values()]
    evidence += [_surprise(h.keys, i, j) for h in held if h.name == _COINCIDENTAL]
    centred = np.nan_to_num(topic - np.nanmean(topic, axis=0))
    direction = centred * _divide(np.ones(len(topic)), np.linalg.norm(centred, axis=1), empty=0.0)[:, None]
    evidence.append((direction[i] * direction[j]).sum(axis=1))
    habits = own.select(HABITS).to_numpy().astype(np.float64)
    compared = [np.abs(habits[i] - habits[j]), np.minimum(habits[i], habits[j])]
    return Pairs(i, j, np.hstack([np.column_stack(evidence), *compared]))


def graph(found: Pairs, weight: F64, accounts: int) -> sparse.csr_array:
    """Symmetric accounts-by-accounts matrix of the weights of the pairs."""
    rows, columns = np.r_[found.first, found.second], np.r_[found.second, found.first]
    w = sparse.csr_array((np.r_[weight, weight], (rows, columns)), shape=(accounts, accounts))
    w.sort_indices()
    return w


def _weighted(keys: sparse.csr_array) -> sparse.csr_array:
    """Keys scaled so that the product of two rows is their cosine times how rare what they share is.

    With idf the log of accounts over holders, two rows give sum(idf^3) / log(n) over shared keys, over the
    lengths of their idf vectors: 1 for two accounts that share all their keys with nobody else in a very large
    world. Hubs count nothing.
    """
    n, holders = keys.shape[0], keys.sum(axis=0)
    idf = np.log(n / holders) * (holders <= HUB)
    scale = _divide(np.ones(n), np.sqrt(keys @ idf**2), empty=0.0)
    w = (sparse.diags_array(scale) @ keys @ sparse.diags_array(np.sqrt(idf**3 / np.log(n)))).tocsr()
    w.eliminate_zeros()
    return w


def _candidates(weighted: Sequence[sparse.csr_array], n: int) -> tuple[I64, I64]:
    """Pairs that are among the strongest of either side when all links are added up."""
    all_links = sparse.hstack(weighted).tocsr()
    other_side = all_links.T.tocsc()
    kept = []
    for first in range(0, n, _CHUNK):
        product = (all_links[first : first + _CHUNK] @ other_side).tocsr()
        rows = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
        foreign = rows + first != product.indices
        i, j, w = rows[foreign] + first, product.indices[foreign], product.data[foreign]
        strong = _strongest(i - first, w)
        kept.append(np.column_stack([i[strong], j[strong]]))
    both = np.sort(np.vstack(kept).astype(np.int64), axis=1)
    unique = np.unique(both[:, 0] * n + both[:, 1])
    return unique // n, unique % n


def _strongest(rows: I64, weight: F64) -> npt.NDArray[np.bool_]:
    """Whether an entry is among the strongest of its row, or ties with the weakest of these."""
    order = np.lexsort((-weight, rows))
    begin = np.searchsorted(rows[order], np.arange(rows.max(initial=-1) + 1))
    place = np.arange(len(order)) - begin[rows[order]]
    least = np.zeros(len(begin))
    last = order[place == CANDIDATES - 1]
    least[rows[last]] = weight[last]
    # A hair below: ties must not hang on the order in which floating point numbers were added.
    return np.asarray(weight >= least[rows] * (1 - 1e-9))


def _dot(a: sparse.csr_array, b: sparse.csr_array, i: I64, j: I64) -> F64:
    """Products of row i of a and row j of b, in chunks of pairs."""
    step = 65_536
    parts = [a[i[k : k + step]].multiply(b[j[k : k + step]]).sum(axis=1) for k in range(0, len(i), step)]
    return np.concatenate([np.zeros(0), *parts])


def _surprise(keys: sparse.csr_array, i: I64, j: I64) -> F64:
    """Shared keys beyond what two accounts of that many keys share by chance, in standard deviations."""
    holders, held = keys.sum(axis=0), keys.sum(axis=1)
    chance = (holders**2).sum() / max(holders.sum(), 1) ** 2
    expected = held[i] * held[j] * chance
    return np.asarray((_dot(keys, keys, i, j) - expected) / np.sqrt(expected + 0.5))


def _divide(a: F64, b: F64, empty: float = np.nan) -> F64:
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, empty), where=b > 0)
