"""How many worlds tell two entries apart: the formula against experiments that are played out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from generator.errors import UserError
from leaderboard.records import estimate, power
from leaderboard.records.estimate import Estimate
from leaderboard.records.scorecard import Scorecard, Value
from siphonbench.workflows import comparison

CAMPAIGNS, SPREAD = 36, 0.3  # of a world; SD of the paired difference from campaign to campaign
EXPERIMENTS = 300


def world(rng: np.random.Generator, true: float) -> Estimate:
    """Paired difference of two entries whose scores differ by `true` on the mean campaign."""
    each = rng.normal(true, SPREAD, CAMPAIGNS)
    without = (each.sum() - each) / (CAMPAIGNS - 1)
    return Estimate(float(each.mean()), without, (CAMPAIGNS,), difference=True)


def told(rng: np.random.Generator, true: float, worlds: int) -> float:
    """Share of experiments whose interval leaves out zero."""
    found = [estimate.mean([world(rng, true) for _ in range(worlds)]).interval() for _ in range(EXPERIMENTS)]
    return float(np.mean([low > 0 or high < 0 for low, high in found]))


@pytest.mark.parametrize("true", [0.13, 0.06])
def test_so_many_worlds_tell_the_difference_four_times_in_five(true: float) -> None:
    rng = np.random.default_rng(5)
    pilot = estimate.mean([world(rng, 0) for _ in range(100)])  # so many that its own spread is no draw any more
    needed = power.worlds_needed(pilot, true)
    error = np.sqrt(0.8 * 0.2 / EXPERIMENTS)
    for worlds in (needed - 1, needed):
        assert (power_at(true, worlds) >= power.POWER) == (worlds == needed)
        assert told(rng, true, worlds) == pytest.approx(power_at(true, worlds), abs=4 * error)
    assert told(rng, 0, needed) < 0.05 + 4 * error


def power_at(true: float, worlds: int) -> float:
    """Exact power of so many worlds, by the normal law."""
    return float(stats.norm.sf(1.96 - true / (SPREAD / np.sqrt(CAMPAIGNS * worlds))))


def test_a_pilot_of_several_worlds_asks_for_as_many_in_all() -> None:
    rng = np.random.default_rng(0)
    worlds = [world(rng, 0) for _ in range(8)]
    alone = np.mean([power.detectable(w) ** 2 for w in worlds])
    joined = estimate.mean(worlds)
    assert power.detectable(joined) ** 2 == pytest.approx(alone / 8)
    assert power.worlds_needed(joined, 0.05) == int(np.ceil(alone / 0.05**2))


def card(value: float, replicates: np.ndarray) -> Scorecard:
    return Scorecard(
        task="accounts",
        dataset="d",
        counts={"campaigns": CAMPAIGNS},
        primary=Value(value, 0.1, value, value),
        tables={},
        replicates=tuple(replicates.tolist()),
        strata=(len(replicates),),
    )


def test_what_is_open_says_what_would_decide_it() -> None:
    steps = np.array([-0.01, 0, 0.01])
    one, other = card(0.5, 0.5 + steps), card(0.51, 0.51 - 5 * steps)
    open_ = comparison.compare([one, one], [other, other])
    assert not open_.decided
    said = open_.words()
    assert said.startswith("Can't be told apart: paired difference -0.0100")
    needed = power.worlds_needed(open_.difference, 0.05)
    assert f"takes {needed} such worlds ({needed * CAMPAIGNS} campaigns)" in said
    assert open_.as_dict()["worlds_needed"] == needed
    clear = comparison.compare([one], [card(0.2, 0.2 + steps)])
    assert clear.words().startswith("Ahead: paired difference +0.3000")
    assert "such world" not in clear.words()
    with pytest.raises(UserError, match="a difference of 0 can't be told apart"):
        comparison.compare([one], [other], 0)
