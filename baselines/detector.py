"""The detector protocol, and the wrapper that holds every detector to it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from generator.dataset import Split
from generator.errors import UserError


@dataclass
class Detector(ABC):
    """Something that learns from one world and gives every account of another a score.

    Subclasses are dataclasses: constructor arguments are the parameters, everything learnt is a field with
    ``init=False``, so that `clone` gives an unfitted twin.

    Parameters
    ----------
    seed : int
        Seed of all randomness; the same seed and data give the same scores.

    Attributes
    ----------
    name, description, source : str
        Key in the registry, one line for a reader, and where the idea comes from.
    fields : tuple of str
        Public columns used, as table.column; `run` hides all others.
    upper_bound : bool
        Whether it is told true cohorts when it scores: no entry of a board, but a bound on what entries can reach.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    source: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    upper_bound: ClassVar[bool] = False

    seed: int = 0

    @abstractmethod
    def fit(self, train: Split) -> Self:
        """Learn from a world with open labels."""

    @abstractmethod
    def score(self, split: Split) -> pl.DataFrame:
        """One row (account_id, score) for every account; a higher score means more likely extraction."""

    def clone(self) -> Self:
        """An unfitted detector with the same parameters."""
        return replace(self)


@dataclass(frozen=True)
class Result:
    """What a detector said about a split.

    Attributes
    ----------
    name : str
        Name of the detector.
    predictions : polars.DataFrame
        account_id (String) and score (Float64), sorted by account_id.
    seconds : float
        Wall time of fitting and scoring.
    """

    name: str
    predictions: pl.DataFrame
    seconds: float


def run(detector: Detector, train: Split, target: Split) -> Result:
    """Fit a detector on one split and score another, showing it only what it declared.

    Parameters
    ----------
    detector : Detector
        Left as it is: a clone is fitted.
    train, target : Split
        The labels of `target` are hidden, open or not.

    Raises
    ------
    UserError
        If the scores do not keep the contract; names every fault.
    """
    return next(run_each(detector, train, [target]))


def run_each(detector: Detector, train: Split, targets: Iterable[Split]) -> Iterator[Result]:
    """Fit a detector once, as `run` does, and score several splits; the first result's time holds the fitting."""
    began = time.perf_counter()
    fitted = detector.clone().fit(train.restrict(detector.fields))
    for target in targets:
        shown = target.restrict(detector.fields).without_labels()
        predictions = check_scores(detector.name, fitted.score(shown), accounts(target))
        yield Result(detector.name, predictions, time.perf_counter() - began)
        began = time.perf_counter()


def accounts(split: Split) -> pl.Series:
    """Ids of all accounts of a split, sorted."""
    ids = split.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    return ids.to_series().sort()


def check_scores(name: str, scores: pl.DataFrame, expected: pl.Series) -> pl.DataFrame:
    """Scores as account_id (String) and score (Float64), sorted by account, once they keep the contract.

    Raises
    ------
    UserError
        If accounts are missing, unknown or repeated, or scores are not finite numbers.
    """
    if set(scores.columns) != {"account_id", "score"} or not scores["score"].dtype.is_numeric():
        raise UserError(
            f"detector {name} returned {dict(scores.schema)}; "
            "return a frame with account_id and a numeric score, nothing else"
        )
    tidy = scores.select(pl.col("account_id").cast(pl.String), pl.col("score").cast(pl.Float64))
    found = tidy["account_id"]
    faults = {
        "missing": expected.filter(~expected.is_in(found.implode())),
        "unknown": found.filter(~found.is_in(expected.implode())),
        "repeated": found.filter(found.is_duplicated()).unique(),
        "without a finite score": tidy.filter(~pl.col("score").is_finite().fill_null(False))["account_id"],
    }
    told = [f"{len(ids)} {fault} (e.g. {ids[0]})" for fault, ids in faults.items() if len(ids)]
    if told:
        raise UserError(
            f"detector {name} broke the contract on {len(expected)} accounts: {'; '.join(told)}; "
            "score must return one finite number for every account"
        )
    return tidy.sort("account_id")
