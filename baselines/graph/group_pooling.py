"""What groups of accounts are like, taken together: any groups, by sums over their members.

A group is a row of a sparse membership matrix, so that a thousand groups cost a few sparse products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import account_features, feature_table, supervision
from baselines.graph import links
from generator.arrays import F64
from generator.dataset import Split

HABITS = feature_table.FEATURES
_OWN = HABITS + feature_table.TOPIC
_SHARES = ("model", "sdk", "country", "asn_type", "language", "channel")
_ACCOUNT_KINDS = ("plan", "verification", "payment_type", "email_type")
FIELDS = tuple(
    sorted(
        {
            *account_features.fields_of(_OWN),
            *(need for link in links.LINKS for need in link.needs),
            *(f"requests.{c}" for c in _SHARES),
            *(f"accounts.{c}" for c in _ACCOUNT_KINDS),
        }
    )
)


@dataclass(frozen=True)
class PooledSplit:
    """Accounts of one world, ready to be pooled.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String); rows of all that follows.
    values : ndarray of float64, shape (accounts, features)
        Habits, topics and kinds by their rank in the population, -0.5 to 0.5: the same scale in every world; 0
        where undefined.
    names : tuple of str
        Names of the features.
    incidences : tuple of scipy.sparse.csr_array
        Accounts by keys, one per link.
    """

    ids: pl.Series
    values: F64
    names: tuple[str, ...]
    incidences: tuple[sparse.csr_array, ...]


def prepare(split: Split) -> PooledSplit:
    """Read everything about the accounts of a world that pooling needs.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.

    Returns
    -------
    PooledSplit
        All accounts, sorted by id.
    """
    own = account_features.account_features(split, _OWN)
    ids = own["account_id"]
    table = own.join(_kinds(split), on="account_id", how="left", maintain_order="left")
    x = supervision.matrix(table)
    rank = np.apply_along_axis(centred_ranks, 0, x)
    incidences = tuple(links.incidence(link, split, ids) for link in links.LINKS)
    return PooledSplit(ids, rank, tuple(table.columns[1:]), incidences)


def pool(world: PooledSplit, members: sparse.csr_array) -> dict[str, F64]:
    """Describe groups: size, mean and spread of every feature, and what members share by each link.

    Parameters
    ----------
    world : PooledSplit
        Accounts.
    members : scipy.sparse.csr_array, shape (groups, accounts)
        1 where an account belongs to a group.

    Returns
    -------
    dict of str to ndarray of float64, shape (groups,)
        NaN where undefined.
    """
    size = np.asarray(members.sum(axis=1), np.float64)
    mean = (members @ world.values) / size[:, None]
    spread = np.sqrt(np.clip((members @ world.values**2) / size[:, None] - mean**2, 0, None))
    # Unbiased for small groups, undefined for one account.
    spread *= np.sqrt(size / np.maximum(size - 1, 1))[:, None]
    spread[size < 2] = np.nan
    parts = {"size": np.log(size), "heterogeneity": spread.mean(axis=1)}
    parts |= {f"mean {n}": mean[:, i] for i, n in enumerate(world.names)}
    parts |= {f"spread {n}": spread[:, i] for i, n in enumerate(world.names)}
    for link, incidence in zip(links.LINKS, world.incidences, strict=True):
        parts |= {f"{link.name} {k}": v for k, v in _shared(members, incidence, size).items()}
    return parts


def _shared(members: sparse.csr_array, incidence: sparse.csr_array, size: F64) -> dict[str, F64]:
    """How much members share by one link: pairs, against chance, and the keys that most of them hold."""
    n = incidence.shape[0]
    counts = (members @ incidence).tocsr()
    pairs = np.maximum(size * (size - 1), 1)
    holders = np.asarray(incidence.sum(axis=0), np.float64)
    group = np.repeat(np.arange(len(size)), np.diff(counts.indptr))
    c, all_holders = counts.data, holders[counts.indices]
    joint = np.bincount(group, c * (c - 1), len(size)) / pairs
    rare = np.bincount(group, c * (c - 1) * np.log(n / all_holders), len(size)) / pairs
    chance = np.bincount(group, c * (all_holders - 1) / max(1, n - 1), len(size)) / size
    top = np.zeros(len(size))
    np.maximum.at(top, group, c / size[group])
    own = np.zeros(len(size))
    # Keys that at least two members hold, and hardly anybody else.
    inside = (c > 1) & (c > 0.5 * all_holders)
    np.maximum.at(own, group[inside], (c / size[group])[inside])
    keys = np.bincount(group, c, len(size)) / size
    return {
        "keys": np.log1p(keys),
        "pairs": np.log1p(joint),
        "rare pairs": np.log1p(rare),
        "beyond chance": np.log((joint + 1e-3) / (chance + 1e-3)),
        "per key": joint / np.maximum(keys, 1e-9),
        "top": top,
        "own": own,
        "distinct": np.diff(counts.indptr) / np.maximum(np.bincount(group, c, len(size)), 1),
    }


def _kinds(split: Split) -> pl.DataFrame:
    """Shares of the values of categories per account."""
    parts = []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), *(pl.col(c).cast(pl.String) for c in _SHARES))
        parts.append(rows.collect())
    frame = pl.concat(parts)
    ids = (
        split.accounts.polars()
        .select(pl.col(c).cast(pl.String) for c in ("account_id", *_ACCOUNT_KINDS))
        .collect()
    )
    kinds = ids.select("account_id", *_flags(ids, _ACCOUNT_KINDS))
    for name in _SHARES:
        values = sorted(frame[name].drop_nulls().unique().to_list())
        shares = frame.group_by("account_id").agg((pl.col(name) == v).mean().alias(f"{name}={v}") for v in values)
        kinds = kinds.join(shares, on="account_id", how="left")
    return kinds


def _flags(frame: pl.DataFrame, columns: Sequence[str]) -> list[pl.Expr]:
    values = {c: sorted(frame[c].drop_nulls().unique().to_list()) for c in columns}
    return [
        (pl.col(c) == v).cast(pl.Float64).alias(f"{c}={v}") for c, categories in values.items() for v in categories
    ]


def centred_ranks(x: F64) -> F64:
    """Ranks in the population, middle of ties.

    Parameters
    ----------
    x : ndarray of float64, shape (accounts,)
        NaN where undefined.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        -0.5 to 0.5; 0 where undefined.

    Examples
    --------
    >>> centred_ranks(np.array([30.0, 10.0, np.nan, 20.0, 20.0]))
    array([ 0.375, -0.375,  0.   ,  0.   ,  0.   ])
    """
    known = ~np.isnan(x)
    ranks = np.zeros(len(x))
    if known.any():
        _, back, counts = np.unique(x[known], return_inverse=True, return_counts=True)
        ranks[known] = ((np.cumsum(counts) - counts / 2) / counts.sum() - 0.5)[back]
    return ranks
