"""Days and hours as renewals: each account comes back after gaps with a heavy tail, on its own or by a roster.

A gap between active days, or between the sessions of a day, is a power of an exponential variable: many are
short and a few are very long, so that activity comes in spells without a law for spells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, F64, I64, U64, Mask, run_starts
from generator.hands import conduct
from generator.rng import exact_functions, streams
from generator.traffic.sessions import day_keys, in_window
from generator.workloads import burstiness

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_DAY_POWER, _SESSION_POWER = np.float32(1.6), np.float32(1.5)  # of exponentials that make gaps (a)
_MEAN_DAY_GAP = math.gamma(1 + 1.6)  # of such a power
_DUE = np.float32(0.15)  # share of days with a deadline (a)
_COMES_WHEN_DUE = np.float32(0.5)  # share of people who work then (a)
_VOLUME_STEPS, _MOST_POWER = 64, 1.5  # of the table below; largest power of an exponential that makes a volume (a)
_MEAN_VOLUME = np.array(
    [round(math.gamma(1 + i / _VOLUME_STEPS), 9) for i in range(2 * _VOLUME_STEPS)], np.float32
)
_BACKLOG, _BACKLOG_DAYS = np.float32(0.35), 5  # how far a queue's load falls from the day it is filled (a)
_ROSTER_LEAST, _ROSTER_RANGE = 3, 4  # days of a roster's round (a)
_RATE_CAPS = 5  # no day's mean is above so many times the config's cap of requests (a)
_SATURDAY = 5
_STEPS = 4096  # weights of gaps are whole numbers: no account changes another's rounding
_AWAKE = 3.5  # SDs of its hours that an account is awake (a)
_LATE_SD = np.float32(1.2 / 24)  # of the begin of a day, in days (a)


def request_counts(plan: PopulationPlan, accounts: Accounts, day: I64) -> I64:
    """Requests that each account sends on each of the given days.

    Parameters
    ----------
    plan, accounts, day
        As for `traffic.sessions.request_counts`.
    """
    dials = accounts.dials
    row = np.arange(len(accounts))[:, None]
    bound = (dials["cover"] <= np.float32(0.5))[:, None]
    on_roster = bound & conduct.follows(plan, accounts.cohort, "queue")[:, None]
    comes = np.where(on_roster, _roster(plan, accounts), _renewals(plan, accounts))[:, day + 1]
    comes |= _deadlines(plan, accounts)[:, day + 1]
    local = np.floor(burstiness.peaks(accounts.hours, accounts.utc_offset) + accounts.utc_offset).astype(np.int64)
    weekend = (plan.config.window(plan.split).weekday() + day + local[:, None]) % 7 >= _SATURDAY
    bits = streams.child(day_keys(accounts, np.broadcast_to(day, comes.shape), row), "volume")
    works = streams.uniform(bits, 0) < np.where(weekend, dials["weekend"][:, None], np.float32(1))
    alive = (accounts.born[:, None] < day + 1) & (accounts.gone[:, None] > day)
    there = comes & works & alive & (in_window(plan, accounts, row, day) | ~bound)
    mean = dials["rate"][:, None] * _volumes(dials["rate_wobble"], bits) * _backlog(plan, accounts, day)
    n = np.floor(np.minimum(mean, _RATE_CAPS * plan.config.rate_cap) + streams.uniform(bits, 2)).astype(np.int64)
    return np.where(there, n, 0)


def day_starts(accounts: Accounts, account: I64, day: I64, key: U64) -> F64:
    """Time of each session by the account's habits, in days: gaps after the begin of its day.

    Parameters
    ----------
    accounts, account, day, key
        As for `traffic.sessions.working_sessions`.
    """
    first = run_starts(account, day)
    today = streams.child(day_keys(accounts, day, account), "begin of the day")
    last = _weights(today)
    weight = _weights(streams.child(key, "gap before it"))
    total = np.cumsum(weight)
    passed = total - (total - weight)[first]
    ends = np.r_[first[1:] != first[:-1], True] if len(first) else np.zeros(0, np.bool_)
    whole = passed[np.flatnonzero(ends)[np.cumsum(np.r_[False, ends[:-1]])]] if len(first) else passed
    share = passed / (whole + last)
    dials = accounts.dials
    regular = streams.uniform(today, 0) < dials["diurnal"][account]
    span = np.where(regular, np.minimum(_AWAKE * dials["hours"][account] / 24, 1), 1.0)
    middle = burstiness.peaks(accounts.hours, accounts.utc_offset)[account] + _LATE_SD * streams.normal(today, 1)
    wake = np.where(regular, middle - span / 2, streams.uniform_wide(streams.mix(today)))
    at = wake + span * share
    return np.asarray(day + at - np.floor(at))


def _weights(bits: U64) -> I64:
    return 1 + (exact_functions.exp(_SESSION_POWER * streams.log_exponential(bits)) * _STEPS).astype(np.int64)


def _renewals(plan: PopulationPlan, accounts: Accounts) -> Mask:
    """Which days accounts come back on, from the day before the window."""
    days = plan.config.days + 1
    keys = streams.items(streams.child(accounts.key, "comes back")[:, None], np.arange(days + 1))
    rest = np.maximum(1 / np.maximum(accounts.dials["active"], np.float32(0.01)) - 1, 0)[:, None]
    power = exact_functions.exp(_DAY_POWER * streams.log_exponential(keys))
    # Rounded down with chance, so that the mean stays.
    gap = 1 + np.floor(np.minimum(rest / _MEAN_DAY_GAP * power, 4 * days) + streams.uniform(keys, 1)).astype(
        np.int64
    )
    began = streams.below(streams.child(accounts.key, "came before"), gap[:, 0])
    at = np.cumsum(gap, axis=1) - gap[:, :1] - began[:, None]
    found = np.zeros((len(accounts), days), np.bool_)
    inside = (at >= 0) & (at < days)
    found[np.nonzero(inside)[0], at[inside]] = True
    return found


def _roster(plan: PopulationPlan, accounts: Accounts) -> Mask:
    """Which days workers are on duty, from the day before the window: they take turns."""
    group = streams.child(plan.cohort_key[accounts.cohort], "roster")
    cycle = _ROSTER_LEAST + streams.below(group, _ROSTER_RANGE)
    on = np.maximum(np.floor(accounts.dials["active"] * cycle + np.float32(0.5)), 1).astype(np.int64)
    place = plan.account_member[accounts.index] % cycle
    return np.asarray((np.arange(plan.config.days + 1) + place[:, None]) % cycle[:, None] < on[:, None])


def _deadlines(plan: PopulationPlan, accounts: Accounts) -> Mask:
    """Days on which accounts work because something is due in their group, from the day before the window."""
    number = np.arange(plan.config.days + 1)
    group = streams.child(plan.cohort_key[accounts.cohort], "deadlines")[:, None]
    due = streams.uniform(streams.items(group, number)) < _DUE
    joint = conduct.follows(plan, accounts.cohort, "organisation") & (plan.sizes[accounts.cohort] > 1)
    own = streams.items(streams.child(accounts.key, "deadlines")[:, None], number)
    busy = streams.uniform(own) < _COMES_WHEN_DUE * accounts.dials["day_synchrony"][:, None]
    return np.asarray(due & busy & joint[:, None])


def _volumes(wobble: F32, bits: U64) -> F64:
    """Factor of the volume of each account-day: a power of an exponential, with mean 1."""
    step = np.minimum(wobble * _VOLUME_STEPS, _MOST_POWER * _VOLUME_STEPS).astype(np.int64)[:, None]
    power = (step / _VOLUME_STEPS).astype(np.float32)
    return np.asarray(exact_functions.exp(power * streams.log_exponential(bits, 1)) / _MEAN_VOLUME[step])


def _backlog(plan: PopulationPlan, accounts: Accounts, day: I64) -> F64:
    """Load of a queue against its mean: it is filled every few days, and worked down."""
    group = streams.child(plan.cohort_key[accounts.cohort], "backlog")
    place = (day + 1 + streams.below(group, _BACKLOG_DAYS)[:, None]) % _BACKLOG_DAYS
    depth = _BACKLOG * streams.uniform(group)[:, None]
    load = 1 + depth * (1 - 2 * place / (_BACKLOG_DAYS - 1))
    return np.where(conduct.follows(plan, accounts.cohort, "queue")[:, None], load, 1.0)
