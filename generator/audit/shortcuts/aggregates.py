"""Every simple aggregate of every column per account, by sorting: a thousand of them in a few passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from generator import schema
from generator.arrays import F32, F64, I64, Mask
from generator.audit.base import categories
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.shortcuts import columns

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_CODE_BITS = 33
"""Whole numbers of so many bits are sorted together with their group in one 64-bit key."""
_CELLS = 4
"""Values are counted, not sorted, where all groups together have at most so many possible ones a row (a)."""
_DAY, _HOUR = 86_400_000, 3_600_000  # ms


@dataclass(frozen=True)
class Aggregates:
    """Aggregates of one split.

    Attributes
    ----------
    split : LabelledSplit
        Rows are its accounts.
    names : tuple of str
        Column and aggregate, such as "input_tokens:mean" or "country=region_a".
    values : ndarray of float32, shape (accounts, aggregates)
        NaN where undefined.
    """

    split: LabelledSplit
    names: tuple[str, ...]
    values: F32

    @property
    def judged(self) -> Mask:
        """Rows that the shortcut gates look at: benign, evasive and adaptive accounts."""
        return self.split.benign | self.split.hidden


def aggregate(splits: Sequence[LabelledSplit]) -> list[Aggregates]:
    """Compute all aggregates of all splits, the same columns for each.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    pools = columns.values_of(splits, "requests", columns.CATEGORIES)
    own = columns.values_of(splits, "accounts", columns.OF_ACCOUNTS)
    return [_of_split(split, pools, own) for split in splits]


def _of_split(split: LabelledSplit, pools: dict[str, list[str]], own: dict[str, list[str]]) -> Aggregates:
    n = len(split.truth)
    described: dict[str, F32] = {}
    for frame in split.buckets(pl.exclude("account_id", "request_id")):
        rows, of_bucket = _bucket(frame, split, pools)
        for name, values in of_bucket.items():
            described.setdefault(name, np.full(n, np.nan, np.float32))[rows] = values
    described["requests"] = np.nan_to_num(described["requests"])
    first = described.pop("ts:first") if "ts:first" in described else np.full(n, np.nan, np.float32)
    described |= _of_accounts(split, own, first) | {"ts:first": first}
    return Aggregates(split, tuple(described), np.column_stack(list(described.values())))


def _of_accounts(split: LabelledSplit, pools: dict[str, list[str]], first: F32) -> dict[str, F32]:
    """The account table's own columns, and the age at the first request."""
    table = split.joined(split.source.accounts.polars()).sort("row")
    created = (table["created"] - split.source.start).dt.total_milliseconds().to_numpy() / _DAY
    described = {"created": created, "age at first request": first - created}
    for name in ("payment_id", "organization"):
        described[f"{name}:null"] = table[name].is_null().to_numpy()
    for name, values in pools.items():
        text = table[name].cast(pl.String)
        described |= {f"{name}={v}": (text == v).fill_null(False).to_numpy() for v in values}
    return {name: np.asarray(values, np.float32) for name, values in described.items()}


