"""The toy worlds that one detector meets while it is checked, and its answers about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.contract import toy_dataset
from generator.dataset import Split

Tables = Mapping[str, pl.DataFrame]


class BrokenPromiseError(Exception):
    """A promise that was not kept; the message says how."""


@dataclass(frozen=True)
class CheckContext:
    """One detector and the toy worlds that it meets; what was worked out once is kept.

    Parameters
    ----------
    kind : type of Detector
        Built with its default parameters.
    """

    kind: type[Detector]

    @cached_property
    def lessons(self) -> tuple[Split, Split]:
        """Two worlds with open labels that share no account."""
        first, second = (toy_dataset.split("train", toy_dataset.world(seed)) for seed in (1, 3))
        return first, second

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The world that is scored."""
        return toy_dataset.world(2)

    @cached_property
    def fitted(self) -> Detector:
        """Fitted on the first lesson."""
        return self.fit()

    @cached_property
    def spare(self) -> Detector:
        """Fitted in the same way; one check only may ask it, for what it has seen must be known."""
        return self.fit()

    @cached_property
    def answers(self) -> dict[str, pl.DataFrame]:
        """Its answers about the world as it is, to every task but the one that takes days."""
        return self.answers_on(self.tables)

    @property
    def tasks(self) -> list[str]:
        """Its tasks that are answered in one go and not alike: "early" and "observed" ask for scores, too."""
        return [t for t in self.kind.tasks if t not in ("early", "observed")] or ["accounts"]

    def fit(self, seed: int = 0) -> Detector:
        """Fit another one in the same way.

        Parameters
        ----------
        seed : int
            Seed of the detector.

        Returns
        -------
        Detector
            Fitted on the first lesson.
        """
        return evaluation.fit(self.kind(seed=seed), [self.lessons[0]])

    def answers_on(
        self, tables: Tables, fitted: Detector | None = None, buckets: int = 2
    ) -> dict[str, pl.DataFrame]:
        """Ask about a changed world.

        Parameters
        ----------
        tables : mapping of str to polars.DataFrame
            Tables of the world.
        fitted : Detector, optional
            Whom to ask; `CheckContext.fitted` if left out.
        buckets : int
            Account buckets that the requests lie in.

        Returns
        -------
        dict of str to polars.DataFrame
            Checked answer per task.

        Raises
        ------
        UserError
            If an answer breaks the contract.
        """
        return self.answers_about(toy_dataset.split("validation", tables, buckets), fitted)

    def answers_about(self, world: Split, fitted: Detector | None = None) -> dict[str, pl.DataFrame]:
        """Ask about a split; scores also where only "early" was declared.

        Parameters
        ----------
        world : Split
            World to answer about; its labels are hidden.
        fitted : Detector, optional
            Whom to ask; `CheckContext.fitted` if left out.

        Returns
        -------
        dict of str to polars.DataFrame
            Checked answer per task.

        Raises
        ------
        UserError
            If an answer breaks the contract.
        """
        detector = fitted or self.fitted
        shown = world.restrict(detector.fields).without_labels()
        return {
            t: evaluation.check(
                detector.name, getattr(detector, evaluation.TASKS[t].method)(shown), world, evaluation.TASKS[t]
            )
            for t in self.tasks
        }


def require_same(before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame]) -> None:
    """Compare two answers, whatever their campaigns are called.

    Parameters
    ----------
    before, after : mapping of str to polars.DataFrame
        Answer per task.

    Raises
    ------
    BrokenPromiseError
        With the task, the number of changed rows and an example.
    """
    for task, frame in before.items():
        key, value = frame.columns
        both = frame.join(after[task], on=key, how="full", suffix="_now", coalesce=True).sort(key)
        was, now = (_canonical(both.select(key, value=v)) for v in (value, f"{value}_now"))
        if evaluation.TASKS[task].numeric:
            differ = ~np.isclose(was.to_numpy(), now.to_numpy(), rtol=1e-6, atol=1e-6)
        else:
            differ = was.ne_missing(now).to_numpy()
        if differ.any():
            k = int(np.argmax(differ))
            raise BrokenPromiseError(
                f"{differ.sum():,} of {len(differ):,} answers to {task} changed, "
                f"e.g. {both[key][k]}: {was[k]} became {now[k]}"
            )


def _canonical(answer: pl.DataFrame) -> pl.Series:
    """Scores as they are; in place of a group's name, its first member's."""
    key, value = answer.columns
    if answer[value].dtype != pl.String:
        return answer[value]
    return answer.select(pl.when(pl.col(value).is_not_null()).then(pl.col(key).min().over(value))).to_series()
