"""Run detectors by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from baselines import plugins
from baselines.base import evaluation
from baselines.base.evaluation import Result
from generator.dataset import Split
from generator.errors import UserError


def run_all(names: Iterable[str], train: Split, target: Split, seed: int = 0) -> Iterator[Result]:
    """Fit each detector on one split and score another; results come one by one, as they are ready.

    Parameters
    ----------
    names : iterable of str
        As `plugins.find` takes them; all of them are checked before the first one runs.
    train, target : Split
        World to learn from, with open labels, and world to score.
    seed : int
        Seed of every detector.

    Returns
    -------
    iterator of Result
        One per name.

    Raises
    ------
    UserError
        If a name is unknown, or a module can't be imported.
    """
    chosen = [plugins.find(n) for n in names]
    if bounds := [kind.name for kind in chosen if kind.upper_bound]:
        raise UserError(f"{', '.join(bounds)} knows part of the truth and stands on no board: choose others")
    return (evaluation.run(kind(seed=seed), train, target) for kind in chosen)
