"""One row for each value of a key, beside the extremes of what must be the same wherever it occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from generator.audit.physics.history_views import passes
from generator.audit.physics.invariant import View
from generator.audit.physics.request_view import embedding
from generator.dataset import Split


def key_view(table: str, keys: tuple[str, ...], values: tuple[str, ...]) -> View:
    """View of the values of a key that has few of them.

    Parameters
    ----------
    table : str
        Table that they occur in.
    keys, values : tuple of str
        Columns that name a thing together, and those that must be the same wherever it occurs.
    """

    def frames(split: Split) -> Iterator[pl.DataFrame]:
        rows = split.tables[table].polars().select(*keys, *values)
        known = rows.filter(pl.all_horizontal(pl.col(key).is_not_null() for key in keys))
        yield _extremes(known.unique(), keys, values).collect(engine="streaming")

    return View(table, frames, keys, _derived(table, keys, values))


def _prompt_frames(split: Split) -> Iterator[pl.DataFrame]:
    parts = passes(split, (pl.col("messages") == 1).sum() // _NARROW)
    values = ("input_tokens", "language", "embedding")
    for part in range(parts):
        calls = split.requests.polars().filter(pl.col("messages") == 1, pl.col("prompt_simhash") % parts == part)
        rows = calls.with_columns(embedding()).select(*_PROMPT, *values).collect(engine="streaming")
        met_again = rows.select(pl.struct(_PROMPT).hash().is_duplicated()).to_series()
        again = _comparable(rows.filter(met_again).lazy().unique(), values)
        yield again.with_columns(
            end(pl.col(value)).over(*_PROMPT, *_BESIDE[value]).alias(f"{word} {value}")
            for value in values
            for word, end in _ENDS
        ).collect()
        # Most prompts are sent once: they are their own extremes.
        once = _comparable(rows.filter(~met_again).lazy(), values)
        yield once.select(
            *_PROMPT, *(pl.col(value).alias(f"{word} {value}") for value in values for word in ("least", "most"))
        ).collect()


def _id_frames(split: Split) -> Iterator[pl.DataFrame]:
    parts = passes(split, pl.len() // _NARROW)
    for part in range(parts):
        rows = split.requests.polars().select("request_id").filter(pl.col("request_id") % parts == part)
        ids = np.sort(rows.collect(engine="streaming")["request_id"].to_numpy())
        first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]][: len(ids)])
        yield pl.DataFrame({"request_id": ids[first], "rows": np.diff(np.r_[first, len(ids)])})


def _account_frames(split: Split) -> Iterator[pl.DataFrame]:
    yield split.accounts.polars().group_by("account_id").agg(pl.len().alias("rows")).collect()


def _release_frames(split: Split) -> Iterator[pl.DataFrame]:
    yield split.releases.polars().group_by("model").agg(pl.len().alias("rows")).collect()


def _comparable(rows: pl.LazyFrame, values: tuple[str, ...]) -> pl.LazyFrame:
    return rows.with_columns(
        (pl.col(value) if value in ("input_tokens", "embedding") else pl.col(value).cast(pl.String).fill_null("-"))
        for value in values
    )


def _extremes(rows: pl.LazyFrame, keys: tuple[str, ...], values: tuple[str, ...]) -> pl.LazyFrame:
    return (
        _comparable(rows, values)
        .group_by(keys)
        .agg(end(pl.col(value)).alias(f"{word} {value}") for value in values for word, end in _ENDS)
    )


def _derived(table: str, keys: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str]:
    of_keys = " ".join(f"{table}.{key}" for key in keys)
    return {f"{word} {value}": f"{of_keys} {table}.{value}" for value in values for word in ("least", "most")}


_NARROW = 4
"""So many rows of a few columns are looked at in place of one (a)."""
_ENDS: tuple[tuple[str, Callable[[pl.Expr], pl.Expr]], ...] = (("least", pl.Expr.min), ("most", pl.Expr.max))
_PROMPT = ("system_prompt_hash", "prompt_simhash")
_BESIDE = {"input_tokens": ["embedding"], "language": ["embedding"], "embedding": ["input_tokens", "language"]}
"""What rows with one SimHash share, too, if they are one prompt. Two that a template makes alike may have the same
one by chance, in one of some twenty worlds of small, and then they differ in everything else."""
_OF_PROMPT = "requests.system_prompt_hash requests.prompt_simhash requests.messages"
PROMPTS = View(
    "requests",
    _prompt_frames,
    _PROMPT,
    {
        f"{word} {value}": f"{_OF_PROMPT} requests.{column}"
        for value, column in (
            ("input_tokens", "input_tokens"),
            ("language", "language"),
            ("embedding", "prompt_emb_*"),
        )
        for word in ("least", "most")
    },
)
REQUEST_IDS = View("requests", _id_frames, ("request_id",), {"rows": "requests.request_id"})
ACCOUNT_IDS = View("accounts", _account_frames, ("account_id",), {"rows": "accounts.account_id"})
MODELS = View("releases", _release_frames, ("model",), {"rows": "releases.model"})
