"""A Hawkes process tells who sets off whom from who merely works at the same hours."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.detectors.coordination import hawkes
from generator.arrays import F64, I64

DAYS, DECAY = 10, 600.0


def _events(*times: F64) -> tuple[I64, F64]:
    ordered = [np.sort(t) for t in times]
    return np.repeat(np.arange(len(times)), [len(t) for t in times]), np.concatenate(ordered)


def _gain(*times: F64) -> F64:
    """Gain of each ordered pair of three accounts: 0 by 1, 1 by 0, 2 by 0, 0 by 2."""
    row, time = _events(*times)
    return hawkes.excitation(row, time, np.array([0, 1, 2, 0]), np.array([1, 0, 0, 2]), DECAY)


@pytest.mark.parametrize("seed", range(3))
def test_a_child_is_explained_by_its_parent_and_nobody_by_a_stranger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parent, stranger, own = (rng.uniform(0, DAYS * 86_400, n) for n in (100, 100, 50))
    child = np.r_[own, rng.choice(parent, 50, replace=False) + rng.exponential(DECAY, 50)]
    by_child, by_parent, of_stranger, by_stranger = _gain(parent, child, stranger)
    assert by_parent > 20 > hawkes._FIRM
    assert max(by_child, of_stranger, by_stranger) < hawkes._FIRM


def test_colleagues_with_the_same_hours_excite_nobody() -> None:
    rng = np.random.default_rng(3)
    office = [rng.integers(0, DAYS, 80) * 86_400.0 + rng.uniform(9, 17, 80) * 3600 for _ in range(3)]
    assert _gain(*office).max() < hawkes._FIRM


def test_a_queue_that_deals_work_out_at_any_time_breaks_it() -> None:
    """Members of a swarm take a task each whenever there is one: none of them waits for another."""
    rng = np.random.default_rng(4)
    tasks, member = rng.uniform(0, DAYS * 86_400, 300), rng.integers(0, 3, 300)
    assert _gain(*(tasks[member == k] for k in range(3))).max() < hawkes._FIRM


def test_a_kernel_is_carried_on_by_one_recursion() -> None:
    row, time = _events(np.array([0.0, 600.0, 1800.0]), np.array([50.0]))
    by_hand = [1, 1 + np.exp(-1), 1 + np.exp(-2) + np.exp(-3), 1]
    assert hawkes._carried(row, time, DECAY) == pytest.approx(by_hand)


def test_accounts_that_never_asked_take_part_in_no_pair() -> None:
    row, time = _events(np.array([10.0]), np.zeros(0), np.array([20.0]))
    nothing = hawkes.excitation(row, time, np.array([1, 0]), np.array([0, 1]), DECAY)
    assert nothing.tolist() == [0, 0]
    assert len(hawkes.excitation(row[:0], time[:0], np.zeros(0, np.int64), np.zeros(0, np.int64), DECAY)) == 0
