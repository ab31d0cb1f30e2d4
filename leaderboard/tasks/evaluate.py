"""From a submission on disk to its scorecard, for whoever may open the labels of a split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.metrics.resampling import RESAMPLES
from leaderboard.records import submission
from leaderboard.tasks import ground_truth, scoring

if TYPE_CHECKING:
    from generator.dataset import Dataset, Split
    from leaderboard.records.scorecard import Scorecard
    from leaderboard.records.submission import Submission


def read(public: Split, task: str, path: Path) -> Submission:
    """Validate a submission by public tables alone.

    Parameters
    ----------
    public : Split
        Its labels are not read.
    task : str
        Key of `tasks.TASKS`.
    path : Path
        Folder or predictions file.

    Raises
    ------
    UserError
        With all faults at once.
    """
    return submission.read(path, ground_truth.keys(public, task), task)


def score(dataset: Dataset, split: str, task: str, entry: Submission, resamples: int = RESAMPLES) -> Scorecard:
    """Scorecard of a valid submission."""
    known = ground_truth.read(dataset.reveal(split), task)
    return scoring.score(task, entry.predictions, known, dataset.digest, resamples)
