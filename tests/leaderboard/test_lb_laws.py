"""Laws of flagging, and three evasion tiers worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lb_world import judged

from leaderboard.metrics import ranking, slices


@given(
    scores=st.lists(st.integers(0, 4), min_size=2, max_size=30),
    fpr=st.sampled_from([1e-3, 0.01, 0.1, 0.25, 1 / 3, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_flagged_negatives_sum_to_the_rate(scores: list[int], fpr: float, seed: int) -> None:
    negative = np.random.default_rng(seed).random(len(scores)) < 0.6
    negative[0] = True
    share = slices.flagged(np.array(scores, float), negative, fpr)
    assert share[negative].sum() == pytest.approx(fpr * negative.sum(), abs=1e-12)
    assert ((share >= 0) & (share <= 1)).all()


@given(scores=st.lists(st.integers(0, 4), min_size=2, max_size=30), fpr=st.sampled_from([1e-3, 0.01, 0.25, 0.5]))
def test_flagged_positives_are_the_recall(scores: list[int], fpr: float) -> None:
    score = np.array(scores, float)
    positive = np.arange(len(scores)) % 2 == 0
    recall = ranking.recall_at_fpr(ranking.Ranked(score, positive).curve(), fpr)[0]
    assert slices.flagged(score, ~positive, fpr)[positive].mean() == pytest.approx(recall, abs=1e-12)


def test_three_tiers() -> None:
    # Best first: overt, benign, evasive, benign, adaptive, benign; each tier is ranked against the benign only.
    tiers = ["overt", None, "evasive", None, "adaptive", None]
    names = [f"a{i}" for i in range(6)]
    labels = pl.DataFrame(
        {
            "account_id": names,
            "label": ["extraction" if t else "benign" for t in tiers],
            "archetype": ["A1" if t else "B1" for t in tiers],
            "cohort": names,
            "campaign": [n if t else None for n, t in zip(names, tiers, strict=True)],
            "tier": tiers,
            "target": ["code" if t else None for t in tiers],
            "served": [t is not None for t in tiers],
            "extraction_requests": [int(t is not None) for t in tiers],
        }
    )
    card = judged(pl.DataFrame({"account_id": names, "score": [6.0, 5, 4, 3, 2, 1]}), labels, "d", 50)
    ap = {t: card.tiers[t]["ap"].value for t in ("overt", "evasive", "adaptive")}
    assert ap == pytest.approx({"overt": 1, "evasive": 1 / 2, "adaptive": 1 / 3}, abs=1e-12)
    assert card.primary.value == pytest.approx(11 / 18, abs=1e-12)
    assert card.primary.chance == pytest.approx(1 / 4, abs=1e-12)
    assert card.worst_tier == "adaptive"
