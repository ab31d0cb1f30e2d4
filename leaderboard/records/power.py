"""How much data tells two entries apart: the least difference that is mostly seen, and the worlds that one takes.

A paired difference of entries has a standard error, which a jackknife over campaigns and cohorts gives. It shrinks
with the square root of the number of worlds, each with campaigns of its own. By the normal approximation a
difference d leaves zero out of its two-sided interval of 95 % with the wanted power where d is at least
(z(0.975) + z(power)) standard errors. With a handful of campaigns that is a little hopeful.

The difference to be told is chosen by who asks, and never the one that was observed: power at the observed
difference says again what the interval has said.

Sources: Lachin, "Introduction to sample size determination and power analysis for clinical trials", Controlled
Clinical Trials 2 (1981); Card et al., "With little power comes great responsibility", EMNLP 2020; Hoenig and
Heisey, "The abuse of power", The American Statistician 55 (2001).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaderboard.records.estimate import Estimate

POWER = 0.8
"""Chance of telling entries apart that differ as much as asked; the usual one (Lachin 1981)."""
DIFFERENCE = 0.05
"""Difference of the ranking metric that is worth telling apart, where nobody says another one (a)."""
_TAIL = 0.975
_REACH = NormalDist().inv_cdf(_TAIL) + NormalDist().inv_cdf(POWER)


def detectable(difference: Estimate) -> float:
    """Least true difference that data like these tell from zero with the usual power.

    Parameters
    ----------
    difference : Estimate
        Paired, of one world or the mean of several.
    """
    return _REACH * difference.spread[0]


def worlds_needed(difference: Estimate, least: float = DIFFERENCE) -> int:
    """Worlds of the same preset, each with its own seed, that tell a difference from zero with the usual power.

    Parameters
    ----------
    difference : Estimate
        Paired, of one world or the mean of several.
    least : float
        True difference that is to be told, above 0.

    Examples
    --------
    Half the difference takes four times the worlds:

    >>> import numpy as np
    >>> from leaderboard.records.estimate import Estimate
    >>> found = Estimate(0.0, np.array([-0.1, 0, 0.1]), (3,), difference=True)
    >>> worlds_needed(found, 0.1), worlds_needed(found, 0.05)
    (11, 42)
    """
    return max(1, math.ceil(difference.datasets * (detectable(difference) / least) ** 2))


def sentence(difference: Estimate, campaigns: int = 0, least: float = DIFFERENCE) -> str:
    """What an undecided comparison would take to be decided.

    Parameters
    ----------
    difference : Estimate
        Paired, of one world or the mean of several.
    campaigns : int
        In all of these worlds; 0 leaves them out.
    least : float
        As for `worlds_needed`.
    """
    worlds, here = worlds_needed(difference, least), difference.datasets
    total = f" ({math.ceil(worlds * campaigns / here):,} campaigns)" if campaigns else ""
    return (
        f"Four times in five, {here} world{'s' * (here > 1)} like {'these' if here > 1 else 'this'} would tell a "
        f"difference of {detectable(difference):.3f} or more; to tell one of {least:g} takes {worlds:,} such "
        f"world{'s' * (worlds > 1)}{total}{', each with a seed of its own' * (worlds > 1)}."
    )
