"""The track *accounts, observed*: learnt from what a provider knew at the time, judged on the truth.

A detector's `fit` is shown observed labels (`generator.observed_labels`) in the place of truth; a submission's
card says that nothing else was learnt from. Scores are those of *accounts*, on a board of their own.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from leaderboard.metrics.resampling import FOLDS
from leaderboard.records.scorecard import Scorecard
from leaderboard.tasks import accounts
from leaderboard.tasks.ground_truth import GroundTruth

NAME = "observed"


def score(predictions: pl.DataFrame, truth: GroundTruth, digest: str, folds: int = FOLDS) -> Scorecard:
    """Score an answer as *accounts* does.

    Parameters
    ----------
    predictions, truth, digest, folds
        As for `accounts.score`.
    """
    return replace(accounts.score(predictions, truth, digest, folds), task=NAME)


TASK = replace(
    accounts.TASK,
    question="Which accounts belong to an extraction campaign, learnt from what a provider knew at the time?",
    labels="observed",
    score=score,
)
