"""How accounts come and go: made on a line and kept on a shelf, or signed up as teams are set up.

Cards that are found out take all accounts with them that they have paid for, and what steps in for those comes
from the shelf, where it was kept since it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.hands import conduct, inventory
from generator.population.lifetimes import FIRST_USE
from generator.rng import exact_functions, streams

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_NEVER = 4  # windows: an account that does not stop lives so long
_SWEPT_BY, _SWEPT_RANGE = np.float32(0.05), np.float32(0.6)  # of the days left: when sweeps come (a)
_HOURS_APART = np.float32(0.08)  # days over which a sweep is carried out, in the mean (a)
_STEPS_IN = np.float32(0.02)  # days from a ban to the first request of what steps in, at least (a)
_TEAM = 6  # people that are signed up together, about (a)
_SET_UP = np.float32(70)  # days since an organisation began, median (a)
_SET_UP_SIGMA = np.float32(1.2)  # of its log (a)
_GROWS = np.float32(0.35)  # share of an organisation's time, this world's included, in which its teams come (a)
_DAY_APART = np.float32(0.6)  # days between the sign-ups of a team, in the mean (a)
_CAME_ALONE = np.float32(0.35)  # share of people in organisations who had an account before (a)


def draw_lives(
    plan: PopulationPlan,
    cohort: I32,
    member: I64,
    key: U64,
    dials: dict[str, F32],
    work: tuple[F32, F32],
    subscription: I32,
) -> tuple[F32, F32, F32]:
    """Sign-up, first and last day.

    Parameters
    ----------
    plan, cohort, member, key, dials, work, subscription
        As for `population.lifetimes.draw_lives`.

    Returns
    -------
    created, born, gone : ndarray of float32, shape (accounts,)
        Sign-up, first and last possible activity, in days since the window began.
    """
    days = np.float32(plan.config.days)
    index = plan.first_account[cohort] + member
    ends = np.clip(work[1], np.float32(1), days)
    stock = inventory.stock_of(plan, index)
    made = np.where(stock.owned, stock.signed_up(plan.config.days), _signed_up(plan, cohort, member, key, dials))
    # What would be made too late to be of use is of an earlier lot.
    created = np.where(made < ends - 1, made, made - np.ceil((made - ends + 2) / days) * days)
    second, swept = _sweeps(plan, cohort, member, dials, np.clip(work[0], np.float32(0), days - 1))
    created = np.where(second & (created > swept), created - days - 1, created)
    usual = np.maximum(created + FIRST_USE[subscription], 0)
    wait = _STEPS_IN + streams.uniform(streams.child(key, "steps in"))
    born = np.where(second, np.maximum(usual, swept + wait), usual)
    tires = streams.exponential(streams.child(key, "tires"))
    stays = days * tires / np.maximum(dials["quits"], np.float32(1e-3))
    gone = np.where(second, _NEVER * days, np.minimum(np.minimum(stays, _NEVER * days), swept))
    return created.astype(np.float32), born.astype(np.float32), gone.astype(np.float32)


def _signed_up(plan: PopulationPlan, cohort: I32, member: I64, key: U64, dials: dict[str, F32]) -> F32:
    """Sign-ups of people, on their own or as their team is set up."""
    days = np.float32(plan.config.days)
    bits = streams.child(key, "signs up")
    alone = np.where(streams.uniform(bits, 0) < dials["fresh"], streams.uniform(bits, 1) * days, -dials["age"])
    group = streams.child(plan.cohort_key[cohort], "set up")
    began = _SET_UP * exact_functions.exp(_SET_UP_SIGMA * streams.normal(group)).astype(np.float32)
    team = streams.items(group, member // _TEAM)
    share = np.where(member < _TEAM, np.float32(0), streams.uniform(team))
    apart = _DAY_APART * streams.exponential(bits, 2)
    joint = -began + share * np.maximum(_GROWS * began, np.minimum(began, 1) + _GROWS * days) + apart
    joins = (plan.sizes[cohort] > 1) & conduct.follows(plan, cohort, "organisation")
    joins &= streams.uniform(bits, 3) >= _CAME_ALONE
    return np.where(joins, joint, alone).astype(np.float32)


def _sweeps(
    plan: PopulationPlan, cohort: I32, member: I64, dials: dict[str, F32], begins: F32
) -> tuple[Mask, F32]:
    """Which members step in for others, and when the member is banned that each seat had first."""
    days, size = np.float32(plan.config.days), plan.sizes[cohort]
    replaced = np.floor(dials["replaced"] * size).astype(np.int64)
    second = member >= size - replaced
    seat = np.where(second, member - (size - replaced), member)
    # Of one seat, whoever has it: the card is the first holder's.
    holder = plan.first_account[cohort] + seat
    of_seat, stock = plan.account_key[holder], inventory.stock_of(plan, holder)
    sweep = streams.child(np.where(stock.owned, stock.card(), of_seat), "sweep")
    room = np.maximum(days - begins - 2, 0)
    when = begins + room * (_SWEPT_BY + _SWEPT_RANGE * streams.uniform(sweep))
    when = when + _HOURS_APART * streams.exponential(streams.child(of_seat, "swept"))
    return second, np.where(seat < replaced, when, _NEVER * days).astype(np.float32)
