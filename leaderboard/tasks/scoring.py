"""From an answer and the truth to a scorecard, whatever the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from leaderboard.metrics.resampling import RESAMPLES
from leaderboard.tasks import accounts, campaigns, early, requests

if TYPE_CHECKING:
    import polars as pl

    from leaderboard.records.scorecard import Scorecard
    from leaderboard.tasks.ground_truth import GroundTruth

SCORERS: dict[str, Callable[[pl.DataFrame, GroundTruth, str, int], Scorecard]] = {
    scorer.TASK: scorer.score for scorer in (accounts, campaigns, requests, early)
}


def score(
    task: str, predictions: pl.DataFrame, truth: GroundTruth, digest: str, resamples: int = RESAMPLES
) -> Scorecard:
    """Score an answer.

    Parameters
    ----------
    task : str
        Key of `tasks.TASKS`.
    predictions : polars.DataFrame
        Keys and value of the task (see `submission.read`).
    truth : Truth
        Read for this task (see `truth.read`).
    digest : str
        Digest of the dataset; keys the resampling, so that entries share their draws.
    resamples : int
        Resamples of campaigns and benign cohorts.

    Raises
    ------
    UserError
        If keys are missing or unknown, or there is nothing to judge.
    """
    return SCORERS[task](predictions, truth, digest, resamples)
