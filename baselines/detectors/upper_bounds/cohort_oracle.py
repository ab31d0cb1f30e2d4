"""An upper bound: told which accounts belong together, but not what they are, it judges true cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import prompt_visits, supervision
from baselines.graph import relational_view
from baselines.graph.relational_view import RelationalView
from generator.arrays import F32, F64, I64, Mask, map_arrays
from generator.dataset import Split, Table

# Cohorts are few and their columns many: few of these a tree, and leaves of one cohort's parts allowed.
_TREES = {**supervision.TREES, "eta": 0.1, "max_depth": 4, "colsample_bytree": 0.1, "min_child_weight": 1}
_ROUNDS = 150  # trees (a)


@dataclass(frozen=True)
class Examples:
    """Cohorts of a world and parts of them; arrays of shape (examples,).

    Attributes
    ----------
    x : ndarray of float64, shape (examples, columns)
        What the group does together.
    campaign : ndarray of bool
        What it is.
    weight : ndarray of float64
        What it counts.
    cohort : ndarray of int64
        Cohort it is a part of.
    """

    x: F64
    campaign: Mask
    weight: F64
    cohort: I64


@dataclass
class CohortOracle(detector.Detector):
    """Gradient-boosted trees on true cohorts, described as `xgboost-relational` describes the groups it finds.

    A world has few campaigns, so random parts of each cohort, of every size, are examples too. Every account gets
    the score of its cohort; accounts that stand alone share the lowest. Cohorts are known as far as the log shows
    them (see `shown_cohorts`), in training as in scoring.

    Parameters
    ----------
    parts, benign_parts : int
        Examples made from each campaign, and from each benign group, the whole included.
    models : int
        Models whose mean is the score.
    """

    name: ClassVar[str] = "cohort-oracle"
    description: ClassVar[str] = "upper bound: boosted trees on true cohorts"
    source: ClassVar[str] = "release gate: visible in aggregate"
    fields: ClassVar[tuple[str, ...]] = relational_view.FIELDS
    upper_bound: ClassVar[bool] = True

    parts: int = 20
    benign_parts: int = 3
    models: int = 8
    _topics: F32 = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0), np.float32))
    _fitted: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        """Learn from the cohorts of one world or several; grey accounts and sleepers are left out."""
        worlds = tuple(shown_cohorts(world) for world in worlds)
        self.learn(self.examples(worlds, [relational_view.relational_view(world) for world in worlds]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of each account's cohort; of the labels only the column `cohort` is read."""
        view = relational_view.relational_view(split)
        cohort = supervision.cohort_numbers(split, view.ids) - 1
        log_odds = alone_last(self.log_odds(self.describe(view, cohort)), cohort)
        return pl.DataFrame({"account_id": view.ids, "score": log_odds[cohort]})

    def examples(self, worlds: Sequence[Split], views: Sequence[RelationalView]) -> list[Examples]:
        """What there is to learn from each world; topics of prompts are learnt from all of them.

        Parameters
        ----------
        worlds : sequence of Split
            As `shown_cohorts` gives them, labels open.
        views : sequence of RelationalView
            Of the same worlds.
        """
        self._topics = prompt_visits.codebook([view.visits for view in views], self.seed)
        rng = np.random.default_rng(self.seed)
        return [self._examples(*of, rng) for of in zip(worlds, views, strict=True)]

    def learn(self, examples: Sequence[Examples]) -> None:
        """Fit the models.

        Parameters
        ----------
        examples : sequence of Examples
            Of one world or several.
        """
        known = map_arrays(lambda *parts: np.concatenate(parts), *examples)
        weight = known.weight / known.weight.mean()
        self._fitted = [
            supervision.boost(known.x, known.campaign, self.models * self.seed + i, weight, _TREES, _ROUNDS)
            for i in range(self.models)
        ]

    def describe(self, view: RelationalView, cohort: I64) -> F64:
        """What each cohort of a world does together.

        Parameters
        ----------
        view : RelationalView
            Of the world.
        cohort : ndarray of int64, shape (accounts,)
            Cohort of each account, from 0.

        Returns
        -------
        ndarray of float64, shape (cohorts, columns)
        """
        [groups] = relational_view.groupings(view, prompt_visits.with_topics(view.visits, self._topics), [cohort])
        return groups.x

    def log_odds(self, x: F64) -> F64:
        """Log-odds that groups are campaigns, shape (groups,).

        Parameters
        ----------
        x : ndarray of float64, shape (groups, columns)
            What they do together.
        """
        return np.asarray(np.mean([supervision.predict(model, x) for model in self._fitted], axis=0))

    def _examples(self, split: Split, view: RelationalView, rng: np.random.Generator) -> Examples:
        """Cohorts and parts of them, which are campaigns, and weights: a cohort counts as the root of its size."""
        known = supervision.training_labels(split, view.ids)
        cohort = supervision.cohort_numbers(split, view.ids) - 1
        size = np.bincount(cohort)
        campaign = np.zeros(len(size), np.bool_)
        campaign[cohort[known.rows[known.positive]]] = True
        judged = np.zeros(len(size), np.bool_)
        judged[cohort[known.rows]] = True
        times = np.where(campaign, self.parts, self.benign_parts)
        visits = prompt_visits.with_topics(view.visits, self._topics)
        x, of = [], []
        for groups in relational_view.groupings(view, visits, _parts(cohort, times, rng)):
            _, first = np.unique(groups.label, return_index=True)
            use = (np.bincount(groups.label) > 1) & judged[cohort[first]]
            x.append(groups.x[use])
            of.append(cohort[first[use]])
        number = np.concatenate(of)
        share = np.sqrt(size) / np.bincount(number, minlength=len(size)).clip(1)
        return Examples(np.vstack(x), campaign[number], share[number], number)


