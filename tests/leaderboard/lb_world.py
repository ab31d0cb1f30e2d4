"""A world small enough to be worked by hand: two campaigns, two benign archetypes, one grey account."""

from __future__ import annotations

import polars as pl

from leaderboard.records.card import Card
from leaderboard.records.scorecard import Scorecard
from leaderboard.records.submission import Submission
from leaderboard.tasks import scoring
from leaderboard.tasks.ground_truth import GroundTruth

DIGEST = "ab" * 32
# account, label, archetype, cohort, tier, score
ROWS = [
    ("e1", "extraction", "A1", "c1", "overt", 0.9),
    ("e2", "extraction", "A1", "c1", "overt", 0.6),
    ("e3", "extraction", "A2", "c2", "evasive", 0.5),
    ("b1", "benign", "B1", "s1", None, 0.7),
    ("b2", "benign", "B1", "s2", None, 0.4),
    ("b3", "benign", "B3", "class", None, 0.2),
    ("b4", "benign", "B3", "class", None, 0.1),
    ("g1", "grey", "B11", "grey", None, 0.8),
]
ACCOUNTS = [row[0] for row in ROWS]
LABELS = pl.DataFrame(
    {
        "account_id": ACCOUNTS,
        "label": [r[1] for r in ROWS],
        "archetype": [r[2] for r in ROWS],
        "cohort": [r[3] for r in ROWS],
        "campaign": [r[3] if r[4] else None for r in ROWS],
        "tier": [r[4] for r in ROWS],
        "target": ["code" if r[4] else None for r in ROWS],
        "served": [r[4] is not None for r in ROWS],
        "extraction_requests": [{"e1": 2, "e2": 1, "e3": 4}.get(a, 0) for a in ACCOUNTS],
    }
)
SLEEPERS = [("z1", "c1", "overt"), ("z2", "c3", "adaptive")]
"""Extraction accounts that did nothing for their campaigns; beside z2 there is nobody in its own."""
WITH_SLEEPERS = pl.concat(
    [
        LABELS,
        pl.DataFrame(
            [(a, "extraction", "A1", c, c, t, "code", False, 0) for a, c, t in SLEEPERS],
            LABELS.columns,
            orient="row",
        ),
    ]
)
SCORES = [row[5] for row in ROWS]


def predictions(scores: list[float] = SCORES) -> pl.DataFrame:
    return pl.DataFrame({"account_id": ACCOUNTS, "score": scores})


def scored(scores: list[float] = SCORES, digest: str = DIGEST, folds: int = 40) -> Scorecard:
    return judged(predictions(scores), LABELS, digest, folds)


def judged(answer: pl.DataFrame, labels: pl.DataFrame, digest: str = DIGEST, folds: int = 40) -> Scorecard:
    return scoring.score("accounts", answer, GroundTruth(labels), digest, folds)


def entry(scores: list[float] = SCORES, name: str = "mine", team: str = "us") -> Submission:
    card = Card(name=name, team=team, field_groups="M+L", code_url="https://example.org/code")
    return Submission(card, predictions(scores).sort("account_id"))
