"""What a season asks of the evaluator: is a file sound, by public tables alone; and its one number."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from generator.dataset import Split
from leaderboard.tasks import evaluate, ground_truth, scoring

_RESAMPLES = 2  # only the number itself is wanted, no interval


def read(path: Path, task: str, public: Split) -> pl.DataFrame:
    """Rows of a submission.

    Parameters
    ----------
    path : Path
        Folder or predictions file.
    task : str
        Key of `rules.TASKS`.
    public : Split
        Without labels.

    Raises
    ------
    UserError
        With all faults at once.
    """
    return evaluate.read(public, task, path).predictions


def score(task: str, rows: pl.DataFrame, split: Split, digest: str) -> float:
    """The metric that ranks entries of a task."""
    return scoring.score(task, rows, ground_truth.read(split, task), digest, _RESAMPLES).primary.value
