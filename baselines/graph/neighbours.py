"""Accounts as the nodes of a graph: plain columns, values that they share, and what their neighbours are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import account_features, feature_table, supervision
from baselines.graph import shared_keys
from generator.arrays import F64
from generator.dataset import Split

LINKS = ("payment", "domain", "signup", "prefix", "device", "conversation", "template", "tools")
"""Identity columns, two accounts with one value of which are neighbours: rows of `links.LINKS`."""

COLUMNS = feature_table.named(
    *("requests", "active_days", "active_hours", "gap_mean", "weekend_share", "age"),
    *("input_mean", "input_sd", "output_mean", "output_sd", "reasoning_share", "cache_read_share"),
    *(
        "cache_write_share",
        "max_tokens",
        "temperature_set",
        "temperature",
        "tools_share",
        "tools_mean",
        "messages",
    ),
    *("stream_share", "batch_share", "console_share", "conversation_share", "failed_share", "limited_share"),
    *("retries", "end_users", "models", "sdks", "api_keys", "plan_frequency", "verification_frequency"),
    *("payment_type_frequency", "email_type_frequency", "prefixes", "countries", "devices"),
    *("hosting_share", "vpn_share", "templates", "template_share", "tool_sets", "languages", "flagged_share"),
)
"""What a node says of itself: counts, means, shares and standard deviations, none made for this problem."""

FIELDS = tuple(sorted({*account_features.fields_of(COLUMNS), *shared_keys.fields_of(LINKS)}))
_DECIMALS = 9  # sums in another order differ in later ones


@dataclass(frozen=True)
class NodeTable:
    """Accounts with their own columns, and the values that they share.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String), in an order that their names have no part in.
    x : ndarray of float64, shape (accounts, columns)
        Their own columns; NaN where undefined.
    held : mapping of str to scipy.sparse.csr_array, shape (accounts, values)
        1 where an account has the value, per link; values that too many have are left out.
    """

    ids: pl.Series
    x: F64
    held: Mapping[str, sparse.csr_array]


def node_table(split: Split, most: int) -> NodeTable:
    """Read the nodes and links of a world.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.
    most : int
        A value that more accounts have makes no neighbours.

    Returns
    -------
    NodeTable
        All its accounts.
    """
    keys = shared_keys.read_keys(split, LINKS)
    frame = account_features.account_features(split, COLUMNS)
    in_order = keys.ids.to_frame().join(frame, on="account_id", how="left", maintain_order="left")
    held = {name: sparse.csr_array(a[:, a.sum(axis=0) <= most]) for name, a in keys.incidences.items()}
    return NodeTable(keys.ids, supervision.matrix(in_order), held)


def neighbour_mean(held: sparse.csr_array, x: F64) -> F64:
    """Mean over the neighbours of each account, one that shares several values counting once for each.

    Pairs of accounts are never listed: time and memory grow with the values held, whatever the degrees.

    Parameters
    ----------
    held : scipy.sparse.csr_array, shape (accounts, values)
        1 where an account has the value.
    x : ndarray of float64, shape (accounts, columns)
        NaN where undefined.

    Returns
    -------
    ndarray of float64, shape (accounts, columns)
        Rounded to nine decimals; NaN for who has no neighbour of whom the column is known.

    Examples
    --------
    The first account shares a value with each of the others:

    >>> held = sparse.csr_array(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> neighbour_mean(held, np.array([[9.0], [2.0], [4.0]])).ravel()
    array([3., 9., 9.])
    """
    own = held.sum(axis=1)[:, None]
    known = ~np.isnan(x)

    def around(values: F64) -> F64:
        return np.asarray(held @ (held.T @ values) - own * values, np.float64)

    count = around(known.astype(np.float64))
    total = around(np.where(known, x, 0.0))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.asarray(np.round(mean, _DECIMALS), np.float64)


def degrees(held: sparse.csr_array) -> F64:
    """How many neighbours accounts have, one that shares several values counting once for each.

    Parameters
    ----------
    held : scipy.sparse.csr_array, shape (accounts, values)
        1 where an account has the value.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        log(1 + n).
    """
    return np.asarray(np.log1p(held @ held.sum(axis=0) - held.sum(axis=1)), np.float64)
