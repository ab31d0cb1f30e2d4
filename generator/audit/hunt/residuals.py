"""What tokens and model do not explain: the rest of latency, of time to first byte, and of cache reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from generator.arrays import F64
from generator.audit.hunt.hunted_split import HuntedSplit

_C = pl.col
EXPLAINED: Mapping[str, pl.Expr] = {
    "latency": _C("latency_ms").cast(pl.Float64).log1p(),
    "time to first byte": _C("ttft_ms").cast(pl.Float64).log1p(),
    "cache reads": _C("cache_read_input_tokens") / (_C("input_tokens") + 1),
    "output tokens": _C("output_tokens").cast(pl.Float64).log1p(),
}
"""Numbers that follow from tokens and model."""
_CAUSES = (
    _C("input_tokens").cast(pl.Float64).log1p().alias("input"),
    _C("output_tokens").cast(pl.Float64).log1p().alias("output"),
    _C("reasoning_tokens").cast(pl.Float64).log1p().alias("reasoning"),
    _C("messages").cast(pl.Float64).log1p().alias("turns"),
    _C("stream").cast(pl.Float64),
)
_CAUSE_NAMES = ("input", "output", "reasoning", "turns", "stream")
_FITTED = 200_000
"""Requests on which a law is fitted."""


def features(split: HuntedSplit) -> pl.DataFrame:
    """Mean and spread of each account's residuals, of linear laws by model fitted on the split without labels.

    Parameters
    ----------
    split : HuntedSplit
        Any.

    Returns
    -------
    polars.DataFrame
        row, and two columns per number; accounts without answered requests are left out.
    """
    columns = [e.alias(f"of {n}") for n, e in EXPLAINED.items()]
    read = (_C("status"), _C("model").to_physical().alias("model"), *_CAUSES, *columns)
    laws: dict[tuple[str, int], F64] = {}
    parts = []
    for frame in split.requests(*read):
        answered = frame.filter(_C("status") == 200)
        if not laws:
            laws = _fitted(answered)
        rests = answered.select("row", *_rests(answered, laws))
        described = [
            how.alias(f"{n}: {word} of what is unexplained")
            for n in EXPLAINED
            for word, how in (("mean", _C(n).mean()), ("spread", _C(n).std()))
        ]
        parts.append(rests.group_by("row").agg(described))
    return pl.concat(parts)


def _causes(frame: pl.DataFrame, name: str) -> F64:
    """Causes of a number, which is not its own."""
    x: F64 = np.column_stack([frame.select(_named(name)).to_numpy(), np.ones(len(frame))])
    return x


def _named(name: str) -> tuple[str, ...]:
    return tuple(c for c in _CAUSE_NAMES if not (name == "output tokens" and c == "output"))


def _fitted(frame: pl.DataFrame) -> dict[tuple[str, int], F64]:
    sample = frame.gather_every(max(1, len(frame) // _FITTED))
    laws = {}
    for name in EXPLAINED:
        for (model,), rows in sample.drop_nulls(f"of {name}").group_by("model"):
            laws[name, int(str(model))] = np.linalg.lstsq(_causes(rows, name), rows[f"of {name}"].to_numpy())[0]
    return laws


def _rests(frame: pl.DataFrame, laws: Mapping[tuple[str, int], F64]) -> Iterator[pl.Series]:
    """What each number has beyond its law; causes are laid out once for all numbers that have the same."""
    models = frame["model"].to_numpy()
    of_model = {int(model): np.flatnonzero(models == model) for model in np.unique(models)}
    causes: dict[tuple[str, ...], dict[int, F64]] = {}
    for name in EXPLAINED:
        if _named(name) not in causes:
            x = _causes(frame, name)
            causes = {_named(name): {model: x[rows] for model, rows in of_model.items()}}
        expected = np.full(len(frame), np.nan)
        for model, x in causes[_named(name)].items():
            if (name, model) in laws:
                expected[of_model[model]] = x @ laws[name, model]
        yield (frame[f"of {name}"] - pl.Series(expected)).fill_nan(None).alias(name)
