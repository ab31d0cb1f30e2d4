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
DECLARED_FIELDS = tuple(sorted({need for link in links.DECLARED_LINKS for need in link.needs}))
_CROWD = 300  # accounts; what more of them declare is no group of colleagues (a)
_TIE_BREAK = 1e-3  # weight of an account's own edges beside its community's
_DECIMALS = 9  # sums of products in another order differ in later ones


@dataclass(frozen=True)
class SharedKeys:
    """Accounts and the keys that they hold.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String), ordered by what they do and not by their names.
    incidences : dict of str to scipy.sparse.csr_array
        Accounts by keys, per link.
    """

    ids: pl.Series
    incidences: dict[str, sparse.csr_array]


def fields_of(names: Sequence[str]) -> tuple[str, ...]:
    """Fields that `read_keys` reads.

    Parameters
    ----------
    names : sequence of str
        Names of links.

    Returns
    -------
    tuple of str
        As table.column, sorted.
    """
    chosen = [link for link in links.LINKS if link.name in names]
    return tuple(sorted({*ORDER_FIELDS, *(need for link in chosen for need in link.needs)}))


def ordered_ids(split: Split) -> pl.Series:
    """Account ids in an order that their names have no part in.

    Parameters
    ----------
    split : Split
        World with the columns `ORDER_FIELDS`.

    Returns
    -------
    polars.Series
        account_id (String).
    """
    frame = account_features.account_features(split, _ORDER)
    return frame[np.lexsort(supervision.matrix(frame).T)]["account_id"]


def read_keys(split: Split, names: Sequence[str]) -> SharedKeys:
    """Read links of a world.

    Parameters
    ----------
    split : Split
        World with the columns that `fields_of` names.
    names : sequence of str
        Names of links in `links.LINKS`.

    Returns
    -------
    SharedKeys
        Accounts by keys, per link.
    """
    ids = ordered_ids(split)
    chosen = [link for link in links.LINKS if link.name in names]
    return SharedKeys(ids, {link.name: links.incidence(link, split, ids) for link in chosen})


def weighted(incidences: Sequence[sparse.csr_array], most: int, focus: float = 0.0) -> sparse.csr_array:
    """Symmetric graph: for each key that two accounts share, what it says, from 0 (held by all) to 1 per link.

    Parameters
    ----------
    incidences : sequence of scipy.sparse.csr_array, shape (accounts, keys)
        Accounts by keys, per link.
    most : int
        A key that more accounts hold is a hub and joins nobody.
    focus : float
        How much less a key says of an account that holds many: 0 not at all, 0.5 as in a cosine.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        No loops, sorted indices, weights rounded to nine decimals.

    Examples
    --------
    Of four accounts two hold the first key, and all hold the second:

    >>> keys = sparse.csr_array(np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    >>> weighted([keys], most=4).toarray()[0]
    array([0. , 0.5, 0. , 0. ])
    """
    n = incidences[0].shape[0]
    total = sparse.csr_array((n, n))
    for a in incidences:
        holders = a.sum(axis=0)
        few = sparse.csr_array(a[:, (holders > 1) & (holders <= most)])
        if not few.shape[1]:
            continue
        says = np.log(n / few.sum(axis=0)) / np.log(n)
        few = sparse.csr_array(sparse.diags_array(np.maximum(a.sum(axis=1), 1) ** -focus) @ few)
        total = total + few @ sparse.diags_array(says) @ few.T
    graph = sparse.csr_array(total)
    graph.setdiag(0)
    graph.eliminate_zeros()
    # Sums of products in another order differ in the last bits; greedy steps must not.
    graph.data = np.round(graph.data, _DECIMALS)
    graph.sort_indices()
    return graph


def declared_ties(split: Split, ids: pl.Series) -> sparse.csr_array:
    """Pairs of accounts that belong together openly.

    They name one organisation, or write from the domain of one employer or school: colleagues have reasons to
    share more. What links accounts that claim nothing in common is harder to explain.

    Parameters
    ----------
    split : Split
        World with the columns `DECLARED_FIELDS`.
    ids : polars.Series
        Accounts (String), one per row of the result.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        1 for such pairs, each account with itself included.
    """
    ties = sparse.csr_array(sparse.eye_array(len(ids)))
    for link in links.DECLARED_LINKS:
        a = links.incidence(link, split, ids)
        few = sparse.csr_array(a[:, a.sum(axis=0) <= _CROWD])
        ties = ties + few @ few.T
    return sparse.csr_array(ties.sign())


def without_declared(graph: sparse.csr_array, openly: sparse.csr_array) -> sparse.csr_array:
    """Take out the edges between accounts that belong together openly.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.
    openly : scipy.sparse.csr_array, shape (accounts, accounts)
        As `declared_ties` returns it.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        The other edges, with sorted indices.
    """
    rest = sparse.csr_array(graph - graph.multiply(openly))
    rest.eliminate_zeros()
    rest.sort_indices()
    return rest


def weight_inside(graph: sparse.csr_array, label: I64) -> F64:
    """Weight of each account's edges to members of its own group.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        Sum of weights.
    """
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    same = label[row] == label[graph.indices]
    return np.asarray(np.bincount(row, np.where(same, graph.data, 0.0), graph.shape[0]), np.float64)


def cohesion(graph: sparse.csr_array, resolution: float) -> F64:
    """How close-knit the community of each account is: mean weight of its pairs x log(1 + members).

    Weight alone would rank by size, density alone by pairs that met by chance. A share of the account's own weight
    breaks ties.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights, with sorted indices.
    resolution : float
        As in `communities`.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        0 for an account without an edge.
    """
    label = communities(graph, resolution)
    size = np.bincount(label).astype(np.float64)
    weight = np.bincount(label, weight_inside(graph, label), len(size))
    knit = weight / np.maximum(size * (size - 1), 1) * np.log1p(size)
    return np.asarray(np.round(knit[label] + _TIE_BREAK * graph.sum(axis=1), _DECIMALS), np.float64)


def score_frame(ids: pl.Series, score: F64) -> pl.DataFrame:
    """Scores as a detector returns them.

    Parameters
    ----------
    ids : polars.Series
        Accounts (String).
    score : ndarray of float64, shape (accounts,)
        Their scores.

    Returns
    -------
    polars.DataFrame
        account_id, score.
    """
    return pl.DataFrame({"account_id": ids, "score": score})
