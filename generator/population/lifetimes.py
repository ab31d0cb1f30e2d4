"""Lives of accounts: when they sign up, work, are banned and replaced, or quit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.hands import law
from generator.rng import streams

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_NEVER = 4  # windows: an account that does not quit lives so long
_LIFETIME_LEAST = np.float32(0.5)  # of a cohort's usual lifetime; chance adds up to one (a)
# A seat that is filled again is banned inside the window: by this share of the days left for work (a).
_BANNED_BY, _BANNED_RANGE = np.float32(0.05), np.float32(0.6)
_REPLACED_AFTER = 0.05  # days from a ban to the sign-up of the next; chance adds up to one (a)
# Least days from sign-up to the first request, in the order of `CHOICES["plan"]`: minutes where everybody helps
# himself, half an hour with some set-up, a day under a contract (a).
FIRST_USE = np.array([0.002, 0.002, 0.02, 0.02, 0.02, 1.0], np.float32)


@law
def draw_lives(
    plan: PopulationPlan,
    cohort: I32,
    member: I64,
    key: U64,
    dials: dict[str, F32],
    work: tuple[F32, F32],
    subscription: I32,
) -> tuple[F32, F32, F32]:
    """Sign-up, first and last day: own or joint creation, bans with a fresh account in the seat, quitting.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    cohort, member, key : ndarray, shape (accounts,)
        Cohort, number in it and stream of each account.
    dials : dict of str to ndarray of float32, shape (accounts,)
        Habits, and the dials of the cohort.
    work : tuple of ndarray of float32, shape (accounts,)
        First day of the cohort's work, and the day after its last.
    subscription : ndarray of int32, shape (accounts,)
        Plan of each account, an index into `CHOICES["plan"]`.

    Returns
    -------
    created, born, gone : ndarray of float32, shape (accounts,)
        Sign-up, first and last possible activity, in days since the window began.
    """
    days = np.float32(plan.config.days)
    bits, more = streams.child(key, "life"), streams.child(key, "life 2")
    fresh = streams.uniform(bits, 0) < dials["fresh"]
    # A member was there for some of the cohort's work: nobody joins it later, or has left it before.
    first_work, begins = work[0], np.clip(work[0], np.float32(0), days - 1)
    ends = np.clip(work[1], np.float32(1), days)
    created = np.where(fresh, streams.uniform(bits, 1) * ends, -dials["age"])
    bulk = streams.uniform(bits, 2) < dials["bulk_created"]
    joint = first_work + dials["creation_span"] * streams.uniform(bits, 3) - dials["creation_lead"]
    # Who would sign up after the window is no account of it: those members have come before, on their own.
    created = np.where(bulk & (joint < days - 1), joint, created)
    quits = streams.uniform(more, 0) < dials["quits"]
    gone = np.where(quits, begins + (days - begins) * streams.uniform(more, 1), _NEVER * days).astype(np.float32)

    second, banned = _bans(plan, cohort, member, dials, first_work)
    delay = _REPLACED_AFTER + streams.uniform(more, 2)
    created = np.where(second, banned + delay, created)
    gone = np.where(second, _NEVER * days, np.minimum(gone, banned))
    born = np.maximum(created + FIRST_USE[subscription], 0)
    return created.astype(np.float32), born.astype(np.float32), gone.astype(np.float32)


def _bans(
    plan: PopulationPlan, cohort: I32, member: I64, dials: dict[str, F32], first_work: F32
) -> tuple[Mask, F32]:
    """Which members fill the seat of a banned one, and when the first holder of each seat is banned."""
    days = np.float32(plan.config.days)
    size = plan.sizes[cohort]
    replaced = np.floor(dials["replaced"] * size).astype(np.int64)
    seats = size - replaced
    seat = np.where(member >= seats, member - seats, member)
    seats_own = streams.items(plan.cohort_key[cohort], seat)
    together = streams.uniform(streams.child(seats_own, "ban wave")) < dials["ban_wave"]
    seat_bits = streams.child(np.where(together, plan.cohort_key[cohort], seats_own), "ban")
    begins = np.maximum(first_work, np.float32(0))  # of those banned before the window none is left
    banned = begins + dials["lifetime"] * (_LIFETIME_LEAST + streams.uniform(seat_bits))
    # Where a fresh account takes over, it does so inside the window.
    room = np.maximum(days - begins - 1 - np.float32(_REPLACED_AFTER), 0)
    latest = begins + room * (_BANNED_BY + _BANNED_RANGE * streams.uniform(seat_bits, 1))
    banned = np.where(seat < replaced, np.minimum(banned, latest), banned)
    return member >= seats, banned
