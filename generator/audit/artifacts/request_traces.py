"""Traces that only a careless simulator leaves in requests: digits, formatting, unexplained nulls, order of rows.

A table: each trace gives every request a small code, and no honest detector should profit from it. They are
counted request by request, so that even a faint one shows; the requests of a cohort may be alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from generator.arrays import F64, I64, Mask
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.two_sample import Comparison, compare_counts

COUNTERS = (
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "latency_ms",
    "ttft_ms",
)
_LEAST = 1000
"""Digits are compared from here: below, the last digit depends on how small the value is."""
_COMMON, _FEW = 0.005, 20
"""Values that one in two hundred (and 20) of these hold, such as a ceiling, are habits, not digits."""
_c = pl.col


@dataclass(frozen=True)
class RequestTrace:
    """One trace.

    Attributes
    ----------
    family, name : str
        Row of the audit that it belongs to, and its own name.
    code : polars.Expr
        Small whole number per request; null: not compared.
    levels : int
        Codes are below it.
    value : str
        Column that it is read from, where a cohort may send one value over and over.
    """

    family: str
    name: str
    code: pl.Expr
    levels: int
    value: str = ""


@dataclass(frozen=True)
class Tally:
    """Traces of one split.

    Attributes
    ----------
    comparisons : dict of str to list of Comparison or None
        By family.
    columns : dict of str to ndarray, shape (accounts,)
        For the model, by trace: the code of the account's first such request, NaN if it has none. Of one request,
        not a mean: how close a mean is to one half tells how many requests went into it.
    """

    comparisons: dict[str, list[Comparison | None]]
    columns: dict[str, F64]


def _digits(name: str, value: pl.Expr, column: str = "") -> list[RequestTrace]:
    codes = {"last digit": (value % 10, 10), "parity": (value % 2, 2), "ends in 0": (value % 10 == 0, 2)}
    return [
        RequestTrace("digits", f"{name} {what}", code, levels, column) for what, (code, levels) in codes.items()
    ]


def _flags(family: str, codes: dict[str, pl.Expr]) -> list[RequestTrace]:
    return [RequestTrace(family, name, code, 2) for name, code in codes.items()]


_stamp = _c("ts").dt.epoch("ms")
_failed = _c("status") != 200
_t = _c("temperature").cast(pl.Float64)
# When a null is what the schema says; the other nulls are habits, which the aggregates cover.
_explained = {
    "stop_reason": _failed,
    "error_type": ~_failed,
    "ttft_ms": _failed | ~_c("stream"),
    "tools_hash": _c("tools") == 0,
}
_late = (_c("at") - _c("ts").rank("average").over("day")) * 2
TRACES = (
    RequestTrace("order", "row order beyond time", _late.clip(-20, 20) + 20, 41),
    RequestTrace("digits", "ts milliseconds", _stamp % 1000 // 10, 100),
    *_digits("ts", _stamp),
    *_flags("digits", {"ts whole seconds": _stamp % 1000 == 0}),
    *(t for name in COUNTERS for t in _digits(name, _c(f"{name} counted"), f"{name} counted")),
    *_flags(
        "formatting",
        {
            "temperature finer than 0.01": (_t - _t.round(2)).abs() > 1e-6,
            "temperature not the nearest number": _c("temperature") != _t.round(2).cast(pl.Float32),
            "temperature -0": (_t == 0) & (1 / _t < 0),
            "temperature NaN": _t.is_nan(),
        },
    ),
    *_flags("nulls", {f"{name} null": _c(name).is_null() != why for name, why in _explained.items()}),
    *_flags("nulls", {"response_simhash 0": (_c("response_simhash") == 0) & _c("long answer")}),
)
_NEEDS = ("ts", "day", "status", "stream", "tools", "max_tokens", "temperature", "response_simhash", *_explained)


def tally(split: LabelledSplit) -> Tally:
    """Count all traces of one split, and compare them.

    Parameters
    ----------
    split : LabelledSplit
        Any.
    """
    common, shortest = _common(split)
    cluster, positive = _clusters(split)
    counts = {t.name: np.zeros((len(positive), t.levels)) for t in TRACES}
    n = len(split.truth)
    first = np.full((len(TRACES), n), np.nan)
    sent: dict[str, list[pl.DataFrame]] = {f"{name} counted": [] for name in COUNTERS}
    for frame in split.buckets(*dict.fromkeys((*_NEEDS, *COUNTERS))):
        prepared = frame.with_columns(
            *(_counted(name, common[name]) for name in COUNTERS),
            (~_failed & (_c("output_tokens") >= shortest)).alias("long answer"),
            pl.int_range(1, pl.len() + 1).over("day").alias("at"),
        )
        at = prepared["row"].to_numpy()
        coded = prepared.select(t.code.cast(pl.Int16).alias(t.name) for t in TRACES)
        of = prepared.select(pl.Series("cluster", cluster[at]), *sent).filter(_c("cluster") >= 0)
        everyone = _Rows(at, cluster)
        for name, parts in sent.items():
            parts.append(of.select("cluster", value=name).drop_nulls().group_by("cluster", "value").len())
        for k, t in enumerate(TRACES):
            known = coded[t.name].is_not_null().to_numpy()
            rows = everyone if known.all() else _Rows(at[known], cluster)
            code = coded[t.name].drop_nulls().to_numpy()
            first[k, rows.account] = code[rows.first]
            key = rows.cluster * t.levels + code[rows.judged]
            counts[t.name] += np.bincount(key, minlength=counts[t.name].size).reshape(-1, t.levels)
    comparisons: dict[str, list[Comparison | None]] = {t.family: [] for t in TRACES}
    repeats = {"": (1.0, 1.0)} | {name: _repeats(parts, positive) for name, parts in sent.items()}
    for t in TRACES:
        compared = compare_counts(t.name, split.name, counts[t.name], positive, repeats[t.value])
        comparisons[t.family].append(compared)
    return Tally(comparisons, {t.name: first[k] for k, t in enumerate(TRACES)})


class _Rows:
    """Rows of some accounts: the first of each account, and the cluster of those that belong to one."""

    def __init__(self, at: I64, cluster: I64) -> None:
        place = np.full(len(cluster), -1)
        place[at[::-1]] = np.arange(len(at))[::-1]  # of several values for one place the last one stays
        self.account = np.flatnonzero(place >= 0)
        self.first = place[self.account]
        whose = cluster[at]
        self.judged = np.flatnonzero(whose >= 0)
        self.cluster = whose[self.judged]


def _clusters(split: LabelledSplit) -> tuple[I64, Mask]:
    """Cohort of each account, split by class (-1: neither class), and the class of each."""
    judged = split.benign | split.extraction
    key = split.cohort * 2 + split.extraction
    known, back = np.unique(key[judged], return_inverse=True)
    cluster = np.full(len(judged), -1)
    cluster[judged] = back
    return cluster, known % 2 == 1


def _repeats(sent: list[pl.DataFrame], positive: np.ndarray) -> tuple[float, float]:
    """Mean number of requests of the same cohort with the same value, among positives and among negatives."""
    times = pl.concat(sent).group_by("cluster", "value").agg(_c("len").cast(pl.Float64).sum())
    of = times.with_columns(pl.Series("positive", positive[times["cluster"].to_numpy()]))
    sides = (of.filter(_c("positive") == side)["len"].to_numpy() for side in (True, False))
    above, below = (float((n**2).sum() / n.sum()) if len(n) else 1.0 for n in sides)
    return above, below


def _counted(name: str, common: list[int]) -> pl.Expr:
    """Values large and rare enough for their digits to be noise, of answers that were not cut."""
    kept = (_c(name) >= _LEAST) & ~_c(name).is_in(common) & (_c("output_tokens") != _c("max_tokens"))
    return pl.when(kept).then(_c(name)).alias(f"{name} counted")


def _common(split: LabelledSplit) -> tuple[dict[str, list[int]], int]:
    """Values of each counter that many rows hold, and the shortest answer with a fingerprint."""
    counts: dict[str, list[pl.DataFrame]] = {name: [] for name in COUNTERS}
    shortest = 2**31 - 1
    for frame in split.buckets(*COUNTERS, "response_simhash"):
        for name in COUNTERS:
            counts[name].append(frame[name].filter(frame[name] >= _LEAST).value_counts())
        lengths = frame.filter(_c("response_simhash") != 0)["output_tokens"].to_numpy()
        shortest = min(shortest, int(lengths.min(initial=shortest)))
    merged = {name: pl.concat(p).group_by(name).agg(_c("count").sum()) for name, p in counts.items()}
    many = pl.max_horizontal(_COMMON * _c("count").sum(), _FEW)
    return {name: table.filter(_c("count") > many)[name].to_list() for name, table in merged.items()}, shortest
