"""Coordination: accounts clustered by what a network makes of them, which learns from its own clusters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, forests, supervision, training_ranks
from generator.arrays import F64, I64
from generator.dataset import Split

_RATE, _DECAY = 3e-3, 1e-4  # step and weight decay (a)
_BATCH = 128  # accounts (a)
_REDUCED = 2  # values of the network to a principal component (a)
_STARTS = 3  # of k-means, the best of which counts (a)
_LEAST = 4  # accounts to a cluster, on average, in small worlds (a)
_PRIOR = 1.0  # accounts as in the whole population that each cluster has besides its own (a)
_DECIMALS = 9  # sums in another order differ in later ones


@dataclass
class DeepCluster(detector.Detector):
    """DeepCluster on account aggregates: clusters are pseudo-labels, from which a network learns, time after time.

    As in the source: what the network makes of the accounts is whitened by its principal components and brought to
    length 1, k-means numbers it, a fresh last layer and the network learn these numbers, clusters drawn equally
    often, and all is repeated. Three settings change. Accounts are columns, not pictures, so the network is two
    layers and in place of cropping a share of the columns is hidden. Worlds share no cluster, so the clusters of
    training are applied to others by their centres. And clusters have to be ranked: by the share of extraction
    accounts among a cluster's training members, the only use of labels. Its assumption, that what varies
    most between accounts is what sets kinds apart, breaks where a campaign copies ordinary customers.

    Parameters
    ----------
    clusters : int
        Number of clusters, fewer in worlds with less than four accounts for each.
    rounds, steps : int
        How often accounts are clustered anew, and batches in between.
    width : int
        Width of the network.
    hide : float
        Share of columns that are hidden while it learns.
    """

    name: ClassVar[str] = "deep-cluster"
    description: ClassVar[str] = "clusters of accounts by a network that learns from its own clusters"
    source: ClassVar[str] = "Caron et al., DeepCluster, ECCV 2018"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    ranges: ClassVar[search_space.Ranges] = {
        "clusters": search_space.SearchRange(10, 500, log=True),
        "rounds": search_space.SearchRange(1, 20),
        "steps": search_space.SearchRange(20, 500, log=True),
        "width": search_space.SearchRange(8, 64, log=True),
        "hide": search_space.SearchRange(0.0, 0.6),
    }

    clusters: int = 100
    rounds: int = 4
    steps: int = 40
    width: int = 16
    hide: float = 0.3
    _learnt: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def fit(self, *worlds: Split) -> Self:
        """Cluster all accounts, labelled or not; then count who extracts in each."""
        frames = [account_features.account_features(w, feature_table.FEATURES) for w in worlds]
        known = [supervision.training_labels(w, f["account_id"]) for w, f in zip(worlds, frames, strict=True)]
        parts = [supervision.matrix(frame) for frame in frames]
        x = np.vstack(parts)
        order = forests.row_order(x, np.zeros(len(x), bool))
        self._learnt = {"ranks": training_ranks.references(x)}
        self._learnt |= self.learn(training_ranks.ranks(self._learnt["ranks"], x[order]))
        inside = np.concatenate([self._clusters(part)[k.rows] for part, k in zip(parts, known, strict=True)])
        positive = np.concatenate([k.positive for k in known])
        bad, all_in = (np.bincount(inside, w, len(self._learnt["centres"])) for w in (positive, None))
        self._learnt["share"] = (bad + _PRIOR * positive.mean()) / (all_in + _PRIOR)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Share of extraction accounts in the account's cluster in training."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        share = self._learnt["share"][self._clusters(supervision.matrix(frame))]
        return frame.select("account_id", score=pl.Series(share))

    def learn(self, x: F64) -> dict[str, Any]:
        """Learn the network and its last clusters.

        Parameters
        ----------
        x : ndarray of float64, shape (accounts, columns)
            Ranks, -0.5 to 0.5, in a canonical order.

        Returns
        -------
        dict of str to object
            Weights of the network, `mean` and `turn` that whiten what it says, and `centres` of clusters.
        """
        from torch import nn

        from baselines.networks import learning

        rng = np.random.Generator(np.random.Philox(self.seed))
        inputs = learning.tensor(x * learning.SPREAD)
        with learning.seeded(self.seed):
            network = _network(x.shape[1], self.width)
            found = self._cluster(learning.values(network(inputs)))
            for _ in range(self.rounds):
                number = assigned(learning.values(network(inputs)), found)
                learner = nn.Sequential(network, nn.Linear(self.width, len(found["centres"])).double())

                def loss(number: I64 = number, learner: Any = learner) -> Any:
                    rows = learning.balanced_rows(number, _BATCH, rng)
                    kept = learning.tensor(rng.random((_BATCH, x.shape[1])) >= self.hide)
                    outputs = learner(inputs[rows] * kept)
                    return nn.functional.cross_entropy(outputs, learning.tensor(number[rows]).long())

                learning.descend(learner, loss, self.steps, _RATE, _DECAY)
                found = self._cluster(learning.values(network(inputs)))
            return {"weights": learning.weights(network), **found}

    def _cluster(self, outputs: F64) -> dict[str, F64]:
        """Whiten, and number by k-means; signs of components do not matter to distances."""
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            pca = PCA(min(self.width // _REDUCED, len(outputs)), svd_solver="full").fit(outputs)
            firm = pca.explained_variance_ > pca.explained_variance_[0] * 1e-9
            turn = pca.components_[firm].T / np.sqrt(pca.explained_variance_[firm])
            whitened = {"mean": pca.mean_, "turn": turn}
            n = max(1, min(self.clusters, len(outputs) // _LEAST))
            kmeans = KMeans(n, n_init=_STARTS, random_state=self.seed % 2**32).fit(_unit(outputs, whitened))
        return {**whitened, "centres": kmeans.cluster_centers_}

    def _clusters(self, x: F64) -> I64:
        """Clusters of accounts by their columns."""
        from baselines.networks import learning

        ranks = training_ranks.ranks(self._learnt["ranks"], x)
        with learning.seeded(self.seed):
            network = learning.with_weights(_network(x.shape[1], self.width), self._learnt["weights"])
            return assigned(learning.values(network(learning.tensor(ranks * learning.SPREAD))), self._learnt)


def _network(columns: int, width: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(columns, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)).double()


def assigned(outputs: F64, clusters: dict[str, Any]) -> I64:
    """The nearest centre of each account.

    Parameters
    ----------
    outputs : ndarray of float64, shape (accounts, width)
        What the network makes of them.
    clusters : dict of str to ndarray
        `mean`, `turn` and `centres`, as `DeepCluster.learn` returns them.

    Returns
    -------
    ndarray of int64, shape (accounts,)
        Number of the cluster.
    """
    z, centres = _unit(outputs, clusters), clusters["centres"]
    distance = (centres**2).sum(axis=1) - 2 * z @ centres.T
    return np.asarray(np.round(distance, _DECIMALS).argmin(axis=1), np.int64)


def _unit(outputs: F64, whitened: dict[str, Any]) -> F64:
    z = (outputs - whitened["mean"]) @ whitened["turn"]
    return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12), np.float64)
