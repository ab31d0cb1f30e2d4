"""The life of what accounts use: projects give way to others, and templates are revised, by one law for everybody.

Whatever an account sends has a first day. If only campaigns began something new, its first day would tell them; so
projects of every account, frameworks and the pools of all cohorts are renewed at intervals of their own, with a
phase of their own, in a time that is longer than the world.
"""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, F64, I64, U64
from generator.rng import exact_functions, streams
from generator.schema import DAY_MS

_PERIOD_SIGMA = np.float32(0.7)  # of the log of an interval around the usual one (a)
_FRAMEWORK_DAYS = np.float32(25)  # between versions of a framework's default prompt (a)
_ADOPTED_DAYS = np.float32(4)  # until an account takes the new version of its framework, in the mean (a)
_ROLLED_OUT_DAYS = np.float32(
    0.5
)  # until a member takes the new version of its cohort's template, in the mean (a)
_KEY_DAYS = np.float32(60)  # until an API key is renewed (a)


def number(scope: U64, ms: I64, days: F32 | np.float32) -> I64:
    """How many renewals something has had at a moment, counted from before the window.

    Parameters
    ----------
    scope : ndarray of uint64, shape (n,)
        Stream of what is renewed.
    ms : ndarray of int64, shape (n,)
        Moments, milliseconds since the window began.
    days : float32 or ndarray of float32, shape (n,)
        Usual interval.
    """
    bits = streams.child(scope, "renewal")
    interval = days * exact_functions.exp(_PERIOD_SIGMA * streams.normal(bits, 0))
    return np.asarray(np.floor(ms / (interval.astype(np.float64) * DAY_MS) + streams.uniform(bits, 1))).astype(
        np.int64
    )


def projects(account: U64, ms: I64, days: F32) -> U64:
    """Stream of the project that an account works on.

    Parameters
    ----------
    account : ndarray of uint64, shape (n,)
        Streams of the accounts.
    ms : ndarray of int64, shape (n,)
        Moments, milliseconds since the window began.
    days : ndarray of float32, shape (n,)
        Usual length of the account's projects.
    """
    return _renewed(streams.child(account, "project"), ms, days)


def of_frameworks(template: U64, adopter: U64, ms: I64) -> U64:
    """Version of a framework's default prompt that an account uses.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the frameworks' prompts.
    adopter : ndarray of uint64, shape (n,)
        Stream of who uses it, which decides how late versions are taken.
    ms : ndarray of int64, shape (n,)
        Moments, milliseconds since the window began.
    """
    return _renewed(template, ms - _late(adopter, _ADOPTED_DAYS), _FRAMEWORK_DAYS)


def of_pools(template: U64, member: U64, ms: I64, days: F32) -> U64:
    """Version of a cohort's template that a member uses.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the templates.
    member : ndarray of uint64, shape (n,)
        Stream of the member's place in the pool, which decides how late versions are taken.
    ms : ndarray of int64, shape (n,)
        Moments, milliseconds since the window began.
    days : ndarray of float32, shape (n,)
        Usual interval between versions.
    """
    return _renewed(template, ms - _late(member, _ROLLED_OUT_DAYS), days)


def api_keys(account: U64, nth: I64, ms: I64) -> U64:
    """Stream of an account's API key, each of which is renewed on its own.

    Parameters
    ----------
    account : ndarray of uint64, shape (n,)
        Streams of the accounts.
    nth : ndarray of int64, shape (n,)
        Which of those in use, from 0.
    ms : ndarray of int64, shape (n,)
        Moments, milliseconds since the window began.
    """
    return _renewed(streams.items(streams.child(account, "api keys"), nth), ms, _KEY_DAYS)


def _renewed(scope: U64, ms: I64, days: F32 | np.float32) -> U64:
    return streams.items(scope, number(scope, ms, days))


def _late(scope: U64, days: np.float32) -> I64:
    delay: F64 = days.astype(np.float64) * streams.exponential(streams.child(scope, "adoption"))
    return np.asarray(delay * DAY_MS).astype(np.int64)
