"""An upper bound: told everything about the world it scores but what one cohort at a time is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from baselines.detectors.upper_bounds import cohort_oracle
from baselines.graph import relational_view
from generator.dataset import Split, Table

_FOLDS = 5  # parts that cohorts are dealt into (a)


@dataclass
class AllButOne(detector.Detector):
    """The cohort oracle, told besides which of the other cohorts of this very world are campaigns.

    Cohorts are dealt into five parts. Each part is judged by an oracle that learnt from the training worlds and
    from the other four parts with their labels: only the last step, what this cohort is, is left to it.
    """

    name: ClassVar[str] = "all-but-one-oracle"
    description: ClassVar[str] = "upper bound: true cohorts, and the labels of all others in this world"
    source: ClassVar[str] = "release gate: what knowing the world is worth"
    fields: ClassVar[tuple[str, ...]] = relational_view.FIELDS
    upper_bound: ClassVar[bool] = True

    _worlds: tuple[Split, ...] = field(init=False, repr=False, default=())

    def fit(self, *worlds: Split) -> Self:
        """Keep the training worlds: each part of the scored world needs a model of its own."""
        self._worlds = worlds
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of each account's cohort; labels are read of the other parts only."""
        split = cohort_oracle.shown_cohorts(split)
        truth = split.labels.polars().select(pl.col("account_id", "cohort", "label").cast(pl.String)).collect()
        part = truth.select("account_id", part=pl.col("account_id").min().over("cohort").rank("dense") % _FOLDS)
        parts = []
        for fold in range(_FOLDS):
            judged = part.filter(pl.col("part") == fold)["account_id"]
            others = _hidden(split, judged)
            oracle = cohort_oracle.CohortOracle(seed=self.seed).fit(*self._worlds, others)
            parts.append(oracle.score(split).filter(pl.col("account_id").is_in(judged.implode())))
        return pl.concat(parts)


def _hidden(split: Split, judged: pl.Series) -> Split:
    """The world with the labels of some accounts turned grey, so that nothing is learnt from them."""
    theirs = pl.col("account_id").cast(pl.String).is_in(judged.implode())
    label = pl.when(theirs).then(pl.lit("grey")).otherwise(pl.col("label").cast(pl.String))
    frame = split.labels.polars().with_columns(label.alias("label"), served=pl.col("served") & ~theirs)
    table = Table("account_labels", [frame], split.labels.columns)
    return replace(split, tables={**split.tables, "account_labels": table})
