"""The uneven course of a service's traffic: spells of days, and bursts inside a day.

Inside a day requests follow a random cascade: the day is halved again and again, and one half of each part gets
the larger share of what falls into it (the b-model: Wang, Madhyastha, Chan, Papadimitriou and Faloutsos, "Data
mining meets performance evaluation: fast algorithms for modeling bursty traffic", ICDE 2002). Which half that is
depends on the account and the day alone, so that any session can be placed without the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, F64, I64, U64, Mask
from generator.rng import streams

if TYPE_CHECKING:
    from generator.population.accounts import Accounts

# Working hours, as shares of a day: quantiles of the mean hour of clients that are not flat (ServeGen,
# Apache-2.0; local time).
PEAK_SHARES = np.array([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
PEAK_DAYS = np.array([0.02, 0.25, 0.45, 0.61, 0.74, 0.87, 1.02])
# Nine halvings, from the day down to 2.8 minutes. Those at which an account's work crowds leave the lighter half
# almost nothing; below them an uneven rest remains (ServeGen: log rates of 10 minutes, SD about .5).
HALVINGS = 9
_CROWDED, _UNEVEN = 0.999, 0.1
_TOWARDS_PEAK = 3  # halvings that lean to the working hours: down to three hours (a)
_WORD = 6  # halvings whose heavier sides fit into one draw of 64 bits


def peaks(hours: U64, utc_offset: F32) -> F64:
    """Middle of the working hours, as a share of the day in UTC.

    Parameters
    ----------
    hours : ndarray of uint64, shape (accounts,)
        Streams of hours: an account's own or its cohort's.
    utc_offset : ndarray of float32, shape (accounts,)
        How far their clocks are ahead of UTC, in days.

    Examples
    --------
    >>> middle = peaks(np.arange(1000, dtype=np.uint64), np.full(1000, 1 / 3, np.float32))
    >>> bool((middle >= 0).all() and (middle < 1).all())
    True
    """
    u = streams.uniform(streams.child(hours, "peak hour")).astype(np.float64)
    i = np.clip(np.searchsorted(PEAK_SHARES, u, side="right") - 1, 0, len(PEAK_SHARES) - 2)
    part = (u - PEAK_SHARES[i]) / (PEAK_SHARES[i + 1] - PEAK_SHARES[i])
    peak = PEAK_DAYS[i] + part * (PEAK_DAYS[i + 1] - PEAK_DAYS[i]) - utc_offset
    return np.asarray(peak - np.floor(peak))


def spells(accounts: Accounts, follows: Mask, cohort_key: U64, day: I64, days: int) -> tuple[F64, F64]:
    """Chance of each account-day to be active, and factor of its volume: in a spell every day works the more.

    Parameters
    ----------
    accounts : Accounts
        Accounts of the world.
    follows : ndarray of bool, shape (accounts,)
        Accounts that keep their cohort's days, its spell included.
    cohort_key : ndarray of uint64, shape (accounts,)
        Stream of the cohort of each account.
    day : ndarray of int64, shape (days,)
        Days of the window.
    days : int
        Length of the window.

    Returns
    -------
    chance, factor : ndarray of float64, shapes (accounts, days) and (accounts, 1)
        Chance to be active, and factor of the volume.
    """
    dials = accounts.dials
    u = streams.uniform(streams.child(np.where(follows, cohort_key, accounts.key), "spell"))
    bound = dials["cover"] <= np.float32(0.5)
    first = np.floor(np.maximum(accounts.born, np.where(bound, accounts.first_work, 0))).astype(np.int64)
    last = np.minimum(np.minimum(accounts.gone, np.where(bound, accounts.last_work, days)), days)
    life = np.maximum(np.ceil(last).astype(np.int64) - first, 1)
    length = np.maximum(np.floor(dials["spell"].astype(np.float64) * life + 0.5).astype(np.int64), 1)
    # Members are busy when their cohort works, if they are there at all.
    earliest = np.maximum(first, np.floor(accounts.first_work).astype(np.int64) - length + 1)
    latest = np.minimum(first + life - length, np.ceil(accounts.last_work).astype(np.int64) - 1)
    meets = earliest <= latest
    earliest, latest = np.where(meets, earliest, first), np.where(meets, latest, first + life - length)
    start = (earliest + np.floor(u * (latest - earliest + 1)).astype(np.int64))[:, None]
    inside = (day >= start) & (day < start + length[:, None])
    spelled = (length < life)[:, None]
    volume = (dials["active"] * (life / length))[:, None]
    chance = np.where(spelled, inside, dials["active"][:, None])
    return chance, np.where(spelled, volume, 1.0)


def crowd(at: F64, burst: F32, peak: F64, day_key: U64, skip: Mask) -> F64:
    """Times of day moved to where the account-day's cascade puts them; evenly spread times follow it exactly.

    The b-model of Wang et al. (ICDE 2002), with a share of its own at each halving.

    Parameters
    ----------
    at : ndarray of float64, shape (n,)
        Even times of day, from 0 to 1.
    burst : ndarray of float32, shape (n,)
        How far the work of a day crowds together: share of the halvings at which nearly all goes to one half.
    peak : ndarray of float64, shape (n,)
        Time of day, from 0 to 1, that the largest parts of the day lean to.
    day_key : ndarray of uint64, shape (n,)
        Stream of the account-day.
    skip : ndarray of bool, shape (n,)
        Times that have a place in the day already: only their surroundings crowd.

    Returns
    -------
    ndarray of float64, shape (n,)
        Times of day, from 0 to 1.

    Examples
    --------
    Without bursts a day is nearly even; with them nearly all of it falls into a few minutes:

    >>> n = 10_000
    >>> even = (np.arange(n) + 0.5) / n
    >>> day, noon, none = np.full(n, 5, np.uint64), np.full(n, 0.5), np.zeros(n, np.bool_)
    >>> for burst in (0, 1):
    ...     times = crowd(even, np.full(n, burst, np.float32), noon, day, none)
    ...     busiest = np.bincount((times * 144).astype(int)).max() / n
    ...     print(round(float(busiest), 2))
    0.01
    1.0
    """
    word, depth = streams.child(day_key, "bursts"), burst * np.float32(HALVINGS)
    x, node, low, width = at.copy(), np.ones(len(at), np.uint64), np.zeros(len(at)), 1.0
    for level in range(HALVINGS):
        if level == _WORD:
            word, node = streams.items(word, node.astype(np.int64)), np.ones(len(at), np.uint64)
        width /= 2
        crowded = np.clip(depth - np.float32(level), 0, 1) * np.float32(_CROWDED)
        excess = np.float32(0.5) * np.maximum(crowded, np.float32(_UNEVEN))
        if level < _TOWARDS_PEAK:
            right = peak >= low + width
            excess = np.where(skip, np.float32(0), excess)
        else:
            right = (word >> node) & np.uint64(1) == 1
        edge = np.where(right, 0.5 - excess, 0.5 + excess)
        upper = x >= edge
        x = np.where(upper, (x - edge) / (1 - edge), x / edge)
        low += np.where(upper, width, 0)
        node = 2 * node + upper.astype(np.uint64)
    return np.asarray(low + x * width)
