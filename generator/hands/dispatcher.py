"""A work queue with a dispatcher: who is in the ring gets a lease when it is his turn, works it off and queues
again.

A dispatcher does not start everybody at once. It hands out leases in waves and keeps to a ring, so that members
of one part of the ring begin seconds behind each other and never when another part does: work is balanced by
taking turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I64, U64, Mask, run_starts
from generator.hands import conduct
from generator.rng import streams
from generator.schema import DAY_MS
from generator.traffic.sessions import day_keys, in_window

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_MINUTES_PER_DAY = 1440
_PLACES = 12  # workers that begin behind each other before the dispatcher polls again (a)
_BACK_OFF = 0.5  # of a lease that a stray one begins late, in the mean (a)


def leased(plan: PopulationPlan, accounts: Accounts, account: I64, day: I64) -> Mask:
    """Which sessions serve their group: those of one lease of the day follow each other, before or after the rest.

    Parameters
    ----------
    plan, accounts, account, day
        As for `traffic.sessions.working_sessions`.
    """
    first = run_starts(account, day)
    order = np.arange(len(first)) - first
    number = np.bincount(first, minlength=len(first))[first] if len(first) else first
    bits = streams.child(day_keys(accounts, day, account), "lease")
    wanted = (1 - accounts.dials["camouflage"][account]) * number + streams.uniform(bits, 0)
    begins = streams.below(bits, np.maximum(number, 1))
    inside = (order - begins) % np.maximum(number, 1) < wanted.astype(np.int64)
    return inside & in_window(plan, accounts, account, day)


def lease_starts(plan: PopulationPlan, accounts: Accounts, account: I64, at: F64, key: U64) -> I64:
    """When sessions start that wait for their turn, milliseconds since the window began.

    Parameters
    ----------
    plan, accounts, account, key
        As for `traffic.sessions.working_sessions`.
    at : ndarray of float64, shape (sessions,)
        When each worker is free to begin, days since the window began.
    """
    cohort, member = accounts.cohort[account], plan.account_member[accounts.index[account]]
    waves = np.floor(_MINUTES_PER_DAY / conduct.trait(plan, cohort, "lease")).astype(np.int64)  # of a day
    ring = conduct.whole(plan, cohort, "ring")
    group = streams.child(plan.cohort_key[cohort], "dispatcher")
    ahead = streams.uniform_wide(group)  # the clock of no dispatcher begins at midnight
    first = np.ceil(at * waves - ahead).astype(np.int64)
    turn = first + (member - first) % ring
    spacing = conduct.trait(plan, cohort, "spacing") * 1000
    bits = streams.child(key, "lease")
    wait = (member // ring % _PLACES) * spacing + streams.exponential(bits, 0) * spacing / 2
    strays = streams.uniform(bits, 1) < conduct.trait(plan, cohort, "stray")
    late = np.where(strays, streams.exponential(bits, 2) * _BACK_OFF / waves * DAY_MS, 0)
    return ((turn + ahead) / waves * DAY_MS + wait + late).astype(np.int64)
