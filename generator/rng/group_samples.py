"""A sample of each group that depends on its members' names alone, never on their order or who else is there."""

from __future__ import annotations

import numpy as np

from generator.arrays import I64, U64, Integers


def smallest(groups: Integers, draws: U64, most: int) -> I64:
    """Rows with the smallest draws of each group.

    Of samples that are drawn part by part, the sample of them all together is the sample of the whole.

    Parameters
    ----------
    groups : ndarray of int, shape (rows,)
        Group of each row, 0 or more.
    draws : ndarray of uint64, shape (rows,)
        A draw of each row's own stream.
    most : int
        Rows of a group, or all where it has fewer.

    Returns
    -------
    ndarray of int64
        Positions, ascending.

    Examples
    --------
    >>> smallest(np.array([7, 7, 3, 7]), np.array([30, 10, 50, 20], np.uint64), 2).tolist()
    [1, 2, 3]
    """
    if not most:
        return np.zeros(0, np.int64)
    if np.bincount(groups).max(initial=0) <= most:
        return np.arange(len(groups))
    order = np.lexsort((draws, groups))
    first = np.flatnonzero(np.diff(groups[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
    return np.sort(order[rank < most])
