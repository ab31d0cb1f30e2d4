"""Metrics: hand-worked numbers, and the laws that every one of them obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from generator.arrays import F64
from leaderboard.metrics import ranking, slices
from leaderboard.metrics.ranking import METRICS, Curve, Ranked


def curve(scores: list[float], truth: str) -> Curve:
    return Ranked(np.array(scores, float), np.array([t == "P" for t in truth])).curve()


# Scores of both classes, many ties; at least one of each class.
CASES = st.tuples(
    st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.integers(0, 5), min_size=1, max_size=12)
)


def arrays(case: tuple[list[int], list[int]]) -> tuple[F64, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    positives, negatives = case
    score = np.array(positives + negatives, float)
    return score, np.arange(len(score)) < len(positives)


@pytest.mark.parametrize(
    ("metric", "scores", "truth", "expected"),
    [
        ("ap", [4, 3, 2, 1], "PNPN", (1 + 2 / 3) / 2),
        ("ap", [2, 2, 1, 1], "PNPN", 1 / 2),  # two blocks, each at precision one half
        ("ap", [1, 2, 3, 4], "PPNN", (1 / 3 + 2 / 4) / 2),  # reversed
        ("roc_auc", [4, 3, 2, 1], "PNPN", 3 / 4),
        ("roc_auc", [2, 2, 1, 1], "PNPN", 1 / 2),
        ("roc_auc", [3, 2, 2, 1], "PPNN", 3.5 / 4),
        ("precision_at_k", [4, 3, 2, 1], "PNPN", 1 / 2),
        ("precision_at_k", [3, 2, 2, 1], "PPNN", 1.5 / 2),  # the second place goes to either of two
        ("ap_rare", [4, 3, 2, 1], "PNPN", 1 / 2 + 1 / 2 * 2 / (2 + 10)),
    ],
)
def test_hand_worked(metric: str, scores: list[float], truth: str, expected: float) -> None:
    assert METRICS[metric].compute(curve(scores, truth))[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("fpr", "expected"),
    [
        (0.5, 1.0),  # one of two negatives may be flagged, and with it the positive that comes before the next
        (0.49, 0.5),
        (1.0, 1.0),
    ],
)
def test_recall_between_negatives(fpr: float, expected: float) -> None:
    assert ranking.recall_at_fpr(curve([4, 3, 2, 1], "PNPN"), fpr)[0] == pytest.approx(expected, abs=1e-12)


def test_recall_inside_a_block_is_the_expected_one() -> None:
    # A block of 1 positive and 2 negatives after 1 positive: a quarter of 4 negatives is half of the block.
    tied = curve([3, 2, 2, 2, 1, 1], "PPNNNN")
    assert ranking.recall_at_fpr(tied, 0.25)[0] == pytest.approx((1 + 0.5) / 2, abs=1e-12)


def test_one_percent_of_2900_is_29() -> None:
    scores = [*range(5000, 5000 - 29, -1), 4000.0, *range(3000, 3000 - 2871, -1)]
    ranked = curve([float(s) for s in scores], "N" * 29 + "P" + "N" * 2871)
    assert ranking.recall_at_fpr(ranked, 0.01)[0] == 1.0


def test_chance_levels() -> None:
    flat = curve([1] * 8, "PPNNNNNN")
    wanted = {"ap": 0.25, "precision_at_k": 0.25, "roc_auc": 0.5, "ap_rare": 2 / 62, "recall_fpr_1e-2": 0.01}
    assert {k: METRICS[k].chance_value(flat) for k in wanted} == pytest.approx(wanted, abs=1e-15)


@pytest.mark.parametrize("metric", METRICS)
@given(positives=st.integers(1, 50), negatives=st.integers(1, 50))
def test_constant_is_chance(metric: str, positives: int, negatives: int) -> None:
    flat = curve([0.5] * (positives + negatives), "P" * positives + "N" * negatives)
    assert METRICS[metric].compute(flat)[0] == pytest.approx(METRICS[metric].chance_value(flat), rel=1e-14)


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_is_one(metric: str) -> None:
    assert METRICS[metric].compute(curve([5, 4, 3, 2, 1], "PPNNN"))[0] == 1.0


@pytest.mark.parametrize("metric", ["recall_fpr_1e-2", "recall_fpr_1e-3", "recall_fpr_1e-4", "roc_auc"])
def test_reversed_is_zero(metric: str) -> None:
    assert METRICS[metric].compute(curve([1, 2, 3, 4, 5], "PPNNN"))[0] == 0.0


@pytest.mark.parametrize("metric", METRICS)
def test_random_is_near_chance(metric: str) -> None:
    rng = np.random.default_rng(7)
    truth = np.arange(40_000) < 4_000
    ranked = [Ranked(rng.random(40_000), truth).curve() for _ in range(10)]
    got = [METRICS[metric].compute(c)[0] for c in ranked]
    error = np.std(got, ddof=1) / np.sqrt(len(got))
    assert np.mean(got) == pytest.approx(METRICS[metric].chance_value(ranked[0]), abs=4 * error)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40)
@given(case=CASES, seed=st.integers(0, 99))
def test_order_of_rows_scale_and_copies_change_nothing(
    metric: str, case: tuple[list[int], list[int]], seed: int
) -> None:
    score, truth = arrays(case)
    compute = METRICS[metric].compute
    expected = pytest.approx(compute(Ranked(score, truth).curve())[0], abs=1e-12)
    mixed = np.random.default_rng(seed).permutation(len(score))
    assert compute(Ranked(score[mixed], truth[mixed]).curve())[0] == expected
    assert compute(Ranked(np.exp(score), truth).curve())[0] == expected
    assert compute(Ranked(np.tile(score, 3), np.tile(truth, 3)).curve())[0] == expected


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40)
@given(case=CASES, seed=st.integers(0, 99))
def test_a_weight_is_a_number_of_copies(metric: str, case: tuple[list[int], list[int]], seed: int) -> None:
    score, truth = arrays(case)
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(score)))
    weights[:, [0, -1]] = 1  # keep one of each class
    together = METRICS[metric].compute(Ranked(score, truth).curve(weights.astype(float)))
    apart = [METRICS[metric].compute(Ranked(np.repeat(score, w), np.repeat(truth, w)).curve())[0] for w in weights]
    assert together == pytest.approx(apart, abs=1e-12)


@given(case=CASES)
def test_agrees_with_scikit_learn(case: tuple[list[int], list[int]]) -> None:
    score, truth = arrays(case)
    ranked = Ranked(score, truth).curve()
    assert ranking.average_precision(ranked)[0] == pytest.approx(average_precision_score(truth, score), abs=1e-12)
    assert ranking.roc_auc(ranked)[0] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_precision_at_recall() -> None:
    at = np.array([0.25, 0.5, 0.75, 1.0])
    steps = slices.precision_at_recall(curve([4, 3, 2, 1], "PNPN"), at)
    assert steps == pytest.approx([1, 1, 1.5 / 2.5, 2 / 3], abs=1e-12)
    flat = slices.precision_at_recall(curve([1, 1, 1, 1], "PNNN"), at)
    assert flat == pytest.approx([0.25] * 4, abs=1e-12)


def test_flagged_by_the_threshold_of_the_negatives() -> None:
    score = np.array([5.0, 4, 3, 3, 2, 1])
    negative = np.array([False, True, True, False, True, True])
    # 1.5 of 4 negatives: the one at 4, and half of the block at 3 (its only negative; the other is judged alike).
    assert slices.flagged(score, negative, 0.375).tolist() == [1, 1, 0.5, 0.5, 0, 0]
    # Exactly one negative: what lies above the next one is flagged too.
    lone = np.array([False, True, False, True, True, True])
    assert slices.flagged(np.arange(6.0)[::-1], lone, 0.25).tolist() == [1, 1, 1, 0, 0, 0]
