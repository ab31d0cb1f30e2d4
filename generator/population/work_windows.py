"""When cohorts work: windows cut out of a longer time, around a quiet stretch that lies anywhere in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32
from generator.population.parameter_draws import extra_cohorts
from generator.rng import streams
from generator.schema import TIERS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_SIDES = 3  # at least one of so many parts of the days lies on either side of the quiet stretch (a)
_LEAST = np.float32(3)  # days of its work that the world sees of a cohort, where it has so many (a)


def quiet_stretch(plan: PopulationPlan) -> tuple[int, int]:
    """Days on which no campaign collects: anywhere inside the window, so that its borders tell nothing.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.

    Returns
    -------
    first, end : int
        First day, and the day after the last; equal where no day is quiet.
    """
    room = plan.config.days - plan.config.quiet_days
    least = room // _SIDES
    first = least + int(streams.below(streams.child(plan.root, "quiet stretch"), room - 2 * least + 1)[0])
    return first, first + plan.config.quiet_days


def open_days(plan: PopulationPlan) -> tuple[F32, F32]:
    """Days that are open to each cohort's work: all, or those on one side of the quiet stretch.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.

    Returns
    -------
    first, end : ndarray of float32, shape (cohorts,)
        Days since the window began.
    """
    days = np.float32(plan.config.days)
    before, after = (np.float32(x) for x in quiet_stretch(plan))
    around = (plan.dials["quiet"] > np.float32(0.5)) & (after > before)
    # Each side has as many of every tier: else worlds would differ in when campaigns work.
    rounds = (np.cumsum(around) - 1) // len(TIERS)
    early = (rounds + streams.below(streams.child(plan.root, "side of the quiet stretch"), 2)) % 2 == 0
    first = np.where(around & ~early, after, np.float32(0))
    return first, np.where(around & early, before, days)


def work_days(plan: PopulationPlan) -> tuple[F32, F32]:
    """First day of each cohort's work window, and the day after its last one.

    The world is a cut out of a longer time. A cohort that any day is open to begins inside the cut, or has begun
    before it; one that leaves out the quiet stretch has ended its work before, or begins after it.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.

    Returns
    -------
    first, end : ndarray of float32, shape (cohorts,)
        Days since the window began; the first is below 0 where the work had begun before.
    """
    low, high = open_days(plan)
    length, place = np.ceil(plan.dials["window_days"]), plan.dials["window_start"]
    least = np.minimum(np.minimum(length, _LEAST), high - low)
    inside = np.floor(np.abs(place) * (high - low - least))
    first = np.where(place < 0, np.floor(place * (length - least)), inside)
    first = np.where(low > 0, low + inside, first)
    first = np.where(high < plan.config.days, high - inside - length, first).astype(np.float32)
    for cohort, extra in zip(extra_cohorts(plan), plan.config.cohorts, strict=True):
        if extra.first_day >= 0:
            first[cohort] = extra.first_day
    return first, first + length
