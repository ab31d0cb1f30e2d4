"""Supervised: what accounts look like by themselves, smoothed over the graph of the world that is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import search_space
from baselines.detectors.accounts import logistic_regression
from baselines.graph import neighbours, shared_keys
from generator.arrays import F64
from generator.dataset import Split

_STEPS = 500
_SMALL = 1e-10  # largest change of a score after which steps would show nothing more
_DECIMALS = 9


@dataclass
class LabelPropagation(logistic_regression.LogisticRegression):
    """Label propagation from training look-alikes: the least that a method with a graph has to beat.

    Accounts with labels are all of other worlds, and share nothing with those to be scored. So labels enter as the
    chances that a plain logistic model gives each account by its aggregates; each hangs on its account as a
    labelled node of its own (an "external classifier" of the second source), and is clamped while the accounts
    take the mean of their neighbours, weighted by how rare the values are that they share.

    Parameters
    ----------
    own : float
        Weight of an account's own chance beside its neighbours.
    most : int
        A value that more accounts have makes no neighbours.
    """

    name: ClassVar[str] = "label-propagation"
    description: ClassVar[str] = "chances of a logistic model on account aggregates, propagated over shared values"
    source: ClassVar[str] = "Zhu and Ghahramani, CMU 2002; Zhu, Ghahramani and Lafferty, ICML 2003"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*logistic_regression.LogisticRegression.fields, *shared_keys.fields_of(neighbours.LINKS)})
    )
    ranges: ClassVar[search_space.Ranges] = {
        **logistic_regression.LogisticRegression.ranges,
        "own": search_space.SearchRange(0.05, 0.95),
        "most": search_space.SearchRange(10, 300, log=True),
    }

    own: float = 0.3
    most: int = 100

    def score(self, split: Split) -> pl.DataFrame:
        """Chance of extraction after propagation."""
        keys = shared_keys.read_keys(split, neighbours.LINKS)
        graph = shared_keys.weighted(list(keys.incidences.values()), self.most)
        alone = super().score(split)
        chance = keys.ids.to_frame().join(alone, on="account_id", how="left", maintain_order="left")["score"]
        return shared_keys.score_frame(keys.ids, propagated(graph, chance.to_numpy(), self.own))


def propagated(graph: sparse.csr_array, chance: F64, own: float) -> F64:
    """Spread chances over a graph until nothing changes.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.
    chance : ndarray of float64, shape (accounts,)
        What each account's own node says.
    own : float
        Its weight; the neighbours have the rest.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        Chances, to nine decimals; who has no neighbour keeps its own.

    Examples
    --------
    >>> pair = sparse.csr_array(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    >>> propagated(pair, np.array([1.0, 0.0, 1.0]), own=0.5).round(3)
    array([0.667, 0.333, 1.   ])
    """
    degree = graph.sum(axis=1)
    step = sparse.csr_array(sparse.diags_array(1 / np.where(degree > 0, degree, 1)) @ graph)
    weight = np.where(degree > 0, own, 1.0)
    at = chance
    for _ in range(_STEPS):
        before, at = at, weight * chance + (1 - weight) * (step @ at)
        if np.abs(at - before).max(initial=0) < _SMALL:
            break
    return np.round(at, _DECIMALS)
