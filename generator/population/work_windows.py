"""When cohorts work: windows cut out of a longer time, and a quiet stretch that lies anywhere in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, Mask
from generator.population.parameter_draws import extra_cohorts
from generator.rng import streams

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


def rests(plan: PopulationPlan) -> Mask:
    """Which cohorts pause on the quiet days: those of campaigns, where their window is drawn.

    They work on both sides of the quiet stretch. Were their windows on one side of it, who works in them would be
    seen early or late in the world, and hardly in its middle.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    return np.asarray((plan.dials["quiet"] > np.float32(0.5)) & (_named_days(plan) < 0))


def work_days(plan: PopulationPlan) -> tuple[F32, F32]:
    """First day of each cohort's work window, and the day after its last one.

    The world is a cut out of a longer time: a cohort begins inside the cut, or has begun before it.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.

    Returns
    -------
    first, end : ndarray of float32, shape (cohorts,)
        Days since the window began; the first is below 0 where the work had begun before.
    """
    length, place = np.ceil(plan.dials["window_days"]), plan.dials["window_start"]
    least = np.minimum(length, np.minimum(_LEAST, np.float32(plan.config.days)))
    room = np.where(place < 0, length - least, plan.config.days - least)
    first = np.floor(place * room).astype(np.float32)
    begins, ends = quiet_stretch(plan)
    # What would see nothing but quiet days begins behind them, or ends before.
    lost = rests(plan) & (np.maximum(first, 0) >= begins) & (np.minimum(first + length, plan.config.days) <= ends)
    first = np.where(lost, ends if ends < plan.config.days else begins - length, first).astype(np.float32)
    named = _named_days(plan)
    first = np.where(named < 0, first, named)
    return first, first + length


def _named_days(plan: PopulationPlan) -> F32:
    """First day of each cohort whose config names one; below 0: it is drawn."""
    named = np.full(len(plan.sizes), -1, np.float32)
    named[extra_cohorts(plan)] = [extra.first_day for extra in plan.config.cohorts]
    return named
