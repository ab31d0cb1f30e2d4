"""Where people are: regions, the languages that are written there, and the time that clocks show.

One joint law: an account has a home region; its main language is drawn from the region's mix and its hours are
local ones. The regions are invented, and of the sizes and kinds that the customers of such services come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.hands import law
from generator.rng import streams
from generator.schema import LANGUAGES

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Region:
    """One region; all of it is assumed (a).

    Attributes
    ----------
    weight : float
        Share of the world's accounts, before all are scaled to 1.
    offsets : dict of float to float
        Hours that its clocks are ahead of UTC, and the share of its people who live by each.
    languages : dict of str to float
        Share of its people who mainly write in each of `LANGUAGES`.
    """

    weight: float
    offsets: dict[float, float]
    languages: dict[str, float]


REGIONS = {
    "region_a": Region(0.264, {-5: 0.5, -6: 0.2, -8: 0.3}, {"en": 0.93, "es": 0.05, "zh": 0.02}),
    "region_b": Region(0.158, {8: 1}, {"zh": 0.6, "en": 0.38, "other": 0.02}),
    "region_c": Region(0.113, {0: 1}, {"en": 0.95, "other": 0.05}),
    "region_d": Region(0.088, {1: 1}, {"de": 0.55, "en": 0.41, "other": 0.04}),
    "region_e": Region(0.072, {5.5: 1}, {"en": 0.88, "other": 0.12}),
    "region_f": Region(0.061, {-3: 1}, {"pt": 0.62, "en": 0.32, "es": 0.06}),
    "region_g": Region(0.053, {1: 1}, {"fr": 0.6, "en": 0.36, "other": 0.04}),
    "region_h": Region(0.047, {9: 1}, {"ja": 0.7, "en": 0.3}),
    "region_i": Region(0.042, {-6: 0.6, -5: 0.4}, {"es": 0.7, "en": 0.3}),
    "region_j": Region(0.038, {9: 1}, {"ko": 0.66, "en": 0.34}),
    "region_k": Region(0.034, {3: 0.8, 5: 0.2}, {"ru": 0.62, "en": 0.34, "other": 0.04}),
    "region_l": Region(0.030, {2: 0.5, 7: 0.5}, {"other": 0.48, "en": 0.44, "fr": 0.08}),
}
COUNTRIES = tuple(REGIONS)
"""Names of the regions, as the column `country` has them."""

_WEIGHTS = np.array([r.weight for r in REGIONS.values()])
_MIXES = np.array([[r.languages.get(name, 0) for name in LANGUAGES] for r in REGIONS.values()])
_MOST_OFFSETS = max(len(r.offsets) for r in REGIONS.values())
_OFFSETS = np.array([(list(r.offsets) * _MOST_OFFSETS)[:_MOST_OFFSETS] for r in REGIONS.values()])
_OFFSET_EDGES = streams.cumulated(
    np.array([[*r.offsets.values(), *[0.0] * (_MOST_OFFSETS - len(r.offsets))] for r in REGIONS.values()])
)
_MIX_EDGES = streams.cumulated(_MIXES)


@law
def draw_places(plan: PopulationPlan, index: I64, shared: dict[str, F32]) -> tuple[Mask, I32, U64, F32]:
    """Where accounts live: who shares the cohort's hours lives by its clock.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64, shape (accounts,)
        Numbers of the accounts in the plan.
    shared : dict of str to ndarray of float32, shape (accounts,)
        Dials of their cohorts.

    Returns
    -------
    joined, home, hours, utc_offset : ndarray, shape (accounts,)
        As in `accounts.Accounts`.
    """
    key, cohort_key = plan.account_key[index], plan.cohort_key[plan.account_cohort[index]]
    joined = streams.uniform(streams.child(key, "joined")) < shared["leak_prefix"]
    together = streams.uniform(streams.child(key, "part in the cohort"), 0) < shared["clock"]
    of_cohort = homes(cohort_key)
    home = np.where(joined, of_cohort, homes(key))
    hours = np.where(together, cohort_key, key)
    return joined, home, hours, utc_offsets(np.where(together, of_cohort, home), hours)


def homes(keys: U64) -> I32:
    """Home region of accounts or cohorts.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
        Their streams.

    Returns
    -------
    ndarray of int32, shape (n,)
        Index into `COUNTRIES`.
    """
    return places(streams.child(keys, "country"))


def places(bits: U64, part: int = 0) -> I32:
    """Regions, as likely as people live there.

    Parameters
    ----------
    bits : ndarray of uint64, shape (n,)
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.
    """
    return streams.pick(bits, _WEIGHTS, part)


def utc_offsets(home: I32, keys: U64) -> F32:
    """How far the clocks of accounts are ahead of UTC, in days.

    Parameters
    ----------
    home : ndarray of int32, shape (n,)
        Region whose time each keeps, an index into `COUNTRIES`.
    keys : ndarray of uint64, shape (n,)
        Streams; a region may have several times.
    """
    which = streams.pick(streams.child(keys, "time zone"), _OFFSET_EDGES[home])
    return (_OFFSETS[home, which] / _HOURS_PER_DAY).astype(np.float32)


def main_languages(home: I32, keys: U64) -> I32:
    """Language that accounts or cohorts mainly write in.

    Parameters
    ----------
    home : ndarray of int32, shape (n,)
        Their region, an index into `COUNTRIES`.
    keys : ndarray of uint64, shape (n,)
        Their streams.

    Returns
    -------
    ndarray of int32, shape (n,)
        Index into `LANGUAGES`.
    """
    return streams.pick(streams.child(keys, "language"), _MIX_EDGES[home])


def other_languages(bits: U64, part: int = 0) -> I32:
    """Languages of prompts that are not in the main language: as often as they are written in the world.

    Parameters
    ----------
    bits : ndarray of uint64, shape (n,)
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.
    """
    return streams.pick(bits, _WEIGHTS @ _MIXES, part)
