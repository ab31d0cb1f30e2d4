"""Worlds with part of them hidden, and a detector's scorecard on them: what the studies here share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import polars as pl

from baselines.base import evaluation
from baselines.base.detector import Detector
from generator import schema
from generator.dataset import Dataset, Split, Table
from leaderboard.records.card import Card
from leaderboard.records.estimate import Estimate
from leaderboard.records.scorecard import Scorecard
from leaderboard.records.submission import Submission
from leaderboard.tasks import scoring


@dataclass(frozen=True)
class View:
    """What a detector is shown: field groups, and whether requests keep their time.

    Attributes
    ----------
    groups : str
        Of M, L, C and X.
    timed : bool
        Otherwise every request is sent when the window begins; when accounts were created stays.
    """

    groups: str = "MLC"
    timed: bool = True

    def __call__(self, split: Split) -> Split:
        """The split with constants in place of hidden columns: a detector finds all that it declared."""
        tables = dict(split.tables)
        for name in set(schema.PUBLIC) & set(tables):
            hidden = [c for c in schema.TABLES[name] if c.group not in ("K", *self.groups)]
            # An embedding is a place and needs numbers; everywhere else null says nothing.
            fixed = [pl.lit(0 if c.name in schema.EMBEDDING_COLUMNS else None).alias(c.name) for c in hidden]
            if name in schema.SHARDED and not self.timed:
                fixed += [pl.lit(split.start).alias("ts"), pl.lit(0).alias("day")]
            tables[name] = changed(tables[name], fixed)
        return replace(split, tables=tables)


def everything(split: Split) -> Split:
    """The split as it is."""
    return split


def ungraded(split: Split, archetypes: Collection[str]) -> Split:
    """The split with all accounts of these archetypes grey: nobody learns from or is judged by them."""
    grey = pl.col("archetype").cast(pl.String).is_in(list(archetypes))
    label = pl.when(grey).then(pl.lit("grey")).otherwise(pl.col("label").cast(pl.String)).alias("label")
    none = [pl.when(~grey).then(c) for c in ("campaign", "tier", "target")]
    tables = {**split.tables, "account_labels": changed(split.labels, [label, *none])}
    return replace(split, tables=tables)


def archetypes(split: Split) -> list[str]:
    """Archetypes of the extraction accounts of a split, sorted."""
    labels = split.labels.polars().select(pl.col("label", "archetype").cast(pl.String)).collect()
    return sorted(labels.filter(pl.col("label") == "extraction")["archetype"].unique().to_list())


def card(
    detector: Detector, lessons: Sequence[Split], data: Dataset, show: Callable[[Split], Split] = everything
) -> Scorecard:
    """Scorecard on a dataset's test split of a detector that learnt from worlds with open labels."""
    return scored(data, evaluation.run(detector, [show(w) for w in lessons], show(data.test)).predictions)


def scored(data: Dataset, predictions: pl.DataFrame) -> Scorecard:
    """Scorecard of account scores on a dataset's test split."""
    return scoring.score_submission(data, "test", "accounts", Submission(Card("study"), predictions))


def interval(card: Scorecard) -> str:
    """The primary metric with its 95 % interval."""
    return f"{card.primary.value:.3f} ({card.primary.low:.3f}-{card.primary.high:.3f})"


def paired(difference: Estimate, digits: int = 3) -> str:
    """A paired difference or ratio with its 95 % interval."""
    low, high = difference.interval()
    return f"{difference.value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """Paired ratio of two estimates on one dataset."""
    return replace(a, value=a.value / b.value, replicates=a.replicates / b.replicates, difference=True)


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def head(*cells: str) -> None:
    """Print the head of a Markdown table."""
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


def changed(table: Table, expressions: Sequence[pl.Expr]) -> Table:
    """The table with other values in some of its columns, of the types that these have."""

    def fitted(part: pl.LazyFrame) -> pl.LazyFrame:
        types = part.collect_schema()
        there = [e for e in expressions if e.meta.output_name() in types]
        return part.with_columns(e.cast(types[e.meta.output_name()]) for e in there)

    return Table(table.name, [fitted(part) for part in table.buckets()], table.columns)
