"""When: active days, requests per day, sessions, their starts and the gaps inside them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I64, U64, Mask
from generator.config.hands import law
from generator.population import work_windows
from generator.rng import exact_functions, streams
from generator.schema import DAY_MS
from generator.workloads import burstiness
from generator.workloads.batch import RequestBatch, Sessions

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_LONGEST_GAP_MS = DAY_MS / 4
_GAP_STEP = 97  # milliseconds that are added to a gap by chance, one less at most (a)
_RATE_CAPS = 5  # no day's mean is above so many times the config's cap of requests (a)
_SATURDAY = 5  # as `date.weekday` counts
_RAMP_LEAST, _RAMP_MIDDAY = np.float32(0.1), np.float32(0.75)  # share of the rate on the day of sign-up (a)
_WEIGHT_STEPS = 4096  # weights of sessions are whole numbers: no account changes another's rounding
_LATE_SD = np.float32(1.5 / 24)  # of the middle of the working hours from day to day, in days (a)
_PERSONAL_BURST = 2  # halvings that crowd: what takes less than six hours a day has no working hours
_OWN_TIME_STEPS = 4096  # a personal hour has so fine a place of its own, in parts of a day


def day_keys(accounts: Accounts, day: I64, row: I64) -> U64:
    """Stream of an account on a day.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    day, row : ndarray of int64, shape (n,)
        Day, from -1, and account, as a position in `accounts`.
    """
    return streams.items(streams.child(accounts.key, "days")[row], day + 1)


def session_keys(days: U64, order: I64) -> U64:
    """Stream of a session.

    Parameters
    ----------
    days : ndarray of uint64, shape (n,)
        Stream of its account-day.
    order : ndarray of int64, shape (n,)
        Its number on that day.
    """
    return streams.items(streams.child(days, "session"), order)


@law
def request_counts(plan: PopulationPlan, accounts: Accounts, day: I64) -> I64:
    """Requests that each account sends on each of the given days.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    day : ndarray of int64, shape (days,)
        Days of the window, from -1.

    Returns
    -------
    ndarray of int64, shape (accounts, days)
    """
    dials = {name: values[:, None] for name, values in accounts.dials.items()}
    keys = streams.items(streams.child(accounts.key, "days")[:, None], day + 1)
    bits, more = streams.child(keys, "count"), streams.child(keys, "count 2")
    # A day counts as what it is where the account's people are, in the middle of their working hours.
    local = np.floor(burstiness.peaks(accounts.hours, accounts.utc_offset) + accounts.utc_offset).astype(np.int64)
    weekend = (plan.config.window(plan.split).weekday() + day + local[:, None]) % 7 >= _SATURDAY
    rhythm = np.where(weekend, dials["weekend"], np.float32(1))
    cohort_days = streams.items(streams.child(plan.cohort_key[accounts.cohort], "days")[:, None], day + 1)
    follows = streams.uniform(streams.child(accounts.key, "follows"))[:, None] < dials["day_synchrony"]
    u = np.where(follows, streams.uniform(streams.child(cohort_days, "active")), streams.uniform(bits, 0))
    alive = (accounts.born[:, None] < day + 1) & (accounts.gone[:, None] > day)
    inside = in_window(plan, accounts, np.arange(len(accounts))[:, None], day) | (dials["cover"] > np.float32(0.5))
    chance, factor = burstiness.spells(
        accounts, follows[:, 0], plan.cohort_key[accounts.cohort], day, plan.config.days
    )
    active = (u < chance * rhythm) & alive & inside
    wobble = dials["rate_wobble"]
    mean = dials["rate"] * exact_functions.exp(wobble * streams.normal(bits, 1) - wobble * wobble / 2)
    mean = mean * factor * _common_load(accounts, cohort_days, day)
    n = np.floor(np.minimum(mean, _RATE_CAPS * plan.config.rate_cap) + streams.uniform(more, 0)).astype(np.int64)
    return np.where(active, n, 0)


def account_chunks(counts: I64, most: int) -> list[slice]:
    """Accounts whose sessions are made together: about `most` requests each.

    Parameters
    ----------
    counts : ndarray of int64, shape (accounts, days)
        Requests of each account and day.
    most : int
        Requests of a chunk; one account alone may have more.

    Examples
    --------
    >>> account_chunks(np.array([[40], [70], [10], [200]]), 100)
    [slice(0, 1, None), slice(1, 3, None), slice(3, 4, None)]
    """
    chunk = np.cumsum(counts.sum(axis=1)) // most
    edges = [0, *(1 + np.flatnonzero(np.diff(chunk, append=-1))).tolist()]
    return list(itertools.starmap(slice, itertools.pairwise(edges))) or [slice(0)]


def draw_sessions(
    plan: PopulationPlan, accounts: Accounts, some: slice = slice(None), counts: I64 | None = None
) -> Sessions:
    """All sessions of some accounts, the evening before the window included (some run into it).

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    some : slice
        Which of the accounts.
    counts : ndarray of int64, shape (accounts, days), optional
        Requests of each of the accounts on each day from -1, if known: see `request_counts`.
    """
    day = np.arange(-1, plan.config.days)
    counts = request_counts(plan, accounts, day) if counts is None else counts
    at = np.arange(len(accounts))[some]
    n, account, days = counts[some].ravel(), np.repeat(at, len(day)), np.tile(day, len(at))
    has = np.flatnonzero(n)
    n, account, days = n[has], account[has], days[has]
    per_session = accounts.dials["session"].astype(np.float64)[account]
    number = np.ceil(n / per_session).astype(np.int64)
    owner = np.repeat(np.arange(len(n)), number)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
    account, days, n, number = account[owner], days[owner], n[owner], number[owner]
    key = session_keys(day_keys(accounts, days, account), order)
    length = _lengths(key, order, n, number)
    work = working_sessions(plan, accounts, account, days, key)
    start = session_starts(plan, accounts, account, days, key, work)
    return Sessions(account, days, key, np.cumsum(length) - length, length, start, work)


def _lengths(key: U64, order: I64, n: I64, number: I64) -> I64:
    """Requests per session: one each, and the rest of the account-day's n in shares that fall like exponentials.

    Whole numbers throughout: no account changes another's rounding.
    """
    weight = 1 + (streams.exponential(streams.child(key, "length")) * _WEIGHT_STEPS).astype(np.int64)
    last = np.cumsum(weight)
    first = np.flatnonzero(order == 0)
    group = np.cumsum(order == 0) - 1
    base = (last[first] - weight[first])[group]
    whole = np.add.reduceat(weight, first)[group] if len(first) else weight
    before, after = last - weight - base, last - base
    return np.asarray(1 + after * (n - number) // whole - before * (n - number) // whole)


def pauses(batch: RequestBatch, pause: I64) -> I64:
    """Milliseconds from the request before, or from its answer, to each request of a session.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    pause : ndarray of int64, shape (requests,)
        As the law of the kind of workload has it; -1 where it has none: there the account's gaps decide.
    """
    accounts = batch.accounts
    rows = np.flatnonzero(pause < 0)
    account, bits = batch.account[rows], streams.child(batch.key[rows], "gap")
    spread = accounts.dials["gap_sigma"][account] * streams.normal(bits, 0)
    gap = 1000 * accounts.dials["gap"][account] * exact_functions.exp(spread)
    gaps = pause.copy()
    gaps[rows] = np.minimum(gap, _LONGEST_GAP_MS).astype(np.int64) + streams.halves(bits, 1) % _GAP_STEP
    return gaps


def arrival_times(batch: RequestBatch, gaps: I64) -> I64:
    """Arrival of each request in milliseconds since the window began.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    gaps : ndarray of int64, shape (requests,)
        Milliseconds since the request before, see `pauses`; that of a session's first request does not matter.
    """
    sessions = batch.sessions
    total = np.cumsum(gaps)
    return np.asarray(sessions.start[batch.session] + total - total[sessions.first][batch.session])


def _common_load(accounts: Accounts, cohort_days: U64, day: I64) -> F64:
    """Factor of each account's requests on each day: the cohort's surges, and the ramp after sign-up."""
    surge = accounts.dials["surge"][:, None]
    common = streams.normal(streams.child(cohort_days, "surge"))
    ramp = (day + _RAMP_MIDDAY - accounts.created[:, None]) / (1 + accounts.dials["ramp"][:, None])
    load = exact_functions.exp(surge * common - surge * surge / 2)
    return np.asarray(load * np.clip(ramp, _RAMP_LEAST, np.float32(1)))


def in_window(plan: PopulationPlan, accounts: Accounts, row: I64, day: I64) -> Mask:
    """Whether a day lies in the work window of an account, and is no quiet one.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    row, day : ndarray of int64
        Account, as a position in `accounts`, and day; they broadcast.
    """
    first = accounts.first_work[row]
    begins, ends = work_windows.quiet_stretch(plan)
    pause = (day >= begins) & (day < ends) & work_windows.rests(plan)[accounts.cohort[row]]
    return np.asarray((day >= first - (first == 0)) & (day < accounts.last_work[row]) & ~pause)


@law
def working_sessions(plan: PopulationPlan, accounts: Accounts, account: I64, day: I64, key: U64) -> Mask:
    """Whether each session serves its cohort: inside the work window, camouflage apart.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    account, day : ndarray of int64, shape (sessions,)
        Account, as a position in `accounts`, and day of each session; those of an account-day lie together.
    key : ndarray of uint64, shape (sessions,)
        Stream of each.
    """
    own = streams.uniform(streams.child(key, "camouflage")) < accounts.dials["camouflage"][account]
    return in_window(plan, accounts, account, day) & ~own


@law
def session_starts(plan: PopulationPlan, accounts: Accounts, account: I64, day: I64, key: U64, work: Mask) -> I64:
    """Own time of day, moved to the next firing of the cohort's driver where the session is synchronised.

    Moving to the nearest slot of the driver keeps the account's habits of hour: only other accounts tell.

    Parameters
    ----------
    plan, accounts, account, day, key
        As for `working_sessions`.
    work : ndarray of bool, shape (sessions,)
        Whether each serves its cohort.

    Returns
    -------
    ndarray of int64, shape (sessions,)
        Milliseconds since the window began.
    """
    dials = accounts.dials
    bits, place = streams.child(key, "start"), streams.child(key, "place")
    flat = streams.uniform_wide(place)
    own = _own_times(accounts, account, day, bits, flat)
    slots = np.floor(dials["slots"])[account].astype(np.float64)
    cell = np.floor(own * slots)
    cohort = plan.cohort_key[accounts.cohort][account]
    fixed = dials["regular"][account] > np.float32(0.5)
    driver = streams.items(streams.child(cohort, "driver"), np.where(fixed, 0, day + 2))
    fire = (cell + streams.uniform_wide(streams.items(driver, cell.astype(np.int64)))) / slots
    late = dials["jitter"][account] * np.abs(streams.normal(bits, 2)) * 1000 + flat * 1000
    synchronised = work & (streams.uniform(bits, 3) < dials["synchrony"][account])
    ms = np.where(synchronised, fire * DAY_MS + late, own * DAY_MS)
    return day * DAY_MS + ms.astype(np.int64)


def _own_times(accounts: Accounts, account: I64, day: I64, bits: U64, flat: F64) -> F64:
    """Time of day of each session by the account's habits: round the clock or in its hours, even or in bursts."""
    dials = accounts.dials
    peak, burst = burstiness.peaks(accounts.hours, accounts.utc_offset)[account], dials["burst"][account]
    human = peak + (dials["hours"][account] / 24) * streams.normal(bits, 0)
    personal = (streams.uniform(bits, 1) < dials["diurnal"][account]) & (
        burst * burstiness.HALVINGS < _PERSONAL_BURST
    )
    own = np.where(personal, human + flat / _OWN_TIME_STEPS, flat)
    own -= np.floor(own)
    rows = np.flatnonzero(burst > 0)
    keys = day_keys(accounts, day[rows], account[rows])
    late = _LATE_SD * streams.normal(streams.child(keys, "hours"))
    lean = peak[rows] + late
    own[rows] = burstiness.crowd(own[rows], burst[rows], lean - np.floor(lean), keys, personal[rows])
    return own
