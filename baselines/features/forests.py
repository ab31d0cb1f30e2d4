"""Forests of decision trees as arrays: what scikit-learn has grown, kept as numbers and walked without it."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I64, Mask

Forest = dict[str, npt.NDArray[Any]]
"""root (trees,); left, right (numbers of nodes, -1 at leaves), column, threshold and value (nodes,)."""

BELOW = -(2.0**100)
"""Stands for what is undefined: below all that is known, so that a tree can set it apart."""


def defined(x: npt.NDArray[np.floating[Any]]) -> F64:
    """Put `BELOW` where nothing is known.

    Parameters
    ----------
    x : ndarray of float
        NaN where undefined.

    Returns
    -------
    ndarray of float64
        Same shape, without NaN.

    Examples
    --------
    >>> defined(np.array([1.0, np.nan])) > 0
    array([ True, False])
    """
    return np.where(np.isnan(x), BELOW, x).astype(np.float64)


def row_order(x: npt.NDArray[np.floating[Any]], positive: Mask) -> I64:
    """Order of rows that hangs on what they say alone: learners that draw rows by position then draw the same.

    Parameters
    ----------
    x : ndarray of float, shape (rows, columns)
        NaN where undefined.
    positive : ndarray of bool, shape (rows,)
        Label.
    """
    return np.lexsort((*x.T, positive))


def flatten(trees: Iterable[Any], values: Iterable[F64]) -> Forest:
    """Put the nodes of all trees in a row.

    Parameters
    ----------
    trees : iterable of sklearn.tree._tree.Tree
        As `estimator.tree_` gives them, or anything with the same lists.
    values : iterable of ndarray of float64, shape (nodes of the tree,)
        What each node says; that of leaves counts.

    Returns
    -------
    dict of str to ndarray
        A `Forest`.
    """
    root, parts, start = [], [], 0
    for tree, value in zip(trees, values, strict=True):
        leaf = tree.children_left < 0
        left, right = (np.where(leaf, -1, c + start) for c in (tree.children_left, tree.children_right))
        parts.append((left, right, np.where(leaf, 0, tree.feature), np.where(leaf, 0.0, tree.threshold), value))
        root.append(start)
        start += len(left)
    names = ("left", "right", "column", "threshold", "value")
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return {"root": np.array(root), **dict(zip(names, columns, strict=True))}


def random_forest(x: F64, positive: Mask, trees: int, leaf: int, weights: str, seed: int) -> Forest:
    """Grow scikit-learn's random forest; each leaf says which share of it is positive.

    Parameters
    ----------
    x : ndarray of float64, shape (rows, columns)
        All defined, in a canonical order: rows are drawn by position.
    positive : ndarray of bool, shape (rows,)
        Label.
    trees, leaf : int
        Number of trees, and the fewest rows of a leaf.
    weights : str
        How both classes come to weigh the same, as scikit-learn names it.
    seed : int
        Seed of the draws of rows and columns.

    Returns
    -------
    dict of str to ndarray
        A `Forest`.

    References
    ----------
    Breiman, "Random forests", Machine Learning 45, 2001.
    """
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, min_samples_leaf=leaf, class_weight=weights, random_state=seed)
    grown = [tree.tree_ for tree in forest.fit(x, positive).estimators_]
    return flatten(grown, (t.value[:, 0, 1] / t.value[:, 0].sum(axis=1) for t in grown))


def of_boosting(model: Any) -> Forest:
    """Keep what scikit-learn's histogram gradient boosting has grown for two classes.

    Parameters
    ----------
    model : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted without undefined values and without categories.

    Returns
    -------
    dict of str to ndarray
        A `Forest` whose sum of values is the log-odds.
    """
    nodes = [predictor.nodes for (predictor,) in model._predictors]
    trees = (
        SimpleNamespace(
            children_left=np.where(n["is_leaf"], -1, n["left"].astype(np.int64)),
            children_right=np.where(n["is_leaf"], -1, n["right"].astype(np.int64)),
            feature=n["feature_idx"].astype(np.int64),
            threshold=n["num_threshold"],
        )
        for n in nodes
    )
    start = float(model._baseline_prediction.item())
    return flatten(trees, (start / len(nodes) + n["value"] for n in nodes))


def mean_value(forest: Forest, x: F64) -> F64:
    """Mean over the trees of the value of each row's leaf.

    Parameters
    ----------
    forest : dict of str to ndarray
        A `Forest` of any origin.
    x : ndarray of float64, shape (rows, columns)
        All defined; compared as float32, as scikit-learn does.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Mean value.

    Raises
    ------
    ValueError
        If the nodes are no trees over these columns.

    Examples
    --------
    >>> stump = {"left": [1, -1, -1], "right": [2, -1, -1], "column": [0, 0, 0], "threshold": [0.5, 0, 0]}
    >>> forest = {k: np.array(v) for k, v in {"root": [0], **stump, "value": [0.0, 1.0, 3.0]}.items()}
    >>> mean_value(forest, np.array([[0.0], [1.0]]))
    array([1., 3.])
    """
    root, left, right, column, threshold, value = (
        forest[k] for k in ("root", "left", "right", "column", "threshold", "value")
    )
    check_nodes(left, right, column, x.shape[1])
    if (
        not len(root)
        or not ((root >= 0) & (root < len(left))).all()
        or {len(threshold), len(value)} != {len(left)}
    ):
        raise ValueError(f"a forest of {len(root)} trees and {len(left)} nodes has other lists than these")
    single = x.astype(np.float32)
    total = np.zeros(len(x))
    for first in root:
        node, moving = np.full(len(x), first), np.arange(len(x))
        while len(moving := moving[left[node[moving]] >= 0]):
            at = node[moving]
            lower = single[moving, column[at]] <= threshold[at]
            node[moving] = np.where(lower, left[at], right[at])
        total += value[node]
    return total / len(root)


def sum_value(forest: Forest, x: F64) -> F64:
    """Sum over the trees of the value of each row's leaf.

    Parameters
    ----------
    forest : dict of str to ndarray
        A `Forest` of any origin.
    x : ndarray of float64, shape (rows, columns)
        As in `mean_value`.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Sum of values.

    Raises
    ------
    ValueError
        If the nodes are no trees over these columns.
    """
    return len(forest["root"]) * mean_value(forest, x)


def check_nodes(left: I64, right: I64, column: I64, columns: int) -> None:
    """Whether nodes are trees: children come after their parent, so that every walk ends.

    Parameters
    ----------
    left, right : ndarray of int64, shape (nodes,)
        Numbers of the children; -1 at leaves.
    column : ndarray of int64, shape (nodes,)
        What a node looks at.
    columns : int
        How many there are.

    Raises
    ------
    ValueError
        If they are not.

    Examples
    --------
    >>> check_nodes(np.array([0]), np.array([0]), np.array([0]), 1)
    Traceback (most recent call last):
        ...
    ValueError: 1 of 1 nodes of a forest have children that do not come after them, or columns beyond 1
    """
    n = len(left)
    if not n or any(a.shape != (n,) or a.dtype.kind != "i" for a in (left, right, column)):
        raise ValueError(f"{n} nodes of a forest have children and columns of other shapes or kinds")
    here = np.arange(n)
    inner = (left > here) & (right > here) & (left < n) & (right < n)
    wrong = ~(inner | ((left == -1) & (right == -1))) | (column < 0) | (column >= columns)
    if wrong.any():
        raise ValueError(
            f"{wrong.sum():,} of {n:,} nodes of a forest have children that do not come after them, or columns "
            f"beyond {columns:,}"
        )
