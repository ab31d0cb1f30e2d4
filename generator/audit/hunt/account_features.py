"""Everything that one account tells about itself, with and without a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from generator.arrays import F32, Mask
from generator.audit.hunt import change_points, onset, residuals
from generator.audit.hunt.hunted_split import HuntedSplit
from generator.audit.shortcuts.aggregates import Aggregates

_WITH_A_CLOCK = ("ts:", "day:", "created", "age at first request")
_ENDS = (":first", ":last")


@dataclass(frozen=True)
class AccountFeatures:
    """Features of the accounts of one split.

    Attributes
    ----------
    split : HuntedSplit
        Rows are its accounts.
    names : tuple of str
        Of the features, the same for every split.
    values : ndarray of float32, shape (accounts, features)
        NaN where undefined.
    onset : ndarray of bool, shape (features,)
        Which of them say when something began, ended or changed.
    """

    split: HuntedSplit
    names: tuple[str, ...]
    values: F32
    onset: Mask

    @property
    def judged(self) -> Mask:
        """Benign accounts, and those of the hidden tiers that served."""
        return self.split.labelled.benign | self.split.labelled.hidden


def collect(splits: Sequence[HuntedSplit], aggregates: Sequence[Aggregates]) -> list[AccountFeatures]:
    """Put aggregates, residuals, debuts and change points side by side.

    Parameters
    ----------
    splits : sequence of HuntedSplit
        Every split of a dataset.
    aggregates : sequence of Aggregates
        Of the same splits, in the same order.
    """
    return [_of_split(split, a) for split, a in zip(splits, aggregates, strict=True)]


def _of_split(split: HuntedSplit, a: Aggregates) -> AccountFeatures:
    n = len(split.labelled.truth)
    clocked = {name: name.startswith(_WITH_A_CLOCK) or any(end in name for end in _ENDS) for name in a.names}
    parts: list[tuple[Mapping[str, bool], F32]] = [(clocked, a.values)]
    for room, with_clock in ((residuals, False), (onset, True), (change_points, True)):
        table = room.features(split)
        values = np.full((n, table.width - 1), np.nan, np.float32)
        values[table["row"].to_numpy()] = table.drop("row").cast(pl.Float32).to_numpy()
        parts.append((dict.fromkeys(table.drop("row").columns, with_clock), values))
    named = [item for names, _ in parts for item in names.items()]
    values = np.column_stack([v for _, v in parts])
    return AccountFeatures(split, tuple(x for x, _ in named), values, np.array([c for _, c in named]))
