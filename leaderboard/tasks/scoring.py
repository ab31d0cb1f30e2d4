"""From a submission to its scorecard, whatever the task, for whoever may open the labels of a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import UserError
from leaderboard.metrics.resampling import FOLDS
from leaderboard.records import submission
from leaderboard.records.task_definitions import DEFAULT, TASKS, Task

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Dataset, Split
    from leaderboard.records.scorecard import Scorecard
    from leaderboard.records.submission import Submission
    from leaderboard.tasks.ground_truth import GroundTruth

_NO_INTERVAL = 2  # folds where the number alone is wanted


@dataclass(frozen=True, kw_only=True)
class ScoredTask(Task):
    """A task with all that scoring needs; each file of this folder defines one.

    Attributes
    ----------
    expected : callable
        From a split without labels to the keys of the rows that a submission must have.
    truth : callable
        From a split with labels to what `score` needs of it.
    score : callable
        From (predictions, truth, digest of the dataset, folds) to the scorecard.
    """

    expected: Callable[[Split], pl.DataFrame]
    truth: Callable[[Split], GroundTruth]
    score: Callable[[pl.DataFrame, GroundTruth, str, int], Scorecard]


def task(name: str) -> ScoredTask:
    """Task of a name.

    Parameters
    ----------
    name : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If there is no such task.
    """
    if name not in TASKS:
        raise UserError(f"task {name[:40]!r} is none of {', '.join(TASKS)}")
    registered = TASKS[name]
    assert isinstance(registered, ScoredTask), f"the registry names a {type(registered).__name__}"
    return registered


def keys(public: Split, name: str = DEFAULT) -> pl.DataFrame:
    """Keys of the rows that a submission must have; labels are not read.

    Parameters
    ----------
    public : Split
        Its labels may be masked.
    name : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If there is no such task.
    """
    return task(name).expected(public)


def truth(split: Split, name: str = DEFAULT) -> GroundTruth:
    """What scoring a task on a split needs.

    Parameters
    ----------
    split : Split
        With labels.
    name : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    MaskedLabelsError
        If the split's labels are masked.
    """
    return task(name).truth(split)


def read_submission(public: Split, name: str, path: Path) -> Submission:
    """Validate a submission by public tables alone.

    Parameters
    ----------
    public : Split
        Its labels are not read.
    name : str
        Key of `task_definitions.TASKS`.
    path : Path
        Folder or predictions file.

    Raises
    ------
    UserError
        With all faults at once.
    """
    return submission.read(path, keys(public, name), name)


def score(name: str, predictions: pl.DataFrame, known: GroundTruth, digest: str, folds: int = FOLDS) -> Scorecard:
    """Score an answer.

    Parameters
    ----------
    name : str
        Key of `task_definitions.TASKS`.
    predictions : polars.DataFrame
        Keys and value of the task (see `submission.read`).
    known : GroundTruth
        Read for this task (see `truth`).
    digest : str
        Digest of the dataset; keys the folds, so that entries share them.
    folds : int
        Folds of a stratum, at most.

    Raises
    ------
    UserError
        If keys are missing or unknown, or there is nothing to score.
    """
    return task(name).score(predictions, known, digest, folds)


def score_submission(dataset: Dataset, split: str, name: str, entry: Submission, folds: int = FOLDS) -> Scorecard:
    """Score a valid submission.

    Parameters
    ----------
    dataset : Dataset
        Its labels are opened here.
    split : str
        "test", or another one.
    name : str
        Key of `task_definitions.TASKS`.
    entry : Submission
        See `read_submission`.
    folds : int
        As for `score`.
    """
    return score(name, entry.predictions, truth(dataset.reveal(split), name), dataset.digest, folds)


def primary_value(name: str, predictions: pl.DataFrame, split: Split, digest: str) -> float:
    """The metric that ranks entries of a task, and nothing else.

    Parameters
    ----------
    name : str
        Key of `task_definitions.TASKS`.
    predictions : polars.DataFrame
        Of a valid submission.
    split : Split
        With labels.
    digest : str
        As for `score`.
    """
    return score(name, predictions, truth(split, name), digest, _NO_INTERVAL).primary.value
