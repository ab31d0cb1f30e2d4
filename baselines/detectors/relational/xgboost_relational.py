"""Supervised, accounts in company: who belongs together, and what such groups are like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import prompt_visits, supervision, tuned_trees
from baselines.graph import candidate_pairs, relational_view
from baselines.graph.communities import communities
from generator.arrays import F32, F64, I64, Mask
from generator.dataset import Split

RESOLUTIONS = (0.3, 0.1, 0.03)  # close-knit to loose: chances above which two groups are one (a)
_COLUMNS = 0.3  # share of the columns that each tree is shown (a)
_BAGS = 2  # models whose mean counts (a)
Rows = tuple[F64, Mask, F64]
"""Features, label and weight."""


@dataclass(frozen=True)
class Described:
    """A world as the trees see it.

    Attributes
    ----------
    places : ndarray of float64, shape (accounts, features)
        Of accounts in their groups.
    groups : list of CandidateGroups
        From close-knit to loose.
    more : list of CandidateGroups
        Groups that are only learnt from.
    """

    places: F64
    groups: list[relational_view.CandidateGroups]
    more: list[relational_view.CandidateGroups]


@dataclass
class XGBoostRelational(tuned_trees.TunedTrees):
    """Gradient-boosted trees on groups of accounts, and on each account's place in them.

    Groups come first: a model learns from the links of two accounts how likely they belong to one cohort, of any
    kind, and a graph of such pairs falls into communities, from close-knit to loose. Each community is described
    by how alike its members' habits are, by what they share, and by what they do under the system prompts that
    are theirs. One set of trees judges groups, also cohorts and thinned groups while it learns; another judges
    accounts by the groups they are in and how firmly they sit there. The score is the mean of both. What is tuned
    are the trees that judge.
    """

    name: ClassVar[str] = "xgboost-relational"
    description: ClassVar[str] = "boosted trees on communities and an account's place in them"
    source: ClassVar[str] = "after Traag et al., Physical Review E 84, 2011, and Chen and Guestrin, KDD 2016"
    fields: ClassVar[tuple[str, ...]] = relational_view.FIELDS

    _pair_model: Any = field(init=False, repr=False, default=None)
    _topics: F32 = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0), np.float32))
    _of_accounts: list[Any] = field(init=False, repr=False, default_factory=list)
    _of_groups: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        """Learn topics, then who belongs together, then who extracts; grey accounts are only company."""
        known = [relational_view.relational_view(w) for w in worlds]
        truth = [supervision.training_labels(w, k.ids) for w, k in zip(worlds, known, strict=True)]
        cohorts = [supervision.cohort_numbers(w, k.ids) - 1 for w, k in zip(worlds, known, strict=True)]
        self._topics = prompt_visits.codebook([k.visits for k in known], self.seed)
        self._pair_model, chances = candidate_pairs.fit_pair_model([k.pairs for k in known], cohorts, self.seed)
        rng = np.random.default_rng(self.seed)
        there = [self._described(*of, rng) for of in zip(known, cohorts, chances, strict=True)]
        self._of_accounts, self._of_groups = self._taught(there, self._trusted(there, truth))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        world = relational_view.relational_view(split)
        visits = prompt_visits.with_topics(world.visits, self._topics)
        world = replace(world, visits=visits)  # those with embeddings would fill the memory beside them
        graph = candidate_pairs.likely_graph(self._pair_model, world.incidences)
        groups = _groups(world, visits, graph)
        places = relational_view.account_places(groups, graph)
        score = odds(Described(places, groups, []), self._of_accounts, self._of_groups)
        return pl.DataFrame({"account_id": world.ids, "score": score})

    def _described(
        self, world: relational_view.RelationalView, cohort: I64, chance: F64, rng: np.random.Generator
    ) -> Described:
        """Places and groups of a world to learn from; cohorts and thinned groups are examples as well."""
        visits = prompt_visits.with_topics(world.visits, self._topics)
        graph = candidate_pairs.pair_graph(world.pairs, chance, len(world.ids))
        groups = _groups(world, visits, graph)
        labels = [cohort, *(relational_view.thinned(label, rng) for label in (cohort, *(g.label for g in groups)))]
        more = list(relational_view.groupings(world, visits, labels))
        return Described(relational_view.account_places(groups, graph), groups, more)

    def _trusted(
        self, there: Sequence[Described], truth: Sequence[supervision.TrainingLabels]
    ) -> Sequence[supervision.TrainingLabels]:
        """Labels that are learnt from: here all of them."""
        return truth

    def _taught(
        self, there: Sequence[Described], truth: Sequence[supervision.TrainingLabels]
    ) -> tuple[list[Any], list[Any]]:
        """Models that judge accounts, and groups."""
        lessons = [_lesson(*of) for of in zip(there, truth, strict=True)]
        of_accounts, of_groups = (
            self._bags(*(np.concatenate(part) for part in zip(*rows, strict=True)))
            for rows in zip(*lessons, strict=True)
        )
        return of_accounts, of_groups

    def _bags(self, x: F64, positive: Mask, weight: F64) -> list[Any]:
        if positive.all() or not positive.any():
            return []
        seeds = range(self.seed, self.seed + _BAGS)
        trees = {**self._trees, "colsample_bytree": _COLUMNS}
        return [supervision.boost(x, positive, s, weight / weight.mean(), trees) for s in seeds]


def odds(of: Described, of_accounts: list[Any], of_groups: list[Any]) -> F64:
    """Log-odds of extraction: the mean of what both kinds of models say.

    Parameters
    ----------
    of : Described
        Whose accounts are judged.
    of_accounts, of_groups : list
        Boosted models, of either kind; none where there was nothing to tell apart.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        Of each account.
    """
    alone = _mean_of(of_accounts, of.places)
    company = np.array([_judged(of_groups, g, float(alone.min())) for g in of.groups])
    both: F64 = (alone + company.mean(axis=0)) / 2
    return both


def _lesson(of: Described, known: supervision.TrainingLabels) -> tuple[Rows, Rows]:
    """What one world teaches: labelled places of accounts, and labelled groups."""
    # Members of one group repeat each other: a cohort counts as the root of its size.
    weight = 1 / np.sqrt(np.bincount(known.cohort)[known.cohort])
    return (of.places[known.rows], known.positive, weight), _examples([*of.groups, *of.more], known)


def _groups(
    world: relational_view.RelationalView, visits: pl.DataFrame, graph: sparse.csr_array
) -> list[relational_view.CandidateGroups]:
    return relational_view.groupings(world, visits, (communities(graph, r) for r in RESOLUTIONS))


def _examples(groups: Iterable[relational_view.CandidateGroups], known: supervision.TrainingLabels) -> Rows:
    """Groups as labelled rows: one that holds both kinds of accounts is an example of each, in proportion."""
    x, positive, weight = [], [], []
    for g in groups:
        size = np.bincount(g.label)
        for side in (True, False):
            count = np.bincount(g.label[known.rows[known.positive == side]], minlength=len(size))
            use = (size > 1) & (count > 0)
            x.append(g.x[use])
            positive.append(np.full(use.sum(), side))
            weight.append((count / np.sqrt(size))[use])
    return np.vstack(x), np.concatenate(positive), np.concatenate(weight)


def _judged(models: list[Any], g: relational_view.CandidateGroups, alone: float) -> F64:
    """Score of each account's group; `alone` for accounts without one."""
    return np.where(np.bincount(g.label)[g.label] > 1, _mean_of(models, g.x)[g.label], alone)


def _mean_of(models: list[Any], x: F64) -> F64:
    return np.mean([supervision.predict(m, x) for m in models], axis=0) if models else np.zeros(len(x))
