"""The network of accounts: what neighbours are like, link by link and in one fused graph.

Two ways of looking at neighbours, neither of which compares all pairs of accounts:

* *through keys*: an account asks its keys about their other holders (two sparse products, linear in the number
  of holdings, so hubs cost nothing);
* *fused graph*: the links are added up to one weighted graph, from keys that are not hubs, keeping the strongest
  neighbours of each account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from baselines import links
from baselines.links import Link
from generator.dataset import Split

F64 = npt.NDArray[np.float64]

HUB = 400
"""Keys with more holders are left out of the fused graph: their pairs grow with the square."""
NEIGHBOURS = 20
_CHUNK = 2048


@dataclass(frozen=True)
class Network:
    """Accounts of one world and what connects them; rows in the order of `ids`.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String).
    names : tuple of str
        Names of the links.
    incidences : tuple of scipy.sparse.csr_array
        Accounts by keys, one per link.
    fused : scipy.sparse.csr_array
        Accounts by accounts: weights of the strongest neighbours, symmetric.
    agreeing : ndarray
        For each entry of `fused`, how many links it is made of.
    """

    ids: pl.Series
    names: tuple[str, ...]
    incidences: tuple[sparse.csr_array, ...]
    fused: sparse.csr_array
    agreeing: F64


def network(split: Split, ids: pl.Series, wanted: Sequence[Link]) -> Network:
    """Connect the accounts of a world by the wanted links."""
    incidences = tuple(links.incidence(link, split, ids) for link in wanted)
    fused, agreeing = _fuse([_weighted(a) for a in incidences], len(ids))
    return Network(ids, tuple(link.name for link in wanted), incidences, fused, agreeing)


def structure(net: Network) -> dict[str, F64]:
    """How each account is connected: per link, and in the fused graph.

    Returns
    -------
    dict of str to ndarray
        Columns by name; NaN where an account has no such link.
    """
    columns: dict[str, F64] = {}
    for name, a in zip(net.names, net.incidences, strict=True):
        holders = a.sum(axis=0)
        reach = a @ (holders - 1)
        rarest = _row_reduce(np.minimum, a, holders[a.indices])
        columns |= {
            f"{name}:keys": np.log1p(a.sum(axis=1)),
            f"{name}:reach": np.log1p(reach),
            f"{name}:rarest": rarest,
        }
    w = net.fused
    agreeing = sparse.csr_array((net.agreeing, w.indices, w.indptr), shape=w.shape)
    strongest = _row_reduce(np.maximum, w, w.data)
    columns |= {
        "graph:degree": np.log1p(np.diff(w.indptr).astype(np.float64)),
        "graph:strength": np.asarray(w.sum(axis=1), np.float64),
        "graph:strongest": strongest,
    }
    columns["graph:links_agreeing"] = _row_reduce(np.maximum, w, net.agreeing)
    columns["graph:links_mean"] = _divide(agreeing.sum(axis=1), np.diff(w.indptr).astype(np.float64))
    columns["graph:triangles"] = _clustering(w)
    for threshold in (0.5, 1.0):
        columns[f"graph:community_{threshold}"] = np.log(_component_sizes(w, threshold))
    return columns


def through_keys(net: Network, scores: F64) -> dict[str, F64]:
    """What the other holders of an account's keys score: idf-weighted mean, and the mean at its best key."""
    columns: dict[str, F64] = {}
    for name, a in zip(net.names, net.incidences, strict=True):
        holders = a.sum(axis=0)
        idf = np.log(a.shape[0] / holders)
        own = np.repeat(scores, np.diff(a.indptr))
        others = ((a.T @ scores)[a.indices] - own) / (holders[a.indices] - 1)
        summed = _row_reduce(np.add, a, others * idf[a.indices])
        columns[f"{name}:score"] = _divide(summed, a @ idf)
        columns[f"{name}:best"] = _row_reduce(np.maximum, a, others)
    return columns


def around(net: Network, values: F64, names: Sequence[str]) -> dict[str, F64]:
    """What an account's neighbours in the fused graph are like.

    Parameters
    ----------
    net : Network
        Accounts and their neighbours.
    values : ndarray, shape (accounts, columns)
        Numbers to look at; NaN counts as the column's mean.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    dict of str to ndarray
        Per column the weighted mean over neighbours, and their weighted standard deviation in units of the
        population's: small where a group behaves alike.
    """
    values = np.where(np.isnan(values).all(axis=0), 0.0, values)
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = np.nan_to_num((values - mean) / np.where(sd > 0, sd, 1))
    total = net.fused.sum(axis=1)[:, None]
    near = _divide(net.fused @ z, total)
    spread = np.sqrt(np.clip(_divide(net.fused @ z**2, total) - near**2, 0, None))
    columns = {f"near:{name}": near[:, i] for i, name in enumerate(names)}
    return columns | {f"spread:{name}": spread[:, i] for i, name in enumerate(names)}


