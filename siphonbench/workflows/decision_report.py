"""Decide by a submission: read, calibrated on another split if wanted, and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.metrics.decision_costs import Costs
    from leaderboard.tasks.decisions import Decision

_CALIBRATION_SPLIT = "validation"


def decide(
    dataset: Dataset,
    entry: Path,
    split: str,
    costs: Costs,
    reviews: int,
    calibration: tuple[str, Path] | None = None,
) -> Decision:
    """Find the cheapest working point of a submission.

    Parameters
    ----------
    dataset : Dataset
        Its labels are opened here.
    entry : Path
        Submission to the task *accounts*.
    split : str
        Which it is about.
    costs, reviews
        As for `leaderboard.tasks.decisions.decide`.
    calibration : (str, Path), optional
        Method, and the same detector's submission for validation.

    Raises
    ------
    UserError
        If a submission is faulty, or it would be calibrated on what it is judged by.
    """
    from generator.errors import UserError
    from leaderboard.tasks import decisions, scoring

    given = scoring.read_submission(dataset.reveal(split), "accounts", entry)
    to_probability = None
    if calibration:
        if split == _CALIBRATION_SPLIT:
            raise UserError("--split validation with --calibrate: nobody is judged by what he is calibrated on")
        method, path = calibration
        known = dataset.reveal(_CALIBRATION_SPLIT)
        answer = scoring.read_submission(known, "accounts", path)
        to_probability = decisions.calibrated(method, answer.predictions, scoring.truth(known, "accounts"))
    # What campaigns collected is read as *early* reads it.
    truth = scoring.truth(dataset.reveal(split), "early")
    return decisions.decide(given.predictions, truth, costs, reviews, to_probability)


def draw(decision: Decision, folder: Path) -> list[Path]:
    """Draw the curves of a decision as SVG files.

    Parameters
    ----------
    decision : Decision
        What `decide` found.
    folder : Path
        Made if missing; files of the same names are replaced.
    """
    from leaderboard.tracking import plots

    folder.mkdir(parents=True, exist_ok=True)
    return plots.curves(decision.curves, {}, folder)
