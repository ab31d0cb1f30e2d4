"""Shifts of an account's habits at any day: the day at which before and after differ most, and by how much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from generator import schema
from generator.arrays import F64
from generator.audit.hunt.hunted_split import DAY, HuntedSplit

_C = pl.col
_HOUR = 2 * np.pi / DAY


def _log(name: str) -> pl.Expr:
    return _C(name).cast(pl.Float64).log1p()


HABITS: Mapping[str, pl.Expr] = {
    "templated": _C("system_prompt_hash").is_not_null(),
    "with tools": _C("tools_hash").is_not_null(),
    "input tokens": _log("input_tokens"),
    "output tokens": _log("output_tokens"),
    "reasoning tokens": _log("reasoning_tokens"),
    "read from cache": _C("cache_read_input_tokens") > 0,
    "messages": _log("messages"),
    "streamed": _C("stream"),
    "failed": _C("status") != 200,
    "in conversations": _C("conversation_id").is_not_null(),
    "for an end user": _C("end_user_id").is_not_null(),
    "latency": _log("latency_ms"),
}
"""Numbers of a request whose mean may shift."""
_CLOCK = {
    "hour, sine": (_C("at") * _HOUR).sin(),
    "hour, cosine": (_C("at") * _HOUR).cos(),
    "repeats": ~_C("fresh"),
}
_VECTORS = {"embedding": len(schema.EMBEDDING_COLUMNS), "hour": 2}


def features(split: HuntedSplit) -> pl.DataFrame:
    """The largest shift of each habit of each account: its strength, its size, its day; volume likewise.

    Parameters
    ----------
    split : HuntedSplit
        Any.

    Returns
    -------
    polars.DataFrame
        row, and three columns per habit; accounts without requests are left out.
    """
    habits = [e.alias(n) for n, e in HABITS.items()]
    embedding = [_C(n) for n in schema.EMBEDDING_COLUMNS]
    return pl.concat(_of_bucket(frame, split.days) for frame in split.requests(*habits, *embedding))


def _of_bucket(frame: pl.DataFrame, days: int) -> pl.DataFrame:
    frame = frame.with_columns(day=_C("at") // int(DAY), **_CLOCK)
    names = [*HABITS, "repeats", *schema.EMBEDDING_COLUMNS, "hour, sine", "hour, cosine"]
    squares = [_square(n, frame.schema[n]).sum().alias(f"{n} squared") for n in names]
    daily = frame.group_by("row", "day").agg(pl.len().alias("n"), *(_C(n).sum() for n in names), *squares)
    rows, at = np.unique(daily["row"].to_numpy(), return_inverse=True)
    cell = (at, np.clip(daily["day"].to_numpy(), 0, days - 1))

    def filled(columns: list[str]) -> F64:
        values = np.zeros((len(rows), days, len(columns)))
        values[cell] = daily.select(columns).to_numpy()
        return values

    n, sums = filled(["n"])[:, :, 0], filled(names)
    total, mean = n.sum(axis=1), sums.sum(axis=1) / n.sum(axis=1)[:, None]
    spread = np.maximum(filled([f"{x} squared" for x in names]).sum(axis=1) / total[:, None] - mean**2, 0)
    before, until = np.cumsum(n, axis=1)[:, :-1], np.cumsum(sums, axis=1)[:, :-1]
    after, since = total[:, None] - before, sums.sum(axis=1, keepdims=True) - until
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = since / after[:, :, None] - until / before[:, :, None]
        weight = np.sqrt(before * after / total[:, None])
    described: dict[str, F64] = {}
    scalar = len(HABITS) + 1
    for i, name in enumerate(names[:scalar]):
        described |= _largest(name, shift[:, :, i], weight, spread[:, i])
    start = scalar
    for name, size in _VECTORS.items():
        inside = slice(start, start + size)
        norm = np.sqrt((shift[:, :, inside] ** 2).sum(axis=2))
        described |= _largest(name, norm, weight, spread[:, inside].sum(axis=1))
        start += size
    described |= _volume(n, before, after)
    return pl.DataFrame({"row": rows, **described}).with_columns(_C("row").cast(pl.UInt32))


def _square(name: str, kind: pl.DataType) -> pl.Expr:
    """Square of a column: of flags and whole numbers as they are, which are short and whose sums are exact."""
    if kind == pl.Boolean:
        return _C(name)
    return _C(name).cast(pl.Int16) ** 2 if kind == pl.Int8 else _C(name) ** 2


def _largest(name: str, shift: F64, weight: F64, spread: F64) -> dict[str, F64]:
    """Strength in standard errors, size, and day, where before and after differ most."""
    known = ~np.isnan(shift) & (weight > 0)
    strength = np.where(known, np.abs(shift) * weight / np.sqrt(spread + 1e-9)[:, None], -1.0)
    day = strength.argmax(axis=1)
    at = (np.arange(len(day)), day)
    undefined = strength[at] < 0
    values = {"shift in standard errors": strength[at], "shift": shift[at], "day of its shift": day + 1.0}
    return {f"{name}: {word}": np.where(undefined, np.nan, x) for word, x in values.items()}


def _volume(n: F64, before: F64, after: F64) -> dict[str, F64]:
    """Log ratio of the daily requests after and before, where it is most significant."""
    days = n.shape[1]
    left = np.arange(1, days)
    rate = np.log((after + 0.5) / (days - left)) - np.log((before + 0.5) / left)
    return _largest("requests", rate, np.sqrt(1 / (1 / (before + 0.5) + 1 / (after + 0.5))), np.ones(len(n)))
