"""The search over what a detector declares: which parameters to try next, by what the ones before reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_TRIES = 50  # proposals that say nothing new before the search ends: a range of whole numbers may be small


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
    >>> SearchRange(0.01, 0.3, log=True).value(0.123456)
    0.123
    """

    low: int | float
    high: int | float
    log: bool = False

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, proposed: int | float) -> int | float:
        """A proposed value as it is tried: a real number has three significant digits.

        Parameters
        ----------
        proposed : int or float
            Within the bounds.
        """
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(proposed)
        return float(min(max(float(f"{proposed:.3g}"), self.low), self.high))


Ranges = Mapping[str, SearchRange]


class Tunable(Protocol):
    """What has parameters by name, and says which values they may have."""

    ranges: ClassVar[Ranges]


class Search:
    """Proposes parameters: the defaults first, then by what was reached; the same reached, the same proposed.

    Parameters
    ----------
    plain : Tunable
        With the default values.
    seed : int
        Of the search.

    References
    ----------
    Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011 (TPE);
    Akiba et al., "Optuna", KDD 2019.

    Examples
    --------
    >>> from baselines.registry import DETECTORS
    >>> search = Search(DETECTORS["random-forest"](), seed=0)
    >>> search.ask()
    {'trees': 200, 'leaf': 5}
    >>> search.tell(0.3)
    >>> search.ask() == {'trees': 200, 'leaf': 5}
    False
    """

    def __init__(self, plain: Tunable, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = plain.ranges
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._study.enqueue_trial({name: getattr(plain, name) for name in plain.ranges})
        self._reached: list[tuple[dict[str, int | float], float | None]] = []

    def ask(self) -> dict[str, int | float] | None:
        """Parameters to try next, other than all before; None where nothing new is proposed any more."""
        distributions = {name: r.distribution for name, r in self._ranges.items()}
        for _ in range(_TRIES):
            self._trial = self._study.ask(distributions)
            self._asked = {name: r.value(self._trial.params[name]) for name, r in self._ranges.items()}
            known = [value for asked, value in self._reached if asked == self._asked]
            if not known:
                return self._asked
            self._tell(known[0])
        return None

    def tell(self, value: float | None) -> None:
        """What the parameters that were asked for last have reached.

        Parameters
        ----------
        value : float or None
            More is better; None: they failed.
        """
        self._reached.append((self._asked, value))
        self._tell(value)

    def _tell(self, value: float | None) -> None:
        from optuna.trial import TrialState

        self._study.tell(self._trial, value, TrialState.FAIL if value is None else None)
