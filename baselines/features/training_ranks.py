"""Columns by their rank among training rows: heavy tails rule no model, and every world has one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generator.arrays import F64


def references(x: F64, most: int | None = None) -> list[F64]:
    """What ranks are taken in.

    Parameters
    ----------
    x : ndarray of float64, shape (rows, columns)
        Training rows; NaN where undefined.
    most : int, optional
        Values of a column to keep, evenly spaced by rank; all if left out.

    Returns
    -------
    list of ndarray of float64
        Per column, its defined values in ascending order.

    Examples
    --------
    >>> [column] = references(np.array([[3.0], [1.0], [np.nan], [2.0]]), most=2)
    >>> column.tolist()
    [1.0, 3.0]
    """
    known = [np.sort(column[~np.isnan(column)]) for column in x.T]
    if most is None:
        return known
    return [v[np.linspace(0, len(v) - 1, min(most, len(v))).round().astype(np.int64)] for v in known]


def ranks(known: Sequence[F64], x: F64) -> F64:
    """Mean rank of each value among the training rows.

    Parameters
    ----------
    known : sequence of ndarray of float64
        As `references` returns it.
    x : ndarray of float64, shape (rows, columns)
        NaN where undefined.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        From -0.5 (below all) to 0.5; 0, the middle, where undefined.

    Examples
    --------
    >>> ranks([np.array([1.0, 2.0, 2.0, 3.0])], np.array([[2.0], [9.0], [np.nan]])).ravel().tolist()
    [0.0, 0.5, 0.0]
    """
    result = np.zeros_like(x)
    for k, reference in enumerate(known):
        defined = ~np.isnan(x[:, k])
        below, up_to = (np.searchsorted(reference, x[defined, k], side) for side in ("left", "right"))
        result[defined, k] = (below + up_to) / 2 / max(1, len(reference)) - 0.5
    return result
