"""An upper bound: told everything about the world it scores but what one cohort at a time is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.detectors.upper_bounds import cohort_oracle
from baselines.features import supervision
from baselines.graph import relational_view
from generator.arrays import map_arrays
from generator.dataset import Split

_FOLDS = 5  # parts that cohorts are dealt into (a)


@dataclass
class AllButOne(detector.Detector):
    """The cohort oracle, told besides which of the other cohorts of this very world are campaigns.

    Cohorts are dealt into five parts. Each part is judged by an oracle that learnt from the training worlds and
    from the other four parts with their labels: only the last step, what this cohort is, is left to it.
    """

    name: ClassVar[str] = "all-but-one-oracle"
    description: ClassVar[str] = "upper bound: true cohorts, and the labels of all others"
    source: ClassVar[str] = "release gate: visible in aggregate"
    fields: ClassVar[tuple[str, ...]] = relational_view.FIELDS
    upper_bound: ClassVar[bool] = True

    _worlds: tuple[Split, ...] = field(init=False, repr=False, default=())

    def fit(self, *worlds: Split) -> Self:
        """Keep the training worlds: each part of the scored world needs a model of its own."""
        self._worlds = worlds
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of each account's cohort; labels are read of the other parts only."""
        return score_each([*self._worlds, split], [len(self._worlds)], self.seed)[0]


def score_each(worlds: Sequence[Split], targets: Sequence[int], seed: int) -> list[pl.DataFrame]:
    """Scores of some of the worlds, each from the labels of all others and of its own other cohorts.

    Parameters
    ----------
    worlds : sequence of Split
        Labels open.
    targets : sequence of int
        Numbers of those that are scored.
    seed : int
        Seed of the oracle.

    Returns
    -------
    list of polars.DataFrame
        account_id, score, for each of `targets`.
    """
    worlds = [cohort_oracle.shown_cohorts(world) for world in worlds]
    views = [relational_view.relational_view(world) for world in worlds]
    oracle = cohort_oracle.CohortOracle(seed=seed)
    examples = oracle.examples(worlds, views)
    scores = []
    for target in targets:
        view, own = views[target], examples[target]
        cohort = supervision.cohort_numbers(worlds[target], view.ids) - 1
        fold = np.random.default_rng(seed).permutation(int(cohort.max()) + 1) % _FOLDS
        x, others = oracle.describe(view, cohort), [e for i, e in enumerate(examples) if i != target]
        log_odds = np.zeros(len(fold))
        for part in range(_FOLDS):
            shown = fold[own.cohort] != part
            oracle.learn([*others, map_arrays(lambda values, rows=shown: values[rows], own)])
            log_odds[fold == part] = oracle.log_odds(x[fold == part])
        log_odds = cohort_oracle.alone_last(log_odds, cohort)
        scores.append(pl.DataFrame({"account_id": view.ids, "score": log_odds[cohort]}))
    return scores
