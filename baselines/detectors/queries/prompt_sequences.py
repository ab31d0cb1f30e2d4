"""What each account asked first, prompt by prompt, in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from generator import schema
from generator.dataset import Split

EMBEDDING = list(schema.EMBEDDING_COLUMNS)
EMBEDDING_FIELDS = ("requests.ts", *(f"requests.{c}" for c in EMBEDDING))
SKETCH_FIELDS = ("requests.prompt_simhash", "requests.ts")


def first_prompts(split: Split, ids: pl.Series, columns: Sequence[str], most: int) -> pl.DataFrame:
    """Read the first prompts of each account; one that is sent again at once, as after a failure, counts once.

    Parameters
    ----------
    split : Split
        World with requests.ts and the columns.
    ids : polars.Series
        Accounts (String).
    columns : sequence of str
        Columns of the table requests that say what a prompt is like.
    most : int
        Prompts of an account.

    Returns
    -------
    polars.DataFrame
        row (position in `ids`) and the columns, ordered by row and time.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    parts = []
    for bucket in split.requests.buckets():
        asked = bucket.select(pl.col("account_id").cast(pl.String), "ts", *columns).drop_nulls(columns).collect()
        # What came in one millisecond is ordered by what it says: names have no part in it.
        ordered = asked.join(rows, on="account_id").sort("row", "ts", *columns)
        differs = pl.any_horizontal(pl.col(c) != pl.col(c).shift() for c in ("row", *columns))
        kept = ordered.filter(differs.fill_null(True)).group_by("row", maintain_order=True).head(most)
        parts.append(kept.select("row", *columns))
    return pl.concat(parts).sort("row", maintain_order=True)


def by_account(prompts: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Go through accounts that asked anything.

    Parameters
    ----------
    prompts : polars.DataFrame
        As `first_prompts` returns it.

    Yields
    ------
    row : int
        Account.
    prompts : polars.DataFrame
        The account's, in order of time.
    """
    row = prompts["row"].to_numpy()
    bounds = np.flatnonzero(np.diff(row, prepend=-1, append=-1)).tolist()
    for start, stop in pairwise(bounds):
        yield int(row[start]), prompts[start:stop]
