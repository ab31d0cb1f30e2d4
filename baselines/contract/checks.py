"""The contract as a generator of checks that every detector must pass, a stranger's as well.

    for check in checks(MyDetector):
        check()  # raises where the promise is broken

A check meets the detector on little worlds in memory; the disk is for a saved detector alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from baselines.base import error_hints
from baselines.base.detector import Detector
from baselines.contract.context import BrokenPromiseError, CheckContext
from baselines.contract.promises import CONTRACT
from generator.errors import UserError


@dataclass(frozen=True)
class Check:
    """A promise of one detector, called to see whether it is kept.

    Attributes
    ----------
    name, promise : str
        A short name, and what the detector promises.
    """

    name: str
    promise: str
    _try: Callable[[CheckContext], None]
    _context: CheckContext

    def __call__(self) -> None:
        """Try it; whatever is raised says how the promise is broken."""
        try:
            self._try(self._context)
        except Exception as error:
            if hint := error_hints.undeclared_columns(error, self._context.kind):
                error.add_note(hint)  # pytest shows it
            raise


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """Outcome of a check.

    Attributes
    ----------
    name, promise : str
        As in `Check`.
    reason : str
        How the promise is broken; empty where it is kept.
    seconds : float
        Wall time.
    tried : bool
        Whether it was tried; a faulty declaration leaves nothing to try.
    """

    name: str
    promise: str
    reason: str
    seconds: float
    tried: bool = True

    @property
    def passed(self) -> bool:
        """Whether the promise is kept."""
        return not self.reason


def checks(kind: type[Detector]) -> Iterator[Check]:
    """All checks of a detector, which share what can be worked out once.

    Parameters
    ----------
    kind : type of Detector
        Built with its default parameters; an upper bound, which is told part of the truth, has no checks.

    Yields
    ------
    Check
        In the order of `CONTRACT`.

    Examples
    --------
    >>> from baselines.registry import DETECTORS
    >>> [check.name for check in checks(DETECTORS["constant"])][:3]
    ['declaration', 'answers', 'day by day']
    """
    if kind.upper_bound:
        return
    shared = CheckContext(kind)
    yield from (Check(name, str(test.__doc__), test, shared) for name, test in CONTRACT.items())


def outcomes(kind: type[Detector]) -> Iterator[CheckOutcome]:
    """Run all checks, whatever they raise; a faulty declaration leaves nothing to try, a fault is told once.

    Parameters
    ----------
    kind : type of Detector
        Built with its default parameters.

    Yields
    ------
    CheckOutcome
        One per check, as it is ready.
    """
    first_with: dict[str, str] = {}
    for check in checks(kind):
        if "declaration" in first_with.values():
            yield CheckOutcome(check.name, check.promise, "mend the declaration first", 0.0, tried=False)
            continue
        began = time.perf_counter()
        reason = _reason(check, kind)
        seconds = time.perf_counter() - began
        origin = first_with.setdefault(reason, check.name) if reason else check.name
        yield CheckOutcome(
            check.name, check.promise, reason if origin == check.name else f"as for {origin}", seconds
        )


def _reason(check: Check, kind: type[Detector]) -> str:
    """Why a check failed; "" if it passed."""
    try:
        check()
    except (BrokenPromiseError, UserError) as error:
        return str(error)
    except Exception as error:  # a stranger's code may raise anything
        return error_hints.describe_error(error, kind)
    return ""
