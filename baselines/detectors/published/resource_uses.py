"""Which account used which resource when: the log as a bipartite graph with times, aggregated bucket by bucket."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy import sparse

from baselines.graph import links, shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_MOST = 20_000_000  # products of a key and two holders at once: bounds memory


def fields_of(resources: Sequence[str]) -> tuple[str, ...]:
    """Fields that `resource_uses` and the order of accounts are read from.

    Parameters
    ----------
    resources : sequence of str
        Columns of the table requests.

    Returns
    -------
    tuple of str
        As table.column, sorted.
    """
    return tuple(sorted({*shared_keys.ORDER_FIELDS, "requests.ts", *(f"requests.{name}" for name in resources)}))


def resource_uses(
    split: Split, ids: pl.Series, resources: Sequence[str], slot: int, *, first: bool = False
) -> pl.DataFrame:
    """Distinct uses of resources that two accounts or more have used; memory holds these, and never requests.

    Parameters
    ----------
    split : Split
        World with the columns of `fields_of`.
    ids : polars.Series
        Accounts (String), numbered in this order.
    resources : sequence of str
        Columns of the table requests; equal values of one column are one resource.
    slot : int
        Length of a slot of time, in seconds.
    first : bool
        Whether only the first use of a resource by an account counts.

    Returns
    -------
    polars.DataFrame
        row, resource and slot (Int64), sorted; slots are counted from the start of the window.
    """
    since = int(split.start.timestamp()) // slot
    time = (pl.col("ts").dt.epoch("s") // slot - since).cast(pl.Int64).alias("slot")
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids), dtype=np.int64)})
    kinds, known = [], 0
    for name in resources:
        buckets = []
        for bucket in split.requests.buckets():
            used = bucket.select("account_id", time, key=pl.col(name)).drop_nulls("key")
            uses = used.group_by("account_id", "key").agg(pl.col("slot").min()) if first else used.unique()
            named = uses.with_columns(pl.col("account_id").cast(pl.String)).collect(engine="streaming")
            buckets.append(named.join(rows, on="account_id").select(pl.col("row", "slot").cast(pl.Int32), "key"))
        shared = links.held_by(pl.concat(buckets), pl.col("row").n_unique() > 1)
        number = pl.col("key").rank("dense").cast(pl.Int64) - 1 + known
        kinds.append(shared.select("row", number.alias("resource"), "slot").cast(pl.Int64))
        known += shared["key"].n_unique()
    return pl.concat(kinds).sort("row", "resource", "slot")


def shared_counts(a: sparse.csr_array) -> Iterator[tuple[I64, I64, F64]]:
    """Count the keys that each two accounts have in common, some accounts at a time.

    Parameters
    ----------
    a : scipy.sparse.csr_array, shape (accounts, keys)
        1 where an account holds a key.

    Yields
    ------
    first, second : ndarray of int64, shape (pairs,)
        Pairs with a key in common, first < second.
    common : ndarray of float64, shape (pairs,)
        How many keys.
    """
    turned, n = sparse.csr_array(a.T), a.shape[0]
    part = np.cumsum(a @ a.sum(axis=0)) // _MOST
    for start, stop in itertools.pairwise([0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), n]):
        block = sparse.coo_array(a[start:stop] @ turned)
        first, second = block.row.astype(np.int64) + start, block.col.astype(np.int64)
        upper = first < second
        yield first[upper], second[upper], block.data[upper]