def diffuse(net: Network, scores: F64) -> dict[str, F64]:
    """Scores of the neighbours one and three steps away, and of the highest neighbour."""
    w = net.fused
    total = w.sum(axis=1)
    one = _divide(w @ scores, total)
    reached = np.where(np.isnan(one), scores, one)
    for _ in range(2):
        step = _divide(w @ reached, total)
        reached = np.where(np.isnan(step), scores, step)
    best = _row_reduce(np.maximum, w, scores[w.indices])
    return {"graph:score": one, "graph:score_3": reached, "graph:best": best}


def _weighted(a: sparse.csr_array) -> sparse.csr_array:
    """Incidence without hubs, scaled so that two rows multiply to their cosine times how rare what they share is.

    With idf the log of accounts over holders, two rows give sum(idf^3) / log(n) over shared keys, over the lengths
    of their idf vectors: 1 for two accounts that share all their keys with nobody else in a very large world.
    """
    n, holders = a.shape[0], a.sum(axis=0)
    idf = np.log(n / holders) * (holders <= HUB)
    scale = _divide(np.ones(n), np.sqrt(a @ idf**2), empty=0.0)
    return sparse.csr_array(sparse.diags_array(scale) @ a @ sparse.diags_array(np.sqrt(idf**3 / np.log(n))))


def _fuse(parts: Sequence[sparse.csr_array], n: int) -> tuple[sparse.csr_array, F64]:
    """Sum of the parts' A A^T, by rows in chunks, pruned to the strongest neighbours, made symmetric."""
    weights, counts = [], []
    for first in range(0, n, _CHUNK):
        shape = (min(_CHUNK, n - first), n)
        weight, count = sparse.csr_array(shape), sparse.csr_array(shape)
        for a in parts:
            pairs = a[first : first + _CHUNK] @ a.T
            pairs = pairs - sparse.diags_array(pairs.diagonal(first), offsets=first, shape=shape)
            pairs.eliminate_zeros()
            weight, count = weight + pairs, count + pairs.sign()
        kept = _strongest(weight.tocsr(), NEIGHBOURS)
        weights.append(kept)
        counts.append(count.multiply(kept.sign()).tocsr())
    fused, agreeing = (sparse.vstack(p).tocsr() for p in (weights, counts))
    fused, agreeing = fused.maximum(fused.T).tocsr(), agreeing.maximum(agreeing.T).tocsr()
    fused.sort_indices()
    agreeing.sort_indices()
    return fused, agreeing.data


def _strongest(w: sparse.csr_array, k: int) -> sparse.csr_array:
    """The k strongest entries of each row, and those that tie with the weakest of them."""
    rows = np.repeat(np.arange(w.shape[0]), np.diff(w.indptr))
    order = np.lexsort((-w.data, rows))
    place = np.arange(len(order)) - w.indptr[rows]
    cut = np.zeros(w.shape[0])
    last = place == k - 1
    cut[rows[last]] = w.data[order][last]
    # A hair below, so that ties do not hang on the order in which floating point numbers were added.
    w.data[w.data < cut[rows] * (1 - 1e-9)] = 0
    w.eliminate_zeros()
    return w


def _clustering(w: sparse.csr_array) -> F64:
    """Share of an account's pairs of neighbours that are neighbours themselves."""
    edges = w.sign()
    degree = edges.sum(axis=1)
    closed = (edges @ edges).multiply(edges).sum(axis=1)
    return _divide(closed, degree * (degree - 1))


def _component_sizes(w: sparse.csr_array, threshold: float) -> F64:
    strong = w.copy()
    strong.data = np.where(w.data >= threshold, w.data, 0)
    strong.eliminate_zeros()
    _, component = sparse.csgraph.connected_components(strong, directed=False)
    return np.bincount(component)[component].astype(np.float64)


def _row_reduce(reduce: np.ufunc, a: sparse.csr_array, values: npt.NDArray[Any]) -> F64:
    """Reduce the values of each row's entries; NaN for rows without one."""
    result = np.full(a.shape[0], np.nan)
    filled = np.flatnonzero(np.diff(a.indptr))
    if len(filled):
        result[filled] = reduce.reduceat(values, a.indptr[filled])
    return result


def _divide(a: npt.NDArray[Any], b: npt.NDArray[Any], empty: float = np.nan) -> F64:
    return np.asarray(np.divide(a, b, out=np.full(np.broadcast(a, b).shape, empty), where=b > 0))
