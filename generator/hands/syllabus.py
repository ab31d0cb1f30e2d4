"""Topics by a syllabus: a group walks through units, by tracks, and each unit ends with an evaluation round.

A unit has one topic, an instruction in a few wordings, a queue of items, and questions of its own that everybody
is asked. So what members have in common is in use for a while and then gone, and not all of them have it at
once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask
from generator.config.parameters import TOPICS_PER_DOMAIN
from generator.hands import conduct
from generator.population.work_windows import work_days
from generator.rng import streams
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions

_LEAST_DAYS = 6.0  # of a syllabus, where a group's work is known to be longer it is as long as the world (a)
_REVISES = np.float32(0.15)  # share of sessions that go back to the unit before (a)
_EXAMINED = np.float32(0.5)  # share of sessions in an evaluation round that take part in it (a)
_QUESTIONS = 12  # of an evaluation (a)
_RECENT, _RECENT_HOURS = 40, 6  # items that may be leased again, and for how long (a)


@dataclass
class Lessons:
    """Where sessions are in their group's syllabus; arrays of shape (sessions,).

    Attributes
    ----------
    follows : ndarray of bool
        Whether a session keeps to it.
    unit : ndarray of uint64
        Stream of the unit that it is about.
    exam : ndarray of bool
        Whether it takes part in an evaluation round.
    """

    follows: Mask
    unit: U64
    exam: Mask


def lessons(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> Lessons:
    """Where sessions are in their group's syllabus.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.
    """
    cohort = accounts.cohort[sessions.account]
    group = streams.child(plan.cohort_key[cohort], "syllabus")
    units, tracks = conduct.whole(plan, cohort, "units"), conduct.whole(plan, cohort, "tracks")
    track = plan.account_member[accounts.index[sessions.account]] % tracks
    bits = streams.child(sessions.key, "lesson")
    at = _progress(plan, cohort, sessions.start) * units + streams.uniform(streams.items(group, track))
    number = np.floor(at).astype(np.int64)
    back = streams.uniform(bits, 0) < _REVISES
    unit = (np.maximum(number - back, 0) + track * (units // tracks)) % units
    follows = sessions.work & conduct.follows(plan, cohort, "syllabus")
    follows &= streams.uniform(bits, 1) < conduct.trait(plan, cohort, "followed")
    ends = at - number >= 1 - conduct.trait(plan, cohort, "exams")
    exam = follows & ends & (streams.uniform(bits, 2) < _EXAMINED)
    return Lessons(follows, streams.items(streams.child(group, "unit"), unit), exam)


def instructions(plan: PopulationPlan, accounts: Accounts, account: I64, unit: U64) -> U64:
    """Stream of the wording of a unit's instruction that each account was given.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    account : ndarray of int64, shape (sessions,)
        Positions in them.
    unit : ndarray of uint64, shape (sessions,)
        See `Lessons`.
    """
    own = streams.child(unit ^ accounts.key[account], "wording")
    number = streams.below(own, conduct.whole(plan, accounts.cohort[account], "wordings"))
    return streams.items(streams.child(unit, "instruction"), number)


def topics(plan: PopulationPlan, accounts: Accounts, account: I64, bits: U64) -> I64:
    """Topic of units, or of items that a group has in common, in the domain that its work is about.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    account : ndarray of int64, shape (n,)
        Positions in them.
    bits : ndarray of uint64, shape (n,)
        Stream of each unit or item.
    """
    within = streams.below(streams.child(bits, "topic"), TOPICS_PER_DOMAIN)
    return plan.domain[accounts.cohort[account]].astype(np.int64) * TOPICS_PER_DOMAIN + within


def questions(unit: U64, bits: U64) -> U64:
    """Streams of the questions of an evaluation round.

    Parameters
    ----------
    unit : ndarray of uint64, shape (n,)
        The unit that ends.
    bits : ndarray of uint64, shape (n,)
        Draws of which question each is.
    """
    return streams.items(streams.child(unit, "questions"), streams.below(bits, _QUESTIONS))


def leased_again(unit: U64, ms: I64, bits: U64) -> U64:
    """Streams of items of a unit's queue that were leased before, to somebody who was too slow.

    Parameters
    ----------
    unit : ndarray of uint64, shape (n,)
        The unit.
    ms : ndarray of int64, shape (n,)
        When each is leased, milliseconds since the window began.
    bits : ndarray of uint64, shape (n,)
        Draws of which item each is.
    """
    stretch = (ms + DAY_MS) * 24 // (DAY_MS * _RECENT_HOURS)
    return streams.items(streams.items(streams.child(unit, "queue"), stretch), streams.below(bits, _RECENT))


def _progress(plan: PopulationPlan, cohort: I32, ms: I64) -> F64:
    """How much of its syllabus a group has behind it, as a share: it never ends before the world does."""
    begins, ends = work_days(plan)
    first = np.maximum(begins, 0).astype(np.float64)
    length = np.maximum(np.minimum(ends, plan.config.days) - first, _LEAST_DAYS)
    return np.asarray((ms / DAY_MS - first[cohort]) / length[cohort]).clip(0, 1)
