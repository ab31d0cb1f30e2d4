"""Random search over what a detector declares: which parameters to try, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

_TRIES = 50  # draws that say nothing new before the search ends: a range of whole numbers may be small


@dataclass(frozen=True, slots=True)
class SearchRange:
    """Values that a parameter may have; whole numbers if both bounds are.

    Parameters
    ----------
    low, high : int or float
        Smallest and largest value.
    log : bool
        Whether it is drawn so that each doubling is as likely as the next; `low` is above 0 then.

    Examples
    --------
    >>> SearchRange(2, 2).draw(np.random.default_rng(0))
    2
    >>> 0.01 <= SearchRange(0.01, 0.3, log=True).draw(np.random.default_rng(0)) <= 0.3
    True
    """

    low: int | float
    high: int | float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> int | float:
        """Draw one value.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the draw.

        Returns
        -------
        int or float
            From `low` to `high`, both included; a real number has three significant digits.
        """
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)
        x = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if self.log else float(rng.uniform(low, high))
        if whole:
            return int(min(max(round(x), self.low), self.high))
        return float(np.clip(float(f"{x:.3g}"), self.low, self.high))


Ranges = Mapping[str, SearchRange]


class Tunable(Protocol):
    """What has parameters by name, and says which values they may have."""

    ranges: ClassVar[Ranges]


def trials(plain: Tunable, n: int, seed: int) -> list[dict[str, int | float]]:
    """Parameters of up to `n` trials: the defaults first, then draws without repetition.

    Parameters
    ----------
    plain : Tunable
        With the default values.
    n : int
        Most trials; the first ones are the same for every `n`.
    seed : int
        Seed of the draws.

    Returns
    -------
    list of dict of str to int or float
        Value of each parameter, per trial.

    References
    ----------
    Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012.

    Examples
    --------
    >>> from baselines.registry import DETECTORS
    >>> [first, *others] = trials(DETECTORS["random-forest"](), 3, seed=0)
    >>> first
    {'trees': 200, 'leaf': 5}
    >>> len(others)
    2
    """
    rng = np.random.Generator(np.random.Philox(seed))
    parameters = [{name: getattr(plain, name) for name in plain.ranges}]
    repeats = 0
    while len(parameters) < n and repeats < _TRIES:
        draw = {name: r.draw(rng) for name, r in plain.ranges.items()}
        repeats = repeats + 1 if draw in parameters else 0
        if not repeats:
            parameters.append(draw)
    return parameters
