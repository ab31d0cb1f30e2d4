"""Run detectors by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from baselines import detector
from baselines.detector import Result
from baselines.registry import DETECTORS
from generator.dataset import Split
from generator.errors import UserError


def run_all(names: Iterable[str], train: Split, target: Split, seed: int = 0) -> Iterator[Result]:
    """Fit each detector on one split and score another; results come one by one, as they are ready.

    Parameters
    ----------
    names : iterable of str
        Keys of `DETECTORS`; all of them are checked before the first one runs.
    train, target : Split
        World to learn from, with open labels, and world to score.
    seed : int
        Seed of every detector.

    Raises
    ------
    UserError
        If a name is unknown.
    """
    wanted = tuple(names)
    unknown = [n for n in wanted if n not in DETECTORS]
    if unknown:
        raise UserError(f"no detector {', '.join(map(repr, unknown))}: choose from {', '.join(DETECTORS)}")
    return (detector.run(DETECTORS[n](seed=seed), train, target) for n in wanted)
