"""A split with its labels open: the accounts in a fixed order, and who is who."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from generator.arrays import I64, Mask
from generator.audit.base import categories
from generator.dataset import Dataset, Split

HIDDEN = ("evasive", "adaptive")
"""Tiers that no shortcut may reach."""
_TEXT = ("account_id", "label", "tier", "archetype", "cohort", "campaign")


@dataclass(frozen=True)
class LabelledSplit:
    """One split.

    Attributes
    ----------
    source : Split
        Its tables, labels open.
    truth : polars.DataFrame
        account_id, label, tier, archetype, cohort, campaign as text, and served; sorted by account.
    """

    source: Split
    truth: pl.DataFrame

    @property
    def name(self) -> str:
        """Name of the split."""
        return self.source.name

    @cached_property
    def extraction(self) -> Mask:
        """Which accounts are positives: extraction accounts that served; sleepers and grey ones are neither."""
        return self.truth["served"].to_numpy()

    @cached_property
    def benign(self) -> Mask:
        """Which accounts are benign."""
        return (self.truth["label"] == "benign").to_numpy()

    @cached_property
    def hidden(self) -> Mask:
        """Which positives belong to the tiers evasive and adaptive."""
        hidden: Mask = self.truth["tier"].is_in(HIDDEN).fill_null(False).to_numpy()
        return self.extraction & hidden

    @cached_property
    def cohort(self) -> I64:
        """Number of each account's cohort."""
        return self.truth["cohort"].rank("dense").to_numpy().astype(np.int64) - 1

    @cached_property
    def _row(self) -> dict[str, int]:
        return dict(zip(self.truth["account_id"], range(len(self.truth)), strict=True))

    def joined(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """Collect a table, with the row of each account and whether it is an extraction, a hidden, a benign one.

        Parameters
        ----------
        frame : polars.LazyFrame
            With account_id, which is left out then, as rows of unknown accounts are; the order stays.
        """
        table = frame.collect().rechunk()
        row = categories.places(table["account_id"].cast(pl.Categorical), self._row)
        table = table.drop("account_id")
        if (row < 0).any():
            table, row = table.filter(row >= 0), row[row >= 0]
        flags = {"extraction": self.extraction, "hidden": self.hidden, "benign": self.benign}
        beside = {"row": row} | {name: values[row] for name, values in flags.items()}
        return table.hstack([pl.Series(name, values) for name, values in beside.items()])

    def buckets(self, *columns: str | pl.Expr) -> Iterator[pl.DataFrame]:
        """Requests by bucket as `joined` gives them; all rows of an account are in the same one.

        Parameters
        ----------
        *columns : str or polars.Expr
            Columns of the requests to read, beside account_id.
        """
        for part in self.source.requests.buckets():
            yield self.joined(part.select("account_id", *columns))


def labelled_splits(dataset: Dataset) -> list[LabelledSplit]:
    """Open the labels of every split.

    Parameters
    ----------
    dataset : Dataset
        Any.

    Raises
    ------
    UserError
        If the labels of a split are not there.
    """
    opened = []
    for name in dataset.splits:
        split = dataset.reveal(name)
        texts = (pl.col(c).cast(pl.String) for c in _TEXT)
        truth = split.labels.polars().select(*texts, "served").sort("account_id")
        opened.append(LabelledSplit(split, truth.collect()))
    return opened