def _parts(cohort: I64, times: I64, rng: np.random.Generator) -> Iterator[I64]:
    """Each cohort as often as asked for: whole, then parts from two members up, all sizes by their logarithm."""
    size = np.bincount(cohort)
    yield cohort
    for time in range(1, times.max(initial=0)):
        wanted = np.exp(rng.uniform(np.log(2), np.log(size + 1))).astype(np.int64)
        wanted[times <= time] = 0
        order = np.lexsort((rng.random(len(cohort)), cohort))
        place = np.empty_like(order)
        place[order] = np.arange(len(order)) - (np.cumsum(size) - size)[cohort[order]]
        alone = place >= wanted[cohort]
        yield np.unique(np.where(alone, len(size) + np.arange(len(cohort)), cohort), return_inverse=True)[1]


def alone_last(log_odds: F64, cohort: I64) -> F64:
    """Log-odds of cohorts, those of one account below all others.

    Parameters
    ----------
    log_odds : ndarray of float64, shape (cohorts,)
        Of each cohort.
    cohort : ndarray of int64, shape (accounts,)
        Cohort of each account, from 0.
    """
    return np.where(np.bincount(cohort) < 2, log_odds.min() - 1, log_odds)


def shown_cohorts(split: Split) -> Split:
    """The split with each cohort cut down to the members that did some of its work in the window.

    An account of which no answered request does the work of its cohort is a cohort of one: nothing in the log
    could tell that it belongs to the others. The rule is the same for benign cohorts and campaigns.

    Parameters
    ----------
    split : Split
        World with open labels.
    """
    account, cohort = (pl.col(name).cast(pl.String) for name in ("account_id", "cohort"))
    shown = pl.when(pl.col("cohort_requests") > 0).then(cohort).otherwise(account).alias("cohort")
    table = Table("account_labels", [split.labels.polars().with_columns(shown)], split.labels.columns)
    return replace(split, tables={**split.tables, "account_labels": table})
