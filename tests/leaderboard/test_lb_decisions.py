"""Decisions on a world worked by hand, and their laws."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from lb_world import ACCOUNTS, LABELS, SCORES, predictions

from generator.errors import UserError
from leaderboard.metrics import calibration, decisions
from leaderboard.metrics.decision_costs import Costs
from leaderboard.tasks.decisions import Decision, calibrated, decide
from leaderboard.tasks.ground_truth import GroundTruth
from leaderboard.tracking import plots

TOKENS = {"e1": 3_000_000, "e2": 1_000_000, "e3": 4_000_000}
COLLECTED = pl.DataFrame({"account_id": list(TOKENS), "day": [0, 1, 2], "tokens": list(TOKENS.values())})
TRUTH = GroundTruth(LABELS, days=4, collected=COLLECTED)
COSTS = Costs(review=1, false_ban=10, tokens=1, wrong_bans=0.1)
PERFECT = [3.0, 2, 1, 0, 0, 0, 0, 0]


def decided(scores: list[float] = SCORES, costs: Costs = COSTS, reviews: int = 1) -> Decision:
    return decide(predictions(scores), TRUTH, costs, reviews)


def test_working_points_by_hand() -> None:
    # In order, one a day for four days: e1 b1 e2 e3; b2 b3 b4 are never reached. Of 8 M tokens e1 keeps 3 M, e2
    # half of 1 M, e3 a quarter of 4 M.
    people = TRUTH.population
    tokens = np.array([TOKENS.get(a, 0) for a in people.ids], float)
    score = pl.DataFrame({"account_id": people.ids}).join(predictions(), on="account_id", maintain_order="left")
    points = decisions.working_points(score["score"].to_numpy(), people, tokens, COSTS, 1, 4)
    assert points.threshold.tolist() == [math.inf, 0.9, 0.7, 0.6, 0.5, 0.4, 0.2, 0.1]
    assert points.flagged.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert points.reviewed.tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert points.caught.tolist() == [0, 1, 1, 2, 3, 3, 3, 3]
    assert points.innocents.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert points.campaigns.tolist() == [0, 1, 1, 1, 2, 2, 2, 2]  # e1 has 3 of the 4 M tokens of c1
    assert points.kept.tolist() == [x / 8 for x in (0, 3, 3, 3.5, 4.5, 4.5, 4.5, 4.5)]
    assert points.cost.tolist() == pytest.approx([8, 6, 8, 8.5, 8.5, 8.5, 8.5, 8.5], abs=1e-12)
    assert points.innocents_per_campaign[1:5].tolist() == [0, 1, 1, 0.5]
    assert np.isnan(points.innocents_per_campaign[0])


def test_the_cheapest_point_follows_the_costs() -> None:
    cheap = decided()
    assert (cheap.threshold, cheap.flagged, cheap.innocents, cheap.campaigns) == (0.9, 1, 0, 1)
    assert (cheap.worst_archetype, cheap.cost["all"], cheap.inaction_usd) == ("", 6, 8)
    dear = decided(costs=Costs(review=1, false_ban=10, tokens=10, wrong_bans=0.1))
    assert (dear.flagged, dear.campaigns, dear.innocents_per_campaign) == (4, 2, 0.5)
    assert (dear.worst_archetype, dear.worst_share) == ("B1", 0.5)
    assert dear.queue_precision == 3 / 4
    nothing = decided(costs=Costs(review=100, false_ban=10, tokens=1))
    assert (nothing.flagged, nothing.innocents_per_campaign, nothing.cost["all"]) == (0, None, 8)
    assert nothing.document()["threshold"] is None


@pytest.mark.parametrize("reviews", [1, 2, 100])
def test_a_perfect_scorer_stops_every_campaign_and_hits_nobody_innocent(reviews: int) -> None:
    decision = decided(PERFECT, Costs(review=0, false_ban=10, tokens=1), reviews)
    assert (decision.campaigns, decision.innocents, decision.caught) == (2, 0, 3)
    assert (decision.all_campaigns, decision.worst_archetype, decision.innocents_per_campaign) == (2, "", 0)


def test_a_constant_one_flags_all_or_nobody_and_is_reviewed_by_id() -> None:
    decision = decided([0.5] * 8, Costs(review=0, false_ban=0, tokens=1))
    # By id: b1 b2 b3 b4, and then the four days are over.
    assert (decision.flagged, decision.reviewed, decision.caught) == (0, 0, 0)  # as cheap as flagging all
    assert decision.queue_precision == 0
    wide = decided([0.5] * 8, Costs(review=0, false_ban=0, tokens=1), 3)
    assert (wide.flagged, wide.caught, wide.innocents) == (7, 3, 4)
    assert wide.curves["queue_precision"]["highest score first"][1][:2] == (0, 3 / 7)


def test_whom_nobody_reaches_waits_until_tomorrow() -> None:
    arrival, score = np.array([0, 0, 0, 1]), np.array([0.3, 0.8, 0.5, 0.9])
    assert decisions.review_days(arrival, score, 1, 3).tolist() == [3, 0, 2, 1]
    assert decisions.review_days(arrival, score, 2, 3).tolist() == [1, 0, 0, 1]
    # A higher score is never delayed by lower ones.
    assert decisions.review_days(arrival[1:], score[1:], 1, 3).tolist() == [0, 2, 1]


def test_calibration_by_hand() -> None:
    probability, positive = np.array([0.9, 0.5, 0.5, 0.0]), np.array([True, True, False, False])
    assert calibration.brier(probability, positive) == pytest.approx((0.01 + 0.25 + 0.25 + 0) / 4)
    said, found = calibration.reliability(probability, positive)
    assert dict(zip(said, found, strict=True)) == {0.0: 0, 0.5: 0.5, 0.9: 1}
    assert decided(PERFECT).brier is None
    assert "reliability" not in decided(PERFECT).curves


@pytest.mark.parametrize("method", calibration.METHODS)
def test_calibrated_scores_are_probabilities_in_the_same_order(method: str) -> None:
    raw = [s * 1000 - 300 for s in SCORES]
    to_probability = calibrated(method, predictions(raw), TRUTH)
    given = to_probability(np.sort(raw))
    assert given.min() >= 0
    assert given.max() <= 1
    assert (np.diff(given) >= 0).all()
    decision = decide(predictions(raw), TRUTH, COSTS, 1, to_probability)
    assert decision.brier is not None
    # Saying the prevalence, 3 of 7, of everybody: 12 / 49.
    assert decision.brier < 12 / 49
    assert set(decision.curves) == {"cost", "innocents", "queue_precision", "reliability"}


@pytest.mark.parametrize("name", ["review", "false_ban", "tokens", "wrong_bans"])
@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf, "7", None, True])
def test_costs_that_are_no_costs_are_refused(name: str, bad: object) -> None:
    with pytest.raises(UserError, match=f"cost {name} is .*give a finite number that is not negative"):
        Costs(**{name: bad})  # type: ignore[arg-type]


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(UserError, match=r"cost wrong_bans is 1.5: give a share"):
        Costs(wrong_bans=1.5)
    for bad in (0, -3, 0.5, True):
        with pytest.raises(UserError, match="reviews a day: nobody would ever be reviewed"):
            decided(reviews=bad)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="calibration 'magic' is none of isotonic, platt"):
        calibrated("magic", predictions(), TRUTH)
    with pytest.raises(UserError, match="1 of 8 labelled accounts have no score"):
        decide(predictions().head(len(ACCOUNTS) - 1), TRUTH)


def test_every_curve_has_a_panel() -> None:
    decision = decide(predictions(), TRUTH)
    assert set(decision.curves) == {"cost", "innocents", "queue_precision", "reliability"} <= set(plots.PANELS)
