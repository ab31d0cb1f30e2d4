"""The accounts task on a world worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from lb_world import ACCOUNTS, DIGEST, LABELS, SCORES, SLEEPERS, WITH_SLEEPERS, judged, predictions, scored

from generator.errors import UserError
from leaderboard.metrics.ranking import METRICS
from leaderboard.records.scorecard import Scorecard

# Without the grey account, in order: e1 b1 e2 e3 b2 b3 b4
OVERT = (1 + 2 / 3) / 2  # e1 first, e2 third: the evasive e3 is neither positive nor negative here
EVASIVE = 1 / 2  # b1, then e3


def rates(card: Scorecard) -> dict[str, float]:
    return {name: v.value for name, v in card.false_positives.items()}


def test_hand_worked() -> None:
    card = scored()
    assert card.tiers["overt"]["ap"].value == pytest.approx(OVERT, abs=1e-12)
    assert card.tiers["evasive"]["ap"].value == pytest.approx(EVASIVE, abs=1e-12)
    assert card.primary.value == pytest.approx((OVERT + EVASIVE) / 2, abs=1e-12)
    assert card.primary.chance == pytest.approx((2 / 6 + 1 / 5) / 2, abs=1e-12)
    assert card.tables["overall"]["ap"].value == pytest.approx((1 + 2 / 3 + 3 / 4) / 3, abs=1e-12)
    assert (card.worst_tier, card.counts["accounts"], set(card.tables)) == (
        "evasive",
        7,
        {"overt", "evasive", "overall"},
    )
    recall, precision = card.curves["precision_recall"]["overt"]
    assert (recall[24], precision[24]) == pytest.approx((1 / 2, 1), abs=1e-12)  # e1 alone
    assert (recall[49], precision[49]) == pytest.approx((1, 2 / 3), abs=1e-12)


def test_false_positives_per_archetype() -> None:
    # 1 % of 4 benign accounts are 0.04: all on b1, the highest of them; B1 has 2 accounts.
    card = scored()
    assert rates(card) == pytest.approx({"B1": 0.02, "B3": 0.0}, abs=1e-12)
    assert card.worst_archetype == "B1"
    assert card.grey_flagged == 1.0  # above b1


def test_constant_gets_chance_everywhere() -> None:
    card = scored([0.5] * 8)
    for metrics in card.tables.values():
        for value in metrics.values():
            assert value.value == pytest.approx(value.chance, rel=1e-14)
    assert card.primary.value == pytest.approx(card.primary.chance, rel=1e-14)
    assert rates(card) == pytest.approx({"B1": 0.01, "B3": 0.01}, abs=1e-15)
    assert card.grey_flagged == pytest.approx(0.01, abs=1e-15)


def test_perfect_has_no_spread() -> None:
    card = scored([3, 2, 1, 0, 0, 0, 0, 0])
    assert (card.primary.value, card.primary.low, card.primary.high) == (1, 1, 1)


def test_grey_accounts_count_as_neither() -> None:
    low = scored([*SCORES[:-1], 0.0])
    high = scored()
    assert low.tables == high.tables
    assert low.replicates == high.replicates
    assert (low.grey_flagged, high.grey_flagged) == (0.0, 1.0)


def test_extraction_against_a_grey_archetype_alone() -> None:
    # e1 g1 e2 e3: precision 1, 2/3, 3/4; among them no benign account, whatever its score.
    card = scored()
    assert set(card.against_grey) == {"B11"}
    assert card.against_grey["B11"].value == pytest.approx((1 + 2 / 3 + 3 / 4) / 3, abs=1e-12)
    assert card.against_grey["B11"].chance == 3 / 4
    assert (
        scored([*SCORES[:3], 9, 9, 9, 9, SCORES[-1]]).against_grey["B11"].value == card.against_grey["B11"].value
    )
    assert scored([0.5] * 8).against_grey["B11"].value == pytest.approx(3 / 4, rel=1e-14)
    assert Scorecard.from_json(card.to_json()) == card
    assert card.flat()["against_grey/B11_chance"] == 3 / 4


def with_sleepers(*scores: float) -> Scorecard:
    names = [*ACCOUNTS, *(row[0] for row in SLEEPERS)]
    answer = pl.DataFrame({"account_id": names, "score": [*SCORES, *scores]})
    return judged(answer, WITH_SLEEPERS)


def test_accounts_that_never_served_neither_help_nor_harm() -> None:
    low, high, without = with_sleepers(0.0, 0.0), with_sleepers(1.0, 0.3), scored()
    assert low.tables == high.tables == without.tables  # no tier "adaptive": nobody served in it
    assert low.replicates == high.replicates == without.replicates
    assert low.false_positives == high.false_positives == without.false_positives
    assert high.counts == without.counts | {"sleepers": 2}
    assert (low.sleepers_flagged, high.sleepers_flagged, without.sleepers_flagged) == (0.0, 0.5, None)


def test_ceiling_and_headroom() -> None:
    card = scored()
    chance = (2 / 6 + 1 / 5) / 2
    assert card.ceiling == 1.0  # everybody who served stands above everybody who did not, whatever the order
    assert card.headroom == pytest.approx((1 - (OVERT + EVASIVE) / 2) / (1 - chance), abs=1e-12)
    assert scored([3, 2, 1, 0, 0, 0, 0, 0]).headroom == 0
    assert scored([0.5] * 8).headroom == pytest.approx(1, abs=1e-12)
    flat = card.flat()
    assert (flat["ceiling"], flat["headroom"]) == (card.ceiling, card.headroom)


def test_the_ceiling_is_counted_and_not_assumed() -> None:
    # Truth that contradicts itself: a benign account with 1 request ties with e2, and stands below e1.
    requests = [2, 1, 4, 1, 0, 0, 0, 0]
    card = judged(predictions(), LABELS.with_columns(extraction_requests=pl.Series(requests)))
    assert card.ceiling == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2, abs=1e-12)


def test_order_of_rows_changes_nothing() -> None:
    shuffled = judged(predictions().reverse(), LABELS.sample(fraction=1, shuffle=True, seed=1), DIGEST, 40)
    assert shuffled == scored()


def test_no_archetype_is_flagged_out_of_proportion_on_average() -> None:
    card = scored([0.1, 0.2, 0.3, 0.3, 0.3, 0.1, 0.1, 0.3])
    assert sum(rates(card).values()) / 2 == pytest.approx(0.01, abs=1e-12)  # 2 accounts each


def test_intervals_hold_their_values() -> None:
    card = scored()
    assert len(card.replicates) == sum(card.strata)
    assert card.primary.low <= card.primary.value <= card.primary.high
    assert card.primary.value < card.tiers["evasive"]["ap"].high <= 1.0
    assert card.tiers["evasive"]["ap"].low < EVASIVE


def test_recall_at_1e4_needs_ten_thousand_negatives() -> None:
    assert "recall_fpr_1e-4" not in scored().tables["overall"]
    n = 10_001
    many = pl.DataFrame(
        {
            "account_id": [f"a{i}" for i in range(n)],
            "label": ["extraction"] + ["benign"] * (n - 1),
            "archetype": ["A1"] + ["B1"] * (n - 1),
            "cohort": [f"c{min(i, 1)}" for i in range(n)],
            "campaign": ["c0"] + [None] * (n - 1),
            "tier": ["overt"] + [None] * (n - 1),
            "served": [True] + [False] * (n - 1),
            "extraction_requests": [5] + [0] * (n - 1),
        }
    )
    ranked = many.select("account_id", score=pl.int_range(n).cast(pl.Float64))
    card = judged(ranked, many, DIGEST, 2)
    assert set(card.tables["overall"]) == set(METRICS)


def test_json_brings_the_same_card_back() -> None:
    card = scored()
    assert Scorecard.from_json(card.to_json()) == card


def test_flat_names_every_number() -> None:
    flat = scored().flat()
    assert flat["primary_chance"] == pytest.approx((2 / 6 + 1 / 5) / 2, abs=1e-12)
    assert flat["fpr/B1"] == pytest.approx(0.02, abs=1e-12)
    assert all(np.isfinite(v) for v in flat.values())


def test_missing_score_is_told() -> None:
    with pytest.raises(UserError, match="2 of 8 labelled accounts have no score"):
        judged(predictions().head(6), LABELS, DIGEST, 2)


def test_labels_without_extraction_are_told() -> None:
    quiet = LABELS.filter(pl.col("label") != "extraction")
    with pytest.raises(UserError, match="0 extraction accounts that served and 4 benign ones"):
        judged(predictions(), quiet, DIGEST, 2)


def test_recall_against_the_budget_agrees_with_the_table() -> None:
    card = scored()
    for tier, (budget, recall) in card.curves["recall"].items():
        assert list(recall) == sorted(recall)
        assert (budget[0], recall[-1]) == pytest.approx((1e-4, 1.0))
        for name, at in (("recall_fpr_1e-2", 1e-2), ("recall_fpr_1e-3", 1e-3)):
            (k,) = (i for i, b in enumerate(budget) if b == pytest.approx(at))
            assert recall[k] == pytest.approx(card.tables[tier][name].value, abs=1e-9)
