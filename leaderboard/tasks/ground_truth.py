"""What the evaluator knows and a detector does not, read from a split whose labels are open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from leaderboard.metrics.population import Population, population

if TYPE_CHECKING:
    from generator.dataset import Split


@dataclass(frozen=True)
class GroundTruth:
    """What is needed to score the answers about a split.

    Attributes
    ----------
    labels : polars.DataFrame
        One row per account: columns of `schema.ACCOUNT_LABELS`.
    days : int
        Length of the window.
    requests : polars.DataFrame
        request_id, account_id, is_extraction; empty unless asked for.
    known : polars.DataFrame
        account_id, day: first day at whose end the account is known; empty unless asked for.
    collected : polars.DataFrame
        account_id, day, exchanges, tokens (of output), usd (list price): the answered requests that serve an
        extraction; empty unless asked for.
    """

    labels: pl.DataFrame
    days: int = 0
    requests: pl.DataFrame = field(default_factory=pl.DataFrame)
    known: pl.DataFrame = field(default_factory=pl.DataFrame)
    collected: pl.DataFrame = field(default_factory=pl.DataFrame)

    @cached_property
    def population(self) -> Population:
        """The accounts as arrays."""
        return population(self.labels)


def account_ids(public: Split) -> pl.DataFrame:
    """Id of every account of a split.

    Parameters
    ----------
    public : Split
        Its labels are not read.

    Returns
    -------
    polars.DataFrame
        account_id, as text.
    """
    return public.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()


def account_labels(split: Split) -> GroundTruth:
    """Labels of the accounts alone.

    Parameters
    ----------
    split : Split
        With labels.

    Raises
    ------
    MaskedLabelsError
        If they are masked.
    """
    return GroundTruth(split.labels.polars().collect(), split.days)


def labelled_requests(split: Split) -> Iterator[pl.LazyFrame]:
    """Requests with is_extraction beside them, bucket by bucket.

    Parameters
    ----------
    split : Split
        With labels; both tables have the same order of rows.
    """
    pairs = zip(split.requests.buckets(), split.request_labels.buckets(), strict=True)
    for requests, labels in pairs:
        yield pl.concat([requests, labels.select("is_extraction")], how="horizontal")
