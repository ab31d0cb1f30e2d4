"""Dials drawn from the distributions of archetypes, one value for each cohort or account."""

from __future__ import annotations

from functools import cache

import numpy as np

from generator.arrays import F32, I32, U64
from generator.config import distributions
from generator.config.archetypes import archetypes
from generator.config.dataset_config import Config
from generator.config.parameters import DIALS, SHARES, ParameterRange
from generator.population.population_plan import Overlay, PopulationPlan, variants
from generator.rng import exact_functions, streams
from generator.schema import KINDS

_UNIFORM, _LOGNORMAL, _QUANTILES = (distributions.LAWS.index(law) for law in ("uniform", "lognormal", "quantiles"))
_LEAST = 1e-6  # what the logarithm of a range's end is taken of at least


def normal_of(keys: U64, dial: str) -> F32:
    """Standard normal of each key for a dial.

    Parameters
    ----------
    keys : ndarray of uint64
        Streams of cohorts or accounts.
    dial : str
        Key of `DIALS`.
    """
    return streams.normal(streams.child(keys, "dial " + dial))


def draw_for(plan: PopulationPlan, dial: str, cohort: I32, variant: I32, kind: I32, z: F32) -> F32:
    """Values of a dial for members of cohorts: as `draw`, but the range of an extra cohort's own comes first.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    dial : str
        Key of `DIALS`.
    cohort : ndarray of int32
        Cohort of each.
    variant, kind : ndarray of int32
        Index into `variants()` and into `schema.KINDS`.
    z : ndarray of float32
        Standard normals.
    """
    value = draw(dial, variant, kind, z, overlay_of(plan.config))
    for i, extra in zip(extra_cohorts(plan), plan.config.cohorts, strict=True):
        own = extra.own_dials().get(dial)
        if own is None:
            continue
        at = np.flatnonzero(cohort == i)
        if own.law == distributions.TIMES:
            value[at] = np.clip(value[at] * np.float32(own.low), DIALS[dial].low, DIALS[dial].high)
        else:
            value[at] = _value(dial, [np.repeat(x[0], len(at), axis=0) for x in _numbers([[own]])], z[at])
    return value


def draw(dial: str, variant: I32, kind: I32, z: F32, overlay: Overlay = ()) -> F32:
    """Values of a dial at standard normals `z`, inside the dial's bounds.

    Parameters
    ----------
    dial : str
        Key of `DIALS`.
    variant, kind : ndarray of int32
        Index into `variants()` and into `schema.KINDS`.
    z : ndarray of float32
        Standard normals.
    overlay : tuple
        (archetype or archetype.tier, dial, range) in place of what the archetypes say.
    """
    return _value(dial, [table[variant, kind] for table in _table(dial, overlay)], z)


def _value(dial: str, numbers: list[F32], z: F32) -> F32:
    a, b, law, la, lb, values = numbers
    u = exact_functions.cdf(z)
    log = np.where(law == _LOGNORMAL, la + b * z, la + (lb - la) * u)
    value = np.where(law == _UNIFORM, a + (b - a) * u, exact_functions.exp(log.astype(np.float32)))
    known = np.flatnonzero(law == _QUANTILES)
    value[known] = _between(values[known], u[known])
    return np.clip(value, DIALS[dial].low, DIALS[dial].high).astype(np.float32)


def _between(values: F32, u: F32) -> F32:
    """Values at uniforms `u` of laws that are known at `SHARES`, one law per row."""
    shares = np.array(SHARES, np.float32)
    i = np.clip(np.searchsorted(shares, u, side="right") - 1, 0, len(SHARES) - 2)
    row = np.arange(len(u))
    part = (u - shares[i]) / (shares[i + 1] - shares[i])
    return np.asarray(values[row, i] + part * (values[row, i + 1] - values[row, i]))


@cache
def correlations(dial: str) -> F32:
    """Correlation of a dial with its partner.

    Parameters
    ----------
    dial : str
        Key of `DIALS`, one with a partner.

    Returns
    -------
    ndarray of float32, shape (variants, kinds)
    """
    known = archetypes()
    table = [[known[a].tier(t, k)[dial].correlation for k in KINDS] for a, t in variants()]
    return np.clip(np.array(table, np.float32), -1, 1)


@cache
def cumulated_weights(choice: str) -> F32:
    """Cumulated weights of a choice.

    Parameters
    ----------
    choice : str
        Key of `CHOICES` or `COHORT_CHOICES`.

    Returns
    -------
    ndarray of float32, shape (variants, options)
    """
    known = archetypes()
    return streams.cumulated(np.array([known[a].choices[choice] for a, _ in variants()]))


@cache
def _table(dial: str, overlay: Overlay = ()) -> tuple[F32, ...]:
    """First and second number of a dial's range, its law, the logs of both, and quantiles, by variant and kind."""
    known = archetypes()
    over = {name: value for name, d, value in overlay if d == dial}
    rows = []
    for a, t in variants():
        below = [known[a].tier(t, k)[dial] for k in KINDS]
        own = over.get(f"{a}.{t}", over.get(a))
        rows.append([distributions.overlaid(own, b) for b in below] if own else below)
    return _numbers(rows)


def _numbers(rows: list[list[ParameterRange]]) -> tuple[F32, ...]:
    a, b, values = (np.array([[r[i] for r in row] for row in rows], np.float32) for i in (0, 1, 3))
    law = np.array([[distributions.LAWS.index(r.law) for r in row] for row in rows], np.float32)
    # Rounded above the last bit: another C library must give the same table.
    la, lb = (np.log(np.maximum(x.astype(np.float64), _LEAST)).round(6).astype(np.float32) for x in (a, b))
    return a, b, law, la, lb, values


def overlay_of(config: Config) -> Overlay:
    """The parameter ranges that a config sets in place of the archetypes' own.

    Parameters
    ----------
    config : Config
        Config of the dataset.
    """
    return tuple((name, dial, value) for name, dials in config.overlay.items() for dial, value in dials.items())


def extra_cohorts(plan: PopulationPlan) -> range:
    """Numbers of the extra cohorts: they come last.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    return range(len(plan.sizes) - len(plan.config.cohorts), len(plan.sizes))
