"""A number with what it would be without each fold of campaigns and cohorts, and the interval that follows.

What is estimated is the value over the population of campaigns and benign cohorts like these: on a world of the
same laws and the same shares with so many of them that none matters. How often the intervals hold it, and how
often a paired interval tells two equal entries apart: `python -m benchmarks.interval_coverage`.

Sources: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001); Satterthwaite, "An
approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import special

from generator.arrays import F64

Range = tuple[float, float]
SHARE: Range = (0.0, 1.0)
AMOUNT: Range = (0.0, float("inf"))
_TAIL = 0.975
_SKEWED = 2
"""Degrees of freedom of a dataset are at most this many times its least stratum's (a): campaigns are skewed."""
_NOTHING = 1e-18
"""Share of the variance that is rounding."""


@dataclass(frozen=True)
class Estimate:
    """A number, and what it would be without each fold.

    Attributes
    ----------
    value : float
        The number.
    replicates : ndarray of float, shape (folds,)
        Without each fold; not a number where nothing is left to measure.
    strata : tuple of int
        How many folds each stratum has, in the order of the replicates.
    difference : bool
        Whether it is the difference of two: that is hardly skewed, and has no range.
    datasets : int
        How many it is the mean of.
    """

    value: float
    replicates: F64
    strata: tuple[int, ...]
    difference: bool = False
    datasets: int = 1

    def __sub__(self, other: Estimate) -> Estimate:
        """Paired difference of two estimates on one dataset."""
        replicates = np.subtract(self.replicates, other.replicates)
        return Estimate(self.value - other.value, replicates, self.strata, difference=True)

    @cached_property
    def spread(self) -> tuple[float, float]:
        """Standard error and its degrees of freedom (infinite where nothing moves)."""
        bounds = np.cumsum((0, *self.strata))
        measured = [x[np.isfinite(x)] for x in (self.replicates[a:b] for a, b in pairwise(bounds))]
        folds = np.array([len(x) for x in measured if len(x) > 1], np.float64)
        variance = (folds - 1) * np.array([np.var(x) for x in measured if len(x) > 1])
        moving = variance > _NOTHING * max(self.value**2, variance.sum(initial=0.0))
        variance, freedom = variance[moving], folds[moving] - 1
        if not len(variance):
            return 0.0, float("inf")
        joined = float(variance.sum() ** 2 / (variance**2 / freedom).sum())
        least = joined if self.difference else _SKEWED * float(freedom.min()) * self.datasets
        return float(np.sqrt(variance.sum())), min(joined, least)

    def interval(self, range_: Range = SHARE) -> tuple[float, float]:
        """95 % interval: Student's, on the scale of log odds (of an amount: logs); of a difference, as it is.

        Parameters
        ----------
        range_ : (float, float)
            Least and most that the number can be.

        Examples
        --------
        >>> found = Estimate(0.5, np.array([0.4, 0.5, 0.6]), (3,))
        >>> [round(end, 2) for end in found.interval()]
        [0.12, 0.88]
        """
        error, freedom = self.spread
        reach, (least, most) = float(special.stdtrit(freedom, _TAIL)) * error, range_
        if self.difference or error == 0:
            return self.value - reach, self.value + reach
        if not least < self.value < most:
            return max(least, self.value - reach), min(most, self.value + reach)
        ends = np.array([-reach, reach])
        if np.isinf(most):
            low, high = least + (self.value - least) * np.exp(ends / (self.value - least))
        else:
            share, width = (self.value - least) / (most - least), most - least
            low, high = least + width * special.expit(special.logit(share) + ends / width / (share * (1 - share)))
        return float(low), float(high)


def mean(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of estimates on several datasets, each with campaigns and cohorts of its own.

    Parameters
    ----------
    estimates : sequence of Estimate
        One for each dataset.

    Examples
    --------
    Twice as many campaigns, half the variance:

    >>> one = Estimate(0.5, np.array([0.4, 0.5, 0.6]), (3,))
    >>> two = mean([one, one])
    >>> two.value, two.strata, round((one.spread[0] / two.spread[0]) ** 2, 9)
    (0.5, (3, 3), 2.0)
    """
    value = float(np.mean([e.value for e in estimates]))
    parts = [value + (e.replicates - e.value) / len(estimates) for e in estimates]
    strata = tuple(n for e in estimates for n in e.strata)
    difference = all(e.difference for e in estimates)
    return Estimate(value, np.concatenate(parts), strata, difference, sum(e.datasets for e in estimates))


def apart(a: Estimate, b: Estimate) -> Estimate:
    """Difference of estimates on two datasets that share no campaign: a - b, whose variances add up.

    Parameters
    ----------
    a, b : Estimate
        One on each dataset, or the means of two series.

    Examples
    --------
    >>> one = Estimate(0.5, np.array([0.4, 0.5, 0.6]), (3,))
    >>> found = apart(one, one)
    >>> found.value, found.strata, round((found.spread[0] / one.spread[0]) ** 2, 9)
    (0.0, (3, 3), 2.0)
    """
    value = a.value - b.value
    replicates = np.concatenate([value + (a.replicates - a.value), value - (b.replicates - b.value)])
    return Estimate(value, replicates, (*a.strata, *b.strata), difference=True)
