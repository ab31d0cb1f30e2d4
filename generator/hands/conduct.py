"""Which laws of the second hand the groups of each archetype follow, and what groups differ in: data, no label."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.arrays import F32, I64, Integers, Mask
from generator.population.population_plan import variants
from generator.rng import streams

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

TABLE = Path(__file__).with_name("second.toml")
LAWS = ("organisation", "stock", "crowd", "renewal", "queue", "walk", "syllabus")
_NO_TIER = "plain"


def follows(plan: PopulationPlan, cohort: Integers, law: str) -> Mask:
    """Whether cohorts follow a law.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    cohort : ndarray of int, shape (n,)
        Numbers of cohorts.
    law : str
        One of `LAWS`.
    """
    return _followers(law)[plan.archetype[cohort]]


def trait(plan: PopulationPlan, cohort: Integers, name: str) -> F32:
    """What cohorts differ in.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    cohort : ndarray of int, shape (n,)
        Numbers of cohorts.
    name : str
        A table of `traits` in `second.toml`.
    """
    low, high = _ranges(name)[:, plan.archetype[cohort]]
    u = streams.uniform(streams.child(plan.cohort_key[cohort], "trait " + name))
    return np.asarray(low + (high - low) * u)


def whole(plan: PopulationPlan, cohort: Integers, name: str) -> I64:
    """The same, rounded down to a whole number.

    Parameters
    ----------
    plan, cohort, name
        As for `trait`.
    """
    return trait(plan, cohort, name).astype(np.int64)


@cache
def document() -> dict[str, Any]:
    """What `second.toml` holds."""
    return tomllib.loads(TABLE.read_text("utf-8"))


@cache
def _followers(law: str) -> Mask:
    laws = document()["laws"]
    return np.array([law in laws.get(archetype, laws["default"]) for archetype, _ in variants()])


@cache
def _ranges(name: str) -> F32:
    """Ends of a trait's range, shape (2, variants)."""
    of_tier = document()["traits"][name]
    return np.array([of_tier[tier or _NO_TIER] for _, tier in variants()], np.float32).T
