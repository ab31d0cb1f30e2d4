"""Rankings of very many rows count the same as rankings whose rows are sorted and weighted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from generator.arrays import F64, I64, Mask
from leaderboard.metrics import many_rows
from leaderboard.metrics.many_rows import ManyRows
from leaderboard.metrics.ranking import METRICS, Curve, Ranked
from leaderboard.metrics.resampling import Folds

ACCOUNTS, ROWS = 60, 5000
GROUP = np.arange(ACCOUNTS) // 3  # of each account
FOLDS = Folds(np.r_[np.zeros(9, np.int64), np.ones(10, np.int64), 2], "d", 4)  # the last group is alone
COLUMN, FIRST = FOLDS.alike


def rows(levels: int = 400) -> tuple[F64, Mask, I64]:
    """Scores with ties, truth, and who sent each; the first 27 accounts send both kinds or positives alone."""
    rng = np.random.default_rng(levels)
    account = rng.integers(0, ACCOUNTS, ROWS)
    positive = (account < 27) & (rng.random(ROWS) < np.where(account < 5, 1, 0.3))
    return np.round(rng.normal(size=ROWS) + positive, 2) % (levels / 100), positive, account


def sorted_one_by_one(score: F64, positive: Mask, group: I64, limit: int | None = None) -> Ranked:
    """The ranking as it would be without places; scores rounded to `limit` levels of its blocks."""
    ranked = Ranked(score, positive, group)
    if limit is None or ranked.blocks <= limit:
        return ranked
    values = np.unique(-score)
    block = np.searchsorted(values, -score)
    held = np.bincount(block, positive) > 0
    block = np.cumsum(np.r_[False, held[1:] | held[:-1]])[block]
    return Ranked(-(block * limit // ranked.blocks).astype(np.float64), positive, group)


def weights() -> F64:
    return FOLDS.weights(0, sum(FOLDS.strata))


def same(one: Curve, other: Curve) -> None:
    for name, metric in METRICS.items():
        assert metric.compute(one) == pytest.approx(metric.compute(other), abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("levels", [1, 7, 400])
@pytest.mark.parametrize("limit", [5, 10_000])
@pytest.mark.parametrize("inside", ["all", "some positives", "some of both"])
def test_places_change_no_curve(levels: int, limit: int, inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_rows, "BLOCKS", limit)
    monkeypatch.setattr(many_rows, "_AT_ONCE", 300)
    monkeypatch.setattr(many_rows, "_SEARCHED_AT_ONCE", 700)
    score, positive, account = rows(levels)
    some = np.arange(ACCOUNTS) % 2 == 0
    positives, negatives, mask = {
        "all": (np.ones(ACCOUNTS, bool), None, np.ones(ROWS, bool)),
        "some positives": (some, None, ~positive | some[account]),
        "some of both": (some, some, some[account]),
    }[inside]
    many = ManyRows(score, positive, ~positive, account)
    exact, sums = many.ranked(positives, negatives, COLUMN[GROUP], FIRST)
    of = score[mask], positive[mask], GROUP[account[mask]]
    wanted = sorted_one_by_one(*of).curve()
    assert (exact.positives == wanted.positives).all()
    assert (exact.negatives == wanted.negatives).all()
    rounded = sorted_one_by_one(*of, limit)
    assert sums.blocks <= limit
    same(sums.curve(), rounded.curve())
    with np.errstate(divide="ignore", invalid="ignore"):
        same(sums.curve(weights().T), rounded.curve(weights().T))


def test_who_sent_what() -> None:
    score, positive, account = rows()
    sent = ManyRows(score, positive, ~positive, account).sent(ACCOUNTS + 1)
    assert np.flatnonzero(sent[0]).tolist() == np.unique(account[positive]).tolist()
    assert np.flatnonzero(sent[1]).tolist() == np.unique(account[~positive]).tolist()


def test_groups_of_a_column_are_weighted_alike() -> None:
    assert (weights() == weights()[FIRST][COLUMN]).all()
    assert len(FIRST) < len(FOLDS.stratum)
