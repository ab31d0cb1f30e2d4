"""Does anything pile up at the borders: the window's first and last day, and midnight?

Who sends more begins earlier and ends later, whoever it is: accounts are ranked among those with about as many
requests (to a factor of two), and only then compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from generator.arrays import F64, I64
from generator.audit.base import verdicts
from generator.audit.base.gate import Gate
from generator.audit.base.two_sample import Comparison, compare_ranks
from generator.audit.hunt.hunted_split import DAY, HuntedSplit

DEVIATION = 0.1
"""Deviation of the ROC AUC allowed to habits of the clock that cohorts have anyhow (a)."""
_NEAR = 600  # s from midnight
_REMEDY = "let campaigns and benign projects begin and end by one law, before, in and after the window"


def gate(splits: Sequence[HuntedSplit]) -> Gate:
    """Compare served accounts of the hidden tiers with benign ones.

    Parameters
    ----------
    splits : sequence of HuntedSplit
        Every split of a dataset.
    """
    compared = [comparison for split in splits for comparison in _compared(split)]
    name = "borders of the window and of days: |ROC AUC - 0.5|"
    return verdicts.verdict(name, compared, _REMEDY, DEVIATION)


def _compared(split: HuntedSplit) -> list[Comparison | None]:
    table = pl.concat(_of_bucket(frame, split.days) for frame in split.visits).sort("row")
    rows = table["row"].to_numpy()
    judged = (split.labelled.hidden | split.labelled.benign)[rows]
    rows, table = rows[judged], table.filter(pl.Series(judged))
    volume = np.floor(np.log2(table["n"].to_numpy())).astype(np.int64)
    return [
        compare_ranks(
            name,
            split.name,
            split.labelled.hidden[rows],
            _ranks_inside(table[name].to_numpy(), volume),
            split.labelled.cohort[rows],
        )
        for name in table.columns
        if name not in ("row", "n")
    ]


def _of_bucket(visits: pl.DataFrame, days: int) -> pl.DataFrame:
    at, second = pl.col("at"), pl.col("at") % int(DAY)
    first, last = at.min(), at.max()
    near = (second < _NEAR) | (second >= int(DAY) - _NEAR)
    return visits.group_by("row").agg(
        pl.len().alias("n"),
        (first / DAY).alias("first request"),
        (last / DAY).alias("last request"),
        (first % int(DAY)).alias("hour of the first request"),
        (last % int(DAY)).alias("hour of the last request"),
        (at < int(DAY)).mean().alias("share on the first day"),
        (at >= int(DAY) * (days - 1)).mean().alias("share on the last day"),
        near.mean().alias("share within ten minutes of midnight"),
    )


def _ranks_inside(x: F64, group: I64) -> F64:
    """Mid-rank of each value in its group, from 0 to 1."""
    ranked = pl.DataFrame({"x": x, "group": group}).select(
        (pl.col("x").rank("average").over("group") - 0.5) / pl.len().over("group")
    )
    return ranked.to_series().to_numpy()
