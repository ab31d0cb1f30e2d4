"""Supervised: the graph of accounts flattened to one table for a tabular model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from baselines.base import search_space
from baselines.detectors.graphs import node_classifier
from baselines.detectors.rules import honeypot_propagation
from baselines.features import forests, supervision
from baselines.graph import neighbours, shared_keys
from baselines.networks import foundation, sampled_neighbours
from generator.arrays import F32, F64, Mask
from generator.dataset import Split

_RETURN = 0.15  # chance that a walk starts anew at each step: Page et al., 1999
_ROWS, _VIEWS = 2000, 4  # accounts that a foundation model looks at, and views of them: as in `tabicl`
_DECIMALS = 9


@dataclass
class FlattenedGraph(node_classifier.NodeClassifier):
    """One table of nodes: their own columns, how those differ from the neighbourhood, and how central they are.

    As in the source, columns pass three fixed filters over one graph of all links (Beta wavelets of degree 2, with
    the neighbours' mean as the step), so that what is smooth and what stands out are columns of their own; degrees
    and PageRank follow. The source's Laplacian eigenvectors are left out: those of one world mean nothing in
    another, and accounts to learn from are all of other worlds. Histogram gradient boosting stands in for its
    foundation model, whose weights do not come along; with ``--weights`` that of `tabicl` is used.

    Parameters
    ----------
    weights : str
        Checkpoint of a TabICL classifier, in place of trees; none if empty.
    leaves : int
        Most leaves of a tree.
    eta : float
        What each tree adds.
    """

    name: ClassVar[str] = "flattened-graph"
    description: ClassVar[str] = "columns, graph wavelets of them and centrality as one table, histogram boosting"
    source: ClassVar[str] = "Liu et al., TFM4GAD, WWW 2026; Tang et al., BWGNN, ICML 2022"
    ranges: ClassVar[search_space.Ranges] = {
        **node_classifier.NodeClassifier.ranges,
        "leaves": search_space.SearchRange(3, 64, log=True),
        "eta": search_space.SearchRange(0.01, 0.3, log=True),
    }

    weights: str = ""
    leaves: int = 8
    eta: float = 0.05

    def _describe(self, nodes: neighbours.NodeTable) -> F32:
        links = list(nodes.held.values())
        walks = _centrality(shared_keys.weighted(links, self.most))
        shape = np.column_stack([*map(neighbours.degrees, links), walks])
        table = np.hstack([nodes.x, *wavelets(sparse.hstack(links, format="csr"), nodes.x), shape])
        return supervision.rounded(table).astype(np.float32)

    def fit(self, *worlds: Split) -> Self:
        """See `NodeClassifier.fit`; weights that can't be used are refused first."""
        if self.weights:
            foundation.digest(self.weights)
        return super().fit(*worlds)

    def _learn(self, x: F32, positive: Mask) -> dict[str, Any]:
        if self.weights:
            return foundation.context(x.astype(np.float64), positive, _ROWS, self.seed)
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        order = forests.row_order(x, positive)
        with threadpool_limits(1, "openmp"):  # trees this small: more threads only wait for each other
            model = HistGradientBoostingClassifier(
                learning_rate=self.eta,
                max_iter=supervision.ROUNDS,
                max_leaf_nodes=self.leaves,
                l2_regularization=supervision.TREES["lambda"],
                max_features=supervision.TREES["colsample_bytree"],
                class_weight="balanced",
                early_stopping=False,
                random_state=self.seed,
            ).fit(forests.defined(x[order]), positive[order])
        return forests.of_boosting(model)

    def _scores(self, x: F32) -> F64:
        if self.weights:
            return foundation.chances(self._model, x.astype(np.float64), self.weights, _VIEWS, self.seed)
        return forests.sum_value(self._model, forests.defined(x))


def wavelets(held: sparse.csr_array, x: F64) -> tuple[F64, F64, F64]:
    """Columns through the Beta wavelets of degree 2: what is smooth, in between, and what stands out.

    Parameters
    ----------
    held : scipy.sparse.csr_array, shape (accounts, values)
        1 where an account has the value.
    x : ndarray of float64, shape (accounts, columns)
        NaN where undefined.

    Returns
    -------
    tuple of ndarray of float64, shape (accounts, columns)
        Powers of (1 + T)/2 and (1 - T)/2 on x, where T takes the neighbours' mean: 2 and 0, 1 and 1, 0 and 2. NaN
        where one of them is undefined.

    References
    ----------
    Tang, Li, Gao and Li, "Rethinking graph neural networks for anomaly detection", ICML 2022.

    Examples
    --------
    Of two accounts that share a value, the first is high and the second low: nothing of that is smooth.

    >>> held = sparse.csr_array(np.ones((2, 1)))
    >>> [filtered.ravel().tolist() for filtered in wavelets(held, np.array([[1.0], [-1.0]]))]
    [[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]]
    """
    once = neighbours.neighbour_mean(held, x)
    twice = neighbours.neighbour_mean(held, once)
    return sampled_neighbours.beta_wavelets(x, once, twice)


def _centrality(graph: sparse.csr_array) -> F64:
    """PageRank of each account, log of the share over the mean share."""
    n = graph.shape[0]
    share = honeypot_propagation.walk_shares(graph, np.full(n, 1 / n), _RETURN)
    return np.asarray(np.round(np.log(n * share), _DECIMALS), np.float64)
