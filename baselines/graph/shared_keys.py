"""Graphs of accounts that share keys, never all pairs: keys that many hold say little, hubs join nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import account_features, feature_table, supervision
from baselines.graph import links
from baselines.graph.communities import communities
from generator.arrays import F64, I64
from generator.dataset import Split

_ORDER = feature_table.named("age", "requests", "input_median", "gap_median")
ORDER_FIELDS = account_features.fields_of(_ORDER)
DECLARED_FIELDS = tuple(sorted({need for link in links.OPENLY for need in link.needs}))
_CROWD = 300


@dataclass(frozen=True)
class Shared:
    """Accounts and the keys that they hold.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String), ordered by what they do and not by their names.
    held : dict of str to scipy.sparse.csr_array
        Accounts by keys, per link.
    """

    ids: pl.Series
    held: dict[str, sparse.csr_array]


def fields_of(names: Sequence[str]) -> tuple[str, ...]:
    """Fields that `shared` reads for these links."""
    chosen = [link for link in links.LINKS if link.name in names]
    return tuple(sorted({*ORDER_FIELDS, *(need for link in chosen for need in link.needs)}))


def ordered(split: Split) -> pl.Series:
    """Account ids in an order that their names have no part in."""
    frame = account_features.account_features(split, _ORDER)
    return frame[np.lexsort(supervision.matrix(frame).T)]["account_id"]


def shared(split: Split, names: Sequence[str]) -> Shared:
    """Read the links of a world by their names in `links.LINKS`."""
    ids = ordered(split)
    chosen = [link for link in links.LINKS if link.name in names]
    return Shared(ids, {link.name: links.incidence(link, split, ids) for link in chosen})


def weighted(held: Sequence[sparse.csr_array], most: int, focus: float = 0.0) -> sparse.csr_array:
    """Symmetric graph: for each key that two accounts share, what it says, from 0 (held by all) to 1 per link.

    Parameters
    ----------
    held : sequence of scipy.sparse.csr_array
        Accounts by keys, per link.
    most : int
        A key that more accounts hold is a hub and joins nobody.
    focus : float
        How much less a key says of an account that holds many: 0 not at all, 0.5 as in a cosine.
    """
    n = held[0].shape[0]
    total = sparse.csr_array((n, n))
    for a in held:
        holders = a.sum(axis=0)
        few = sparse.csr_array(a[:, holders <= most])
        if not few.shape[1]:
            continue
        says = np.log(n / few.sum(axis=0)) / np.log(n)
        few = sparse.csr_array(sparse.diags_array(np.maximum(a.sum(axis=1), 1) ** -focus) @ few)
        total = total + few @ sparse.diags_array(says) @ few.T
    found = sparse.csr_array(total)
    found.setdiag(0)
    found.eliminate_zeros()
    # Sums of products in another order differ in the last bits; greedy steps must not.
    found.data = np.round(found.data, 9)
    found.sort_indices()
    return found


def declared(split: Split, ids: pl.Series) -> sparse.csr_array:
    """1 for pairs of accounts that belong together openly, itself included.

    They name one organisation, or write from the domain of one employer or school: colleagues have reasons to
    share more. What links accounts that claim nothing in common is harder to explain.
    """
    found = sparse.csr_array(sparse.eye_array(len(ids)))
    for link in links.OPENLY:
        a = links.incidence(link, split, ids)
        few = sparse.csr_array(a[:, a.sum(axis=0) <= _CROWD])
        found = found + few @ few.T
    return sparse.csr_array(found.sign())


def strangers(graph: sparse.csr_array, openly: sparse.csr_array) -> sparse.csr_array:
    """The graph without edges between accounts that belong together openly."""
    found = sparse.csr_array(graph - graph.multiply(openly))
    found.eliminate_zeros()
    found.sort_indices()
    return found


def inside(graph: sparse.csr_array, label: I64) -> F64:
    """Weight of each account's edges to members of its own group."""
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    same = label[row] == label[graph.indices]
    return np.asarray(np.bincount(row, np.where(same, graph.data, 0.0), graph.shape[0]), np.float64)


def close_knit(graph: sparse.csr_array, resolution: float) -> F64:
    """How close-knit the community of each account is: mean weight of its pairs x log(1 + members).

    Weight alone would rank by size, density alone by pairs that met by chance. A share of the account's own weight
    breaks ties.
    """
    label = communities(graph, resolution)
    size = np.bincount(label).astype(np.float64)
    weight = np.bincount(label, inside(graph, label), len(size))
    knit = weight / np.maximum(size * (size - 1), 1) * np.log1p(size)
    return np.asarray(np.round(knit[label] + 1e-3 * graph.sum(axis=1), 9), np.float64)


def scores(ids: pl.Series, score: F64) -> pl.DataFrame:
    """Scores as a detector returns them."""
    return pl.DataFrame({"account_id": ids, "score": score})
