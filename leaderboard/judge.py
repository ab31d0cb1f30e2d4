"""From a submission on disk to its scorecard, for whoever may open the labels of a split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard import scorecard, submission

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.scorecard import Scorecard
    from leaderboard.submission import Submission


def read(dataset: Dataset, split: str, task: str, path: Path) -> Submission:
    """Validate a submission; only the ids of the split are read.

    Raises
    ------
    UserError
        With all faults at once.
    """
    ids = dataset.reveal(split).accounts.polars().select("account_id").collect()
    return submission.read(path, ids["account_id"].cast(str))


def score(dataset: Dataset, split: str, task: str, entry: Submission) -> Scorecard:
    """Scorecard of a valid submission."""
    truth = dataset.reveal(split).labels.polars().collect()
    return scorecard.score_accounts(entry.predictions, truth, dataset.digest)
