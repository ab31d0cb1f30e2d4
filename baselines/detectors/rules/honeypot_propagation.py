"""Unsupervised: contact with a decoy, and closeness to those who had it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.graph import shared_keys
from generator.arrays import F64
from generator.dataset import Split

_LINKS = ("payment", "domain", "signup", "prefix", "device", "template", "tools", "conversation")


@dataclass
class HoneypotPropagation(detector.Detector):
    """How close an account is, over shared keys, to accounts that called a model which no list names.

    Curious customers find the decoy as well, and most members of a swarm never touch it: contact alone is weak
    evidence. It is spread over the graph of shared keys by random walks that return to the contacts, and set
    against where walks end that return to anybody.

    Parameters
    ----------
    most : int
        Holders above which a key is a hub.
    restart : float
        Chance that a walk returns at each step.
    """

    name: ClassVar[str] = "honeypot-propagation"
    description: ClassVar[str] = "calls of a decoy model, spread over shared keys by random walks"
    source: ClassVar[str] = "Page et al., 1999; Gyongyi et al., TrustRank, VLDB 2004"
    fields: ClassVar[tuple[str, ...]] = tuple(sorted({*shared_keys.fields_of(_LINKS), "requests.model"}))
    ranges: ClassVar[search_space.Ranges] = {
        "most": search_space.SearchRange(10, 200, log=True),
        "restart": search_space.SearchRange(0.05, 0.7),
    }

    most: int = 60
    restart: float = 0.3

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn: the list of models is public."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the share of walks that end at the account, over that of walks from everywhere."""
        world = shared_keys.read_keys(split, _LINKS)
        graph = shared_keys.weighted(list(world.incidences.values()), self.most)
        seeds = decoy_contacts(split, world.ids)
        n = len(seeds)
        if not n or not seeds.any():
            return shared_keys.score_frame(world.ids, np.zeros(n))
        near = walk_shares(graph, seeds / seeds.sum(), self.restart)
        anywhere = walk_shares(graph, np.full(n, 1 / n), self.restart)
        return shared_keys.score_frame(world.ids, np.log1p(near / np.maximum(anywhere, 1e-12)).round(9))


def walk_shares(graph: sparse.csr_array, start: F64, restart: float, steps: int = 30) -> F64:
    """Where random walks are that return to their start with some chance at each step (personalised PageRank).

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.
    start : ndarray of float64, shape (accounts,)
        Share of walks that start, and go on from, each account; sums to one.
    restart : float
        Chance that a walk returns at each step.
    steps : int
        Steps of each walk.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        Share of walks at each account; sums to one.

    References
    ----------
    Page, Brin, Motwani and Winograd, "The PageRank citation ranking", Stanford InfoLab 1999.

    Examples
    --------
    >>> pair = sparse.csr_array(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    >>> walk_shares(pair, np.array([1.0, 0.0, 0.0]), restart=0.5).round(3)
    array([0.667, 0.333, 0.   ])
    """
    degree = graph.sum(axis=1)
    step = sparse.csr_array(sparse.diags_array(1 / np.where(degree > 0, degree, 1)) @ graph).T.tocsr()
    lost = degree <= 0
    at = start.copy()
    for _ in range(steps):
        at = restart * start + (1 - restart) * (step @ at + at[lost].sum() * start)
    return at


def decoy_contacts(split: Split, ids: pl.Series) -> F64:
    """Which accounts called a model that is not on the list of models.

    Parameters
    ----------
    split : Split
        World with requests.model, and its table of releases.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    ndarray of float64, shape (accounts,)
        1 for those that did, 0 for the others.
    """
    listed = split.releases.polars().select(pl.col("model").cast(pl.String)).collect().to_series()
    called = [
        bucket.select(pl.col("account_id", "model").cast(pl.String)).unique().collect()
        for bucket in split.requests.buckets()
    ]
    decoyed = pl.concat(called).filter(~pl.col("model").is_in(listed.implode()))["account_id"].unique()
    return ids.is_in(decoyed.implode()).cast(pl.Float64).to_numpy().copy()
