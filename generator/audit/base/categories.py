"""Categories as numbers, by a look-up of each category and not of each row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from generator.arrays import I64


def places(column: pl.Series, known: Mapping[str, int]) -> I64:
    """Number of each row's category; -1 for null and for categories that have none.

    Parameters
    ----------
    column : polars.Series of categories
        Any number of rows.
    known : mapping of str to int
        Number of each category.

    Examples
    --------
    >>> places(pl.Series(["b", None, "a", "c"], dtype=pl.Categorical), {"a": 0, "b": 1}).tolist()
    [1, -1, 0, -1]
    """
    met = column.drop_nulls().unique()
    codes = met.to_physical().to_numpy().astype(np.int64)
    null = int(codes.max(initial=-1)) + 1
    place = np.full(null + 1, -1)
    place[codes] = [known.get(value, -1) for value in met.cast(pl.String)]
    numbered: I64 = place[column.to_physical().cast(pl.Int64).fill_null(null).to_numpy()]
    return numbered
