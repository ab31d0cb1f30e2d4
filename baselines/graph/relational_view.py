"""The company that accounts keep: their world in tables, groups of them in numbers, and each one's place there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import account_features, feature_table, prompt_visits, supervision
from baselines.graph import candidate_pairs, group_features, group_prompts, links
from generator.arrays import F64, I64
from generator.dataset import Split

_HABITS = feature_table.named(*group_features.SPREAD)
FIELDS = tuple(
    sorted(
        {
            *account_features.fields_of(_HABITS),
            *group_features.FIELDS,
            *prompt_visits.FIELDS,
            *(f for link in links.LINKS for f in link.needs),
        }
    )
)


@dataclass(frozen=True)
class RelationalView:
    """Accounts of one world in an order that their names have no part in, and what is known of them.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String); everything else counts them in this order.
    days : int
        Length of the window.
    habits : group_features.Habits
        Ranks and categories.
    incidences : mapping of str to scipy.sparse.csr_array
        Accounts by keys, per link.
    visits : polars.DataFrame
        As `prompt_visits.visits` gives them.
    """

    ids: pl.Series
    days: int
    habits: group_features.Habits
    incidences: candidate_pairs.Incidences
    visits: pl.DataFrame

    @cached_property
    def pairs(self) -> candidate_pairs.Pairs:
        """Candidates for belonging together, all at once: to learn from."""
        return candidate_pairs.candidate_pairs(self.incidences)


def relational_view(split: Split) -> RelationalView:
    """Read a world once.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.

    Returns
    -------
    RelationalView
        All its accounts.
    """
    frame = account_features.account_features(split, _HABITS)
    # Communities are found node by node: in an order that depends on what accounts do, not on their names.
    x = supervision.matrix(frame)
    frame = frame[np.lexsort(x.T)]
    ids = frame["account_id"]
    incidences = {link.name: links.incidence(link, split, ids) for link in links.LINKS}
    return RelationalView(
        ids=ids,
        days=split.days,
        habits=group_features.read_habits(split, frame),
        incidences=incidences,
        visits=prompt_visits.visits(split, ids),
    )


@dataclass(frozen=True)
class CandidateGroups:
    """A way of sorting accounts into groups.

    Attributes
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    x : ndarray of float64, shape (groups, columns)
        Description of each group; NaN where undefined.
    """

    label: I64
    x: F64


def groupings(view: RelationalView, visits: pl.DataFrame, labels: Iterable[I64]) -> list[CandidateGroups]:
    """Describe the groups of each labelling.

    Parameters
    ----------
    view : RelationalView
        Accounts.
    visits : polars.DataFrame
        Their visits with topics.
    labels : iterable of ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.

    Returns
    -------
    list of CandidateGroups
        One per labelling.
    """
    groups = []
    for label in labels:
        columns = (
            group_features.habit_columns(label, view.habits)
            | group_features.link_columns(label, view.incidences)
            | group_prompts.work_columns(label, visits, view.days)
        )
        groups.append(CandidateGroups(label, supervision.rounded(np.column_stack(list(columns.values())))))
    return groups


def thinned(label: I64, rng: np.random.Generator) -> I64:
    """Leave some members out of each group, each on its own: what a group looks like when half seen.

    Parameters
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of int64, shape (accounts,)
        New groups, numbered from 0; who was left out is alone.
    """
    kept = rng.uniform(0.35, 0.95, int(label.max()) + 1)[label]
    alone = rng.random(len(label)) > kept
    fresh = np.where(alone, int(label.max()) + 1 + np.arange(len(label)), label)
    return np.unique(fresh, return_inverse=True)[1].astype(np.int64)


def account_places(groups: Iterable[CandidateGroups], graph: sparse.csr_array) -> F64:
    """Describe each account by the groups it is in, and how much its links to each weigh, in all and per member.

    Parameters
    ----------
    groups : iterable of CandidateGroups
        Ways of sorting the accounts.
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.

    Returns
    -------
    ndarray of float64, shape (accounts, columns)
        NaN where undefined.
    """
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    blocks = [np.log1p(np.diff(graph.indptr).astype(np.float64))[:, None]]
    for g in groups:
        others = np.bincount(g.label)[g.label] - 1
        inside = np.where(g.label[row] == g.label[graph.indices], graph.data, 0)
        weight = np.asarray(np.bincount(row, inside, len(others)), np.float64)
        x = np.where((others > 0)[:, None], g.x[g.label], np.nan)
        blocks += [x, np.column_stack([weight, weight / np.maximum(others, 1)])]
    return supervision.rounded(np.hstack(blocks))