def _bucket(frame: pl.DataFrame, split: LabelledSplit, pools: dict[str, list[str]]) -> tuple[I64, dict[str, Any]]:
    """Account rows, and the aggregates of each, of the requests of one bucket."""
    order = frame.select(pl.arg_sort_by("row", "ts")).to_series()
    frame = frame.select(pl.all().gather(order))
    rows, group, sizes = np.unique(frame["row"].to_numpy(), return_inverse=True, return_counts=True)
    span = (frame["ts"] - split.source.start).dt.total_milliseconds().to_numpy()
    gap = np.r_[np.nan, np.diff(span)]
    gap[np.cumsum(sizes) - sizes] = np.nan
    groups = _Groups(group, sizes)
    days = _runs(groups, frame["day"].to_numpy().astype(np.int64))[0]
    described: dict[str, Any] = {"requests": sizes, "days": days}
    described |= {f"ts:{k}": v / _DAY for k, v in groups.number(span, tied=False).items()}
    described |= {f"gap:{k}": v for k, v in groups.number(gap).items()}
    described |= {f"hour:{k}": v for k, v in groups.number(span // _HOUR % 24).items()}
    weekday = (span // _DAY + split.source.start.weekday()) % 7
    described |= {f"weekday:{k}": v for k, v in groups.number(weekday).items()}
    for name in (*columns.NUMBERS, *schema.EMBEDDING_COLUMNS):
        values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        tied = name not in schema.EMBEDDING_COLUMNS
        described |= {f"{name}:{k}": v for k, v in groups.number(values, tied).items()}
    for name in columns.OPAQUE:
        bits = frame[name].hash(0).to_numpy() >> np.uint64(_CODE_BITS)
        described |= {f"{name}:{k}": v for k, v in groups.equal(bits.astype(np.int64), frame[name]).items()}
    for name, pool in pools.items():
        described |= groups.category(
            name, categories.places(frame[name], {v: i for i, v in enumerate(pool)}), pool
        )
    for name in columns.NULLABLE:
        described[f"{name}:null"] = groups.mean(frame[name].is_null().to_numpy())
    return rows, described


class _Groups:
    """Rows sorted by account, and what can be said of a column per account."""

    def __init__(self, group: I64, sizes: I64) -> None:
        self.group, self.sizes = group, sizes
        self.starts = np.cumsum(sizes) - sizes
        self.ends = self.starts + sizes - 1

    def mean(self, values: npt.NDArray[Any]) -> F64:
        means: F64 = np.bincount(self.group, values, len(self.sizes)) / self.sizes
        return means

    def number(self, values: F64, tied: bool = True) -> dict[str, F64]:
        """Moments, quantiles, first and last; with `tied` also distinct values, entropy and share of the mode."""
        values = np.asarray(values, np.float64)
        inside = self._where(~np.isnan(values))
        v = values if inside is self else values[~np.isnan(values)]
        count = np.where(inside.sizes > 0, inside.sizes, np.nan)
        mean = np.bincount(inside.group, v, len(count)) / count
        apart = v - np.repeat(mean, inside.sizes)
        spread = np.bincount(inside.group, apart * apart, len(count)) / count
        described = {"mean": mean, "sd": np.sqrt(spread), "total": mean * count}
        described |= {"first": values[self.starts], "last": values[self.ends]}
        ordered = _sorted(inside.group, v)
        for q in QUANTILES:
            described[f"q{q:g}"] = _quantile(inside, ordered, q)
        if tied:
            described |= dict(
                zip(("distinct", "entropy", "mode"), _runs(inside, ordered, presorted=True), strict=True)
            )
        return described

    def equal(self, codes: I64, column: pl.Series) -> dict[str, F64]:
        """What can be said of values that are only equal or not; nulls are left out."""
        known = column.is_not_null().to_numpy()
        return dict(zip(("distinct", "entropy", "mode"), _runs(self._where(known), codes[known]), strict=True))

    def category(self, name: str, codes: I64, pool: list[str]) -> dict[str, F64]:
        """As `equal`, and the share, first and last of each value."""
        n, k = len(self.sizes), len(pool) + 1
        share = np.bincount(self.group * k + codes + 1, minlength=n * k).reshape(n, k) / self.sizes[:, None]
        described = {f"{name}={v}": share[:, i + 1] for i, v in enumerate(pool)}
        for word, at in (("first", self.starts), ("last", self.ends)):
            described |= {f"{name}:{word}={v}": (codes[at] == i).astype(np.float64) for i, v in enumerate(pool)}
        known = codes >= 0
        words = ("distinct", "entropy", "mode")
        runs = _runs(self._where(known), codes[known])
        return described | {f"{name}:{word}": values for word, values in zip(words, runs, strict=True)}

    def _where(self, known: Mask) -> _Groups:
        """The same accounts with some of their rows; themselves with all."""
        if known.all():
            return self
        group = self.group[known]
        return _Groups(group, np.bincount(group, minlength=len(self.sizes)))


def _sorted(group: I64, values: npt.NDArray[Any]) -> F64:
    """Values sorted inside their group; groups are in order."""
    low, high = (values.min(), values.max()) if len(values) else (0, 0)
    whole = values.dtype.kind == "i" or bool(np.all(values == np.floor(values)))
    if len(values) and whole and high - low < 2.0**_CODE_BITS:
        bits = int(high - low).bit_length()
        span = (int(group[-1]) + 1) << bits
        kind: Any = np.uint32 if span <= 1 << 32 else np.uint64
        key = (group.astype(kind) << kind(bits)) | (values - low).astype(kind)
        if span <= _CELLS * len(key):
            counts = np.bincount(key, minlength=span)
            met = np.flatnonzero(counts)
            return np.repeat((met & (2**bits - 1)) + float(low), counts[met])
        key.sort()
        return np.asarray((key & kind(2**bits - 1)).astype(np.float64) + low)
    narrow = values.astype(np.float32)
    if len(values) and bool(np.all(narrow == values)):
        # The bits of floats are in the order of the floats, negative ones backwards; -0.0 is 0.0.
        code = (narrow + np.float32(0)).view(np.uint32)
        code ^= np.where(code >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
        key = (group.astype(np.uint64) << np.uint64(32)) | code
        key.sort()
        code = key.astype(np.uint32)
        code ^= np.where(code >> 31, np.uint32(0x80000000), np.uint32(0xFFFFFFFF))
        return np.asarray(code.view(np.float32).astype(np.float64))
    order = np.lexsort((values, group))
    return np.asarray(values[order])


def _quantile(groups: _Groups, ordered: F64, q: float) -> F64:
    """Linear quantile of each group."""
    size = groups.sizes
    at = groups.starts + q * np.maximum(size - 1, 0)
    low = np.minimum(np.floor(at).astype(np.int64), max(0, len(ordered) - 1))
    high = np.minimum(np.ceil(at).astype(np.int64), max(0, len(ordered) - 1))
    if not len(ordered):
        return np.full(len(size), np.nan)
    quantiles: F64 = np.where(size > 0, ordered[low] + (at - low) * (ordered[high] - ordered[low]), np.nan)
    return quantiles


def _runs(groups: _Groups, values: npt.NDArray[Any], presorted: bool = False) -> tuple[F64, F64, F64]:
    """Distinct values, their entropy in nats, and the share of the commonest, per group."""
    n = len(groups.sizes)
    ordered = values if presorted else _sorted(groups.group, values)
    if not len(ordered):
        return np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    new = np.r_[True, ordered[1:] != ordered[:-1]]
    new[groups.starts[groups.sizes > 0]] = True
    starts = np.flatnonzero(new)
    length = np.diff(np.r_[starts, len(ordered)]).astype(np.float64)
    owner = groups.group[starts]
    total = np.where(groups.sizes > 0, groups.sizes, np.nan)
    entropy = np.log(total) - np.bincount(owner, length * np.log(length), n) / total
    mode = np.zeros(n)
    np.maximum.at(mode, owner, length)
    return np.bincount(owner, minlength=n).astype(np.float64), entropy, mode / total
