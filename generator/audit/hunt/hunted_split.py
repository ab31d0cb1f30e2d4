"""A split as the hunt reads it: positives by tier, and the requests by bucket, with what every search needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from generator.arrays import F64, Mask
from generator.audit.base import rank_statistics
from generator.audit.base.labelled_split import LabelledSplit
from generator.schema import TIERS

DAY = 86_400.0  # s


@dataclass(frozen=True)
class HuntedSplit:
    """One split under the hunt.

    Attributes
    ----------
    labelled : LabelledSplit
        Its accounts in a fixed order, labels open.
    """

    labelled: LabelledSplit

    @property
    def name(self) -> str:
        """Name of the split."""
        return self.labelled.name

    @property
    def days(self) -> int:
        """Length of the window, in days."""
        return self.labelled.source.days

    @cached_property
    def tiers(self) -> dict[str, Mask]:
        """Positives by tier, of the tiers that have any."""
        tier = self.labelled.truth["tier"]
        masks = {name: self.labelled.extraction & (tier == name).fill_null(False).to_numpy() for name in TIERS}
        return {name: mask for name, mask in masks.items() if mask.any()}

    @cached_property
    def visits(self) -> list[pl.DataFrame]:
        """Per bucket and request: its account's row, second of the window, and whether its account sent it before.

        Rows are in the order of the table, 9 bytes each: what every search reads is joined and hashed once.
        """
        milliseconds = (pl.col("ts") - self.labelled.source.start).dt.total_milliseconds()
        return [
            frame.select(
                pl.col("row").cast(pl.UInt32),
                at=(milliseconds // 1000).cast(pl.Int32),
                fresh=pl.struct("row", "prompt_simhash").is_first_distinct(),
            )
            for frame in self.labelled.buckets("ts", "prompt_simhash")
        ]

    def requests(self, *columns: pl.Expr) -> Iterator[pl.DataFrame]:
        """Columns of the requests beside `visits`, by bucket.

        Parameters
        ----------
        *columns : polars.Expr
            Over columns of the requests.
        """
        for visits, part in zip(self.visits, self.labelled.source.requests.buckets(), strict=True):
            yield visits.hstack(part.select(*columns).collect().rechunk())

    def mean_ap(self, score: F64) -> float:
        """Average precision of a score of the accounts, mean over the tiers; positives against benign.

        Parameters
        ----------
        score : ndarray, shape (accounts,)
            Higher is worse.
        """
        values = [self._ap(score, mask) for mask in self.tiers.values()]
        return float(np.mean(values)) if values else 0.0

    def hidden_ap(self, score: F64) -> float:
        """Average precision on the hidden tiers taken together; positives against benign.

        Parameters
        ----------
        score : ndarray, shape (accounts,)
            Higher is worse.
        """
        return self._ap(score, self.labelled.hidden)

    def _ap(self, score: F64, positive: Mask) -> float:
        judged = positive | self.labelled.benign
        p, n, _ = rank_statistics.blocks(positive[judged], -score[judged])
        return rank_statistics.average_precision(p, n)
