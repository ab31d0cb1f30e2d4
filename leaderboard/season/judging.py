"""What a season asks of the evaluator: is a file sound, by public tables alone; and its one number."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from generator.dataset import Split
from leaderboard import scorecard, submission

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
    ids = public.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    return submission.read(path, ids["account_id"]).predictions


def score(task: str, rows: pl.DataFrame, split: Split, digest: str) -> float:
    """The metric that ranks entries of a task."""
    labels = split.labels.polars().collect()
    return scorecard.score_accounts(rows, labels, digest, _RESAMPLES).primary.value
