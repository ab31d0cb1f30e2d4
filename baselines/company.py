"""The company that accounts keep: their world in tables, and each account's communities in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from baselines import feature_table, features, group_work, groups, links, pairs, training, visits
from baselines.communities import communities
from baselines.training import F64, I64
from generator.dataset import Split

RESOLUTIONS = (0.3, 0.1, 0.03)
_HABITS = feature_table.named(*groups.SPREAD)
FIELDS = tuple(
    sorted(
        {
            *features.fields_of(_HABITS),
            *groups.FIELDS,
            *visits.FIELDS,
            *(f for link in links.LINKS for f in link.needs),
        }
    )
)


@dataclass(frozen=True)
class World:
    """Accounts of one world in an order that their names have no part in, and what is known of them.

    Attributes
    ----------
    ids : polars.Series
        Accounts (String); everything else counts them in this order.
    days : int
        Length of the window.
    habits, incidences, visits : groups.Habits, dict, polars.DataFrame
        See `groups`, `links` and `visits`.
    pairs : pairs.Pairs
        Candidates for belonging together.
    """

    ids: pl.Series
    days: int
    habits: groups.Habits
    incidences: pairs.Incidences
    visits: pl.DataFrame
    pairs: pairs.Pairs


def world(split: Split) -> World:
    """Read a world once."""
    frame = features.account_features(split, _HABITS)
    # Communities are found node by node: in an order that depends on what accounts do, not on their names.
    x = training.matrix(frame)
    frame = frame[np.lexsort(x.T)]
    ids = frame["account_id"]
    incidences = {link.name: links.incidence(link, split, ids) for link in links.LINKS}
    return World(
        ids=ids,
        days=split.days,
        habits=groups.habits(split, frame),
        incidences=incidences,
        visits=visits.visits(split, ids),
        pairs=pairs.candidates(incidences),
    )


def describe(known: World, topics: visits.Codebook, chance: F64) -> F64:
    """One row per account: its communities, from close-knit to loose, and its place in them.

    Parameters
    ----------
    known : World
        Accounts.
    topics : visits.Codebook
        Topics to sort visits by.
    chance : ndarray
        For each pair, how likely the two belong together.
    """
    graph = pairs.graph(known.pairs, chance, len(known.ids))
    seen = visits.with_topics(known.visits, topics)
    blocks = [_community(known, graph, seen, resolution) for resolution in RESOLUTIONS]
    degree = np.log1p(np.diff(graph.indptr).astype(np.float64))
    return training.rounded(np.hstack([*blocks, degree[:, None]]))


def _community(known: World, graph: sparse.csr_array, seen: pl.DataFrame, resolution: float) -> F64:
    label = communities(graph, resolution)
    columns = (
        groups.of_habits(label, known.habits)
        | groups.of_links(label, known.incidences)
        | group_work.of_work(label, seen, known.days)
    )
    others = np.bincount(label)[label] - 1
    x = np.column_stack(list(columns.values()))[label]
    x[others == 0] = np.nan
    return np.column_stack([x, *_place(label, graph, others)])


def _place(label: I64, graph: sparse.csr_array, others: I64) -> tuple[F64, F64]:
    """How much an account's links to its community weigh: in all, and per other member."""
    row = np.repeat(np.arange(len(label)), np.diff(graph.indptr))
    inside = np.where(label[row] == label[graph.indices], graph.data, 0)
    weight = np.asarray(np.bincount(row, inside, len(label)), np.float64)
    return weight, weight / np.maximum(others, 1)
