"""What an answer to *accounts* is worth to who must act on it: the cheapest working point, and its curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from generator.arrays import F64
from leaderboard.metrics import calibration, decisions
from leaderboard.metrics.decision_costs import REVIEWS_A_DAY, Costs, check_reviews
from leaderboard.metrics.decisions import WorkingPoints
from leaderboard.metrics.population import Population
from leaderboard.records.scorecard import Line
from leaderboard.tasks.accounts import aligned

if TYPE_CHECKING:
    from leaderboard.metrics.calibration import Calibration
    from leaderboard.tasks.ground_truth import GroundTruth

_BUDGETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Reviews a day for which a precision is drawn."""


@dataclass(frozen=True)
class Decision:
    """The cheapest working point of an answer, and what leads to it.

    Attributes
    ----------
    threshold : float
        Accounts that score as high are flagged; infinite: nobody.
    flagged, reviewed, caught, innocents : int
        See `decisions.WorkingPoints`.
    campaigns, all_campaigns : int
        Campaigns stopped, and how many there are that collected something.
    innocents_per_campaign : float or None
        Innocents reviewed for each campaign stopped; None where none is.
    kept : float
        Share of the campaigns' tokens that they don't collect.
    worst_archetype : str
        Benign archetype hit most; "" where nobody innocent is reviewed.
    worst_share : float
        Share of it that is reviewed.
    cost : dict of str to float
        "review", "false ban", "tokens" and "all", USD.
    inaction_usd : float
        Cost of flagging nobody.
    queue_precision : float
        Share of extraction accounts among those reviewed, if the queue is worked off whatever it costs.
    brier : float or None
        See `calibration.brier`; None where scores are no probabilities.
    costs : Costs
        Prices that were taken.
    reviews, days : int
        Reviews a day, and for how many days.
    curves : dict of str to dict of str to (x, y)
        Lines by panel of `plots.PANELS` and name.
    """

    threshold: float
    flagged: int
    reviewed: int
    caught: int
    innocents: int
    campaigns: int
    all_campaigns: int
    innocents_per_campaign: float | None
    kept: float
    worst_archetype: str
    worst_share: float
    cost: dict[str, float]
    inaction_usd: float
    queue_precision: float
    brier: float | None
    costs: Costs
    reviews: int
    days: int
    curves: dict[str, dict[str, Line]]

    def document(self) -> dict[str, Any]:
        """Everything as plain values; a threshold that nobody reaches is null."""
        return asdict(self) | {"threshold": self.threshold if np.isfinite(self.threshold) else None}


def decide(
    predictions: pl.DataFrame,
    truth: GroundTruth,
    costs: Costs | None = None,
    reviews: int = REVIEWS_A_DAY,
    to_probability: Calibration | None = None,
) -> Decision:
    """Find the cheapest working point.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, score; one finite row per account (see `submission.read`).
    truth : GroundTruth
        Its labels, days and collected are used, as the task *early* reads them.
    costs : Costs, optional
        Prices; left out, the assumed ones.
    reviews : int
        Accounts that can be reviewed in a day.
    to_probability : callable, optional
        What scores become before all else, see `calibrated`.

    Raises
    ------
    UserError
        If an account has no score, or `reviews` is less than one.
    """
    check_reviews(reviews)
    costs, people, days = costs or Costs(), truth.population, truth.days
    score = aligned(predictions, people)
    score = to_probability(score) if to_probability else score
    tokens = _tokens(people, truth.collected)
    points = decisions.working_points(score, people, tokens, costs, reviews, days)
    best = points.best
    scored = people.scored
    probability, positive = score[scored], people.attack[scored]
    # Whom the queue reaches among those flagged: of equal scores those who come first.
    order = np.flatnonzero(scored)[np.argsort(-probability, kind="stable")]
    hit = np.zeros(len(score), np.bool_)
    hit[order[: points.reviewed[best]]] = True
    worst, share = decisions.worst_archetype(people, hit)
    brier = calibration.brier(probability, positive)
    ratio = float(points.innocents_per_campaign[best])
    return Decision(
        **{
            name: getattr(points, name)[best].item()
            for name in ("threshold", "flagged", "reviewed", "caught", "innocents", "campaigns", "kept")
        },
        all_campaigns=len(np.unique(people.campaign[tokens > 0])),
        innocents_per_campaign=None if np.isnan(ratio) else ratio,
        worst_archetype=worst if share else "",
        worst_share=share,
        cost={name: float(line[best]) for name, line in _cost_lines(points).items()},
        inaction_usd=float(points.cost[0]),
        queue_precision=decisions.queue_precision(probability, positive, reviews, days),
        brier=brier,
        costs=costs,
        reviews=reviews,
        days=days,
        curves=_curves(points, probability, people, days, calibrated=brier is not None),
    )


def calibrated(method: str, predictions: pl.DataFrame, truth: GroundTruth) -> Calibration:
    """What turns an entry's scores into probabilities, from its answer about a split that is not judged.

    Parameters
    ----------
    method : str
        Key of `calibration.METHODS`.
    predictions : polars.DataFrame
        As for `decide`, of the other split.
    truth : GroundTruth
        Its labels are used.

    Raises
    ------
    UserError
        If there is no such method, or an account has no score.
    """
    people = truth.population
    score = aligned(predictions, people)
    return calibration.calibrate(method, score[people.scored], people.attack[people.scored])


def _tokens(people: Population, collected: pl.DataFrame) -> F64:
    """Tokens that campaigns collected through each account of theirs."""
    ids = pl.DataFrame({"account_id": people.ids})
    sums = collected.group_by("account_id").agg(pl.col("tokens").sum())
    table = ids.join(sums, on="account_id", how="left", maintain_order="left", validate="1:1")
    return np.where(people.attack, table["tokens"].fill_null(0).cast(pl.Float64).to_numpy(), 0.0)


def _cost_lines(points: WorkingPoints) -> Mapping[str, F64]:
    return {
        "review": points.review_usd,
        "false ban": points.false_ban_usd,
        "tokens": points.token_usd,
        "all": points.cost,
    }


def _curves(
    points: WorkingPoints, probability: F64, people: Population, days: int, *, calibrated: bool
) -> dict[str, dict[str, Line]]:
    positive = people.attack[people.scored]
    precision = [decisions.queue_precision(probability, positive, n, days) for n in _BUDGETS]
    # A logarithmic axis has no place for nobody.
    flagged = tuple(points.flagged[1:].tolist())
    curves: dict[str, dict[str, Line]] = {
        "cost": {name: (flagged, tuple(line[1:].tolist())) for name, line in _cost_lines(points).items()},
        "innocents": {"thresholds": (tuple(points.campaigns.tolist()), tuple(points.innocents.tolist()))},
        "queue_precision": {"highest score first": (_BUDGETS, tuple(precision))},
    }
    if calibrated:
        curves["reliability"] = {
            "this entry": calibration.reliability(probability, positive),
            "as said": ((0.0, 1.0), (0.0, 1.0)),
        }
    return curves
