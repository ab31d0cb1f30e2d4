"""What groups of accounts are like: how alike their habits, what links them, and how much of it is theirs alone.

Every number is a mean over the members or over their pairs, so that small and large groups can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse, stats

from generator.arrays import F64, I64
from generator.dataset import Split

Columns = dict[str, F64]
KNOWN = ("plan", "verification", "payment_type", "email_type")
USUAL = ("sdk", "channel", "language", "country", "asn_type", "model", "temperature")
FIELDS = (*(f"accounts.{c}" for c in KNOWN), *(f"requests.{c}" for c in USUAL))

# Habits (rows of `feature_table`) whose spread in a group is looked at, and those of which its mean counts too:
# age, volume and novelty mean the same whatever the work is about, sizes and settings do not.
SPREAD = (
    *("requests", "active_days", "requests_per_active_day", "gap_median", "gap_cv", "input_median", "input_sd"),
    *("output_median", "output_sd", "stream_share", "batch_share", "tools_mean", "conversation_share", "messages"),
    *("hour_entropy", "quiet_share", "weekend_share", "age", "max_tokens", "reasoning_share", "cache_read_share"),
    *("first_seen", "last_seen", "prompts_distinct", "template_share", "templates", "topic_spread", "languages"),
    *("failed_share", "echo_share", "temperature_set"),
)
MEAN = (
    *("age", "first_seen", "last_seen", "requests", "active_days", "prompts_distinct", "template_share"),
    *("failed_share", "quiet_share"),
)


@dataclass(frozen=True)
class Habits:
    """Habits of accounts.

    Attributes
    ----------
    ranks : mapping of str to ndarray of float64, shape (accounts,)
        Rank of each habit in the population, 0 to 1; NaN where undefined.
    categories : mapping of str to ndarray of int64, shape (accounts,)
        Code of each category; -1 where there is none.
    """

    ranks: Mapping[str, F64]
    categories: Mapping[str, I64]


def read_habits(split: Split, features: pl.DataFrame) -> Habits:
    """Read the habits of the accounts of a world.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.
    features : polars.DataFrame
        account_id and the features named in `SPREAD`.

    Returns
    -------
    Habits
        In the order of `features`.
    """
    ids = features.select("account_id")
    known = split.accounts.polars().select(pl.col("account_id", *KNOWN).cast(pl.String)).collect()
    usual = [pl.col(c).cast(pl.String).drop_nulls().mode().min() for c in USUAL]
    buckets = [b.select("account_id", *USUAL).collect() for b in split.requests.buckets()]
    used = pl.concat([b.group_by("account_id").agg(usual).cast({"account_id": pl.String}) for b in buckets])
    both = ids.join(known, on="account_id", how="left", maintain_order="left")
    both = both.join(used, on="account_id", how="left", maintain_order="left")
    return Habits(
        {name: mid_ranks(features[name].to_numpy()) for name in SPREAD},
        {c: _codes(both[c]) for c in (*KNOWN, *USUAL)},
    )


def habit_columns(label: I64, habits: Habits) -> Columns:
    """Means and spreads of habits, and how often two members agree.

    Parameters
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    habits : Habits
        Of the same accounts.

    Returns
    -------
    dict of str to ndarray of float64, shape (groups,)
        NaN where undefined.
    """
    size = np.bincount(label).astype(np.float64)
    columns: Columns = {
        "size": np.log(size),
        "active": _mean(label, (habits.ranks["requests"] >= 0).astype(np.float64)),
    }
    for name, values in habits.ranks.items():
        mean = _mean(label, values)
        columns[f"spread:{name}"] = _pair_mean(label, (values - mean[label]) ** 2)
        if name in MEAN:
            columns[f"mean:{name}"] = mean
    return columns | {f"agree:{name}": agreement(label, codes) for name, codes in habits.categories.items()}


def link_columns(label: I64, incidences: Mapping[str, sparse.csr_array]) -> Columns:
    """Per link: keys per member, pairs that share one, how often keys are shared, and by whom else.

    Parameters
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    incidences : mapping of str to scipy.sparse.csr_array
        Accounts by keys, per link (`links.incidence`).

    Returns
    -------
    dict of str to ndarray of float64, shape (groups,)
        NaN where undefined.
    """
    n, groups = len(label), int(label.max()) + 1
    member = sparse.csr_array((np.ones(n), (label, np.arange(n))), shape=(groups, n))
    size = np.bincount(label).astype(np.float64)
    columns: Columns = {}
    for name, a in incidences.items():
        inside = sparse.csr_array(member @ a)
        keys = inside.sum(axis=1)
        pairs = inside.power(2).sum(axis=1) - keys
        shared = inside.copy()
        shared.data = np.where(shared.data > 1, shared.data, 0.0)
        everywhere = shared.sign() @ a.sum(axis=0) if a.shape[1] else keys
        columns |= {
            f"{name}:keys": keys / size,
            f"{name}:pairs": _divide(pairs, size * (size - 1)),
            f"{name}:shared": _divide(pairs, keys * (size - 1)),
            f"{name}:own": _divide(shared.sum(axis=1), everywhere),
        }
    return columns


def agreement(label: I64, codes: I64) -> F64:
    """Share of each group's pairs of members that are of the same category.

    Parameters
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    codes : ndarray of int64, shape (accounts,)
        Category of each; negative codes are left out.

    Returns
    -------
    ndarray of float64, shape (groups,)
        0 to 1; NaN for groups of fewer than two.

    Examples
    --------
    >>> agreement(np.array([0, 0, 0, 1]), np.array([5, 5, 6, 5]))
    array([0.33333333,        nan])
    """
    known = codes >= 0
    shape = (int(label.max()) + 1, max(1, int(codes.max()) + 1))
    count = sparse.csr_array((np.ones(known.sum()), (label[known], codes[known])), shape=shape)
    total = count.sum(axis=1)
    return _divide(count.power(2).sum(axis=1) - total, total * (total - 1))


def mid_ranks(values: F64) -> F64:
    """Ranks in the population, middle of ties: the same scale in every world.

    Parameters
    ----------
    values : ndarray of float64, shape (accounts,)
        NaN where undefined.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        0 to 1; NaN where undefined.

    Examples
    --------
    >>> mid_ranks(np.array([30.0, 10.0, np.nan, 20.0, 20.0]))
    array([0.875, 0.125,   nan, 0.5  , 0.5  ])
    """
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = (stats.rankdata(values[known]) - 0.5) / max(1, known.sum())
    return ranks


def _mean(label: I64, values: F64) -> F64:
    known = ~np.isnan(values)
    groups = int(label.max()) + 1
    count = np.bincount(label[known], minlength=groups)
    return _divide(np.bincount(label[known], values[known], groups), count)


def _pair_mean(label: I64, squares: F64) -> F64:
    """Sum over the members less one: the variance of a group."""
    known = ~np.isnan(squares)
    groups = int(label.max()) + 1
    count = np.bincount(label[known], minlength=groups)
    return _divide(np.bincount(label[known], squares[known], groups), count - 1)


def _codes(values: pl.Series) -> I64:
    return np.asarray(values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1, np.int64)


def _divide(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> F64:
    return np.asarray(np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0))
