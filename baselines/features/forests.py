"""Forests of decision trees as arrays: what scikit-learn has grown, kept as numbers and walked without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I64

Forest = dict[str, npt.NDArray[Any]]
"""root (trees,); left, right (numbers of nodes, -1 at leaves), column, threshold and value (nodes,)."""


def flatten(trees: Iterable[Any], values: Iterable[F64]) -> Forest:
    """Put the nodes of all trees in a row.

    Parameters
    ----------
    trees : iterable of sklearn.tree._tree.Tree
        As `estimator.tree_` gives them.
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
