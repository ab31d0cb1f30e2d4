"""Every pair of aggregates through a depth-3 tree: joint histograms first, the best pairs as real trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from generator.arrays import F32, F64, I64, U8, Mask
from generator.audit.base import gate
from generator.audit.base.gate import Gate
from generator.audit.shortcuts import single_column
from generator.audit.shortcuts.aggregates import Aggregates

BINS = 16
"""Codes of a column in the joint histograms; code 0 is NaN."""
REMEASURED = 30
"""Pairs that are fitted as real trees."""
# Finer at the ends: a false-positive rate of 0.1 % is decided there.
_EDGES = (0.01, 0.03, 0.08, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 0.97, 0.99)
_BLOCK, _ROWS = 96, 8192  # columns and rows of one matrix product: they bound its memory
_NEGATIVES = 20_000
"""Benign accounts that the search looks at; the trees that are measured see all of them."""


def aggregate_pairs(described: Sequence[Aggregates], tick: Callable[[int, int], None] | None = None) -> Gate:
    """The best pairs of the first split, as trees fitted there, on each of the others.

    Parameters
    ----------
    described : sequence of Aggregates
        Of every split.
    tick : callable, optional
        Called with (done, total) after each block of the search.
    """
    first, *others = described
    best, searched = search(first, tick) if first.split.hidden.any() else ([], 0)
    recalls = []
    for i, j in best:
        for other, recall in zip(others, single_column.tree_recalls(first, others, [i, j]), strict=True):
            recalls.append((recall, f"{first.names[i]} x {first.names[j]} in {other.split.name}"))
    recalls.sort(reverse=True)
    return gate.at_most(
        f"best of {searched:,} pairs of aggregates, depth-3 tree on {first.split.name}: recall at FPR 0.1 %",
        recalls[0][0] if recalls else 0.0,
        single_column.RECALL,
        "match how the two habits go together, in generator/archetypes",
        "; ".join(f"{pair} {recall:.3f}" for recall, pair in recalls[:5]),
    )


def search(a: Aggregates, tick: Callable[[int, int], None] | None = None) -> tuple[list[tuple[int, int]], int]:
    """The pairs with the best trees on one split, by recall at FPR 0.1 % and by average precision.

    Parameters
    ----------
    a : Aggregates
        Of that split, which must have hidden accounts.
    tick : callable, optional
        Called with (done, total) after each block of pairs.

    Returns
    -------
    list of (int, int), int
        `REMEASURED` pairs of columns, and how many pairs were searched.
    """
    values, hidden = a.values[a.judged], a.split.hidden[a.judged]
    codes, kept = binned(values)
    negative = np.flatnonzero(~hidden)
    negative = negative[:: max(1, -(-len(negative) // _NEGATIVES))]
    scores: list[tuple[F64, F64, I64, I64]] = []
    edges = list(range(0, len(kept), _BLOCK))
    spans = [(i, j) for i in edges for j in edges if i <= j]
    for done, (i, j) in enumerate(spans, 1):
        p, n = (_histograms(codes[rows], i, j) for rows in (np.flatnonzero(hidden), negative))
        left, right = np.divmod(np.arange(len(p)), min(_BLOCK, len(kept) - j))
        new = np.flatnonzero(left + i < right + j)
        scores.append((*tree_scores(p[new], n[new]), left[new] + i, right[new] + j))
        if tick:
            tick(done, len(spans))
    recall, ap, left, right = (np.concatenate(x) for x in zip(*scores, strict=True))
    best = np.unique(np.r_[np.argsort(-recall)[: REMEASURED * 2 // 3], np.argsort(-ap)[: REMEASURED // 3]])
    return [(int(kept[left[b]]), int(kept[right[b]])) for b in best], len(recall)


def binned(values: F32) -> tuple[U8, I64]:
    """Each column cut at its quantiles, NaN as the lowest code; columns that say nothing are left out.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, columns)
        Any numbers.

    Returns
    -------
    ndarray of uint8, shape (rows, kept columns); ndarray of int
        Codes below `BINS`, and which columns were kept.
    """
    codes, kept, known_codes = [], [], set()
    for k, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        edges = np.unique(np.quantile(known, _EDGES, method="nearest"))
        code = np.where(np.isnan(column), 0, 1 + np.searchsorted(edges, column, side="left")).astype(np.uint8)
        if code.min() < code.max() and code.tobytes() not in known_codes:
            known_codes.add(code.tobytes())
            codes.append(np.minimum(code, BINS - 1))
            kept.append(k)
    return np.column_stack(codes), np.array(kept)


def _histograms(codes: U8, i: int, j: int) -> F32:
    """Joint counts of the codes of each pair of columns of two blocks, shape (pairs, BINS, BINS)."""
    blocks = [codes[:, k : k + _BLOCK] for k in (i, j)]
    met = [np.flatnonzero(_met(block)) for block in blocks]  # most columns have far fewer codes than BINS
    total: Any = 0.0
    for rows in range(0, len(codes), _ROWS):
        a, b = (_one_hot(block[rows : rows + _ROWS], m) for block, m in zip(blocks, met, strict=True))
        total = total + a.T @ b
    k, m = (block.shape[1] for block in blocks)
    every: F32 = np.zeros((k * BINS, m * BINS), np.float32)
    every[np.ix_(*met)] = total
    joint: F32 = every.reshape(k, BINS, m, BINS).transpose(0, 2, 1, 3).reshape(k * m, BINS, BINS)
    return joint


def _met(codes: U8) -> Mask:
    """Which codes of which columns occur, shape (columns * BINS,)."""
    met = np.zeros((codes.shape[1], BINS), np.bool_)
    met[np.arange(codes.shape[1]), codes] = True
    return met.ravel()


def _one_hot(codes: U8, met: I64) -> F32:
    """Whether each row has each of some codes, shape (rows, codes)."""
    hot: F32 = (codes[:, met // BINS] == met % BINS).astype(np.float32)
    return hot


def tree_scores(p: F32, n: F32) -> tuple[F64, F64]:
    """Greedy depth-3 trees on joint counts (CART with Gini impurity: Breiman et al., 1984).

    Parameters
    ----------
    p, n : ndarray of float32, shape (pairs, BINS, BINS)
        Positives and negatives.

    Returns
    -------
    recall, average_precision : ndarray of float64, shape (pairs,)
        Recall at a false-positive rate of 0.1 %, and average precision.
    """
    counts = [_integral(x) for x in (p, n)]
    size = len(p)
    box = np.tile(np.array([0, BINS, 0, BINS]), (size, 1))
    boxes = [box]
    for _ in range(3):
        boxes = [half for b in boxes for half in _split(counts, b)]
    leaves = [np.stack([_inside(c, b) for b in boxes], axis=1) for c in counts]
    return _ranked(*leaves)


def _integral(x: F32) -> F32:
    """Sums of all counts below each cell: whole numbers, which float32 holds in half the memory."""
    sums = np.zeros((len(x), BINS + 1, BINS + 1), np.float32)
    inside = sums[:, 1:, 1:]
    np.cumsum(x, axis=1, out=inside)
    np.cumsum(inside, axis=2, out=inside)
    return sums


def _inside(c: F32, box: I64) -> F64:
    at = np.arange(len(box))
    a0, a1, b0, b1 = box.T
    inside: F64 = (c[at, a1, b1] - c[at, a0, b1] - c[at, a1, b0] + c[at, a0, b0]).astype(np.float64)
    return inside


def _split(counts: list[F32], box: I64) -> Iterator[I64]:
    """The two halves of each box at the cut that leaves the purest classes (balanced, by Gini)."""
    at = np.arange(len(box))
    a0, a1, b0, b1 = box.T
    cut = np.arange(1, BINS)
    gains = []
    weight = [1 / np.maximum(c[:, -1, -1].astype(np.float64), 1)[:, None] for c in counts]
    for axis, (low, high) in enumerate(((a0, a1), (b0, b1))):
        sides = []
        for c, w in zip(counts, weight, strict=True):
            line = (c[at, :, b1] - c[at, :, b0]) if axis == 0 else (c[at, a1, :] - c[at, a0, :])
            start, end = (np.take_along_axis(line, x[:, None], 1) for x in (low, high))
            sides.append(((line[:, 1:-1] - start) * w, (end - line[:, 1:-1]) * w))
        pure = sum((p**2 + n**2) / np.maximum(p + n, 1e-12) for p, n in zip(sides[0], sides[1], strict=True))
        gains.append(np.where((cut > low[:, None]) & (cut < high[:, None]), pure, -1.0))
    gain = np.concatenate(gains, axis=1)
    best = np.argmax(gain, axis=1)
    axis, where = np.divmod(best, BINS - 1)
    lower, upper = box.copy(), box.copy()
    lower[at, np.where(axis == 0, 1, 3)] = where + 1
    upper[at, np.where(axis == 0, 0, 2)] = where + 1
    uncut = np.take_along_axis(gain, best[:, None], 1)[:, 0] < 0
    lower[uncut], upper[uncut] = box[uncut], 0  # a box of one cell: one half keeps it, the other is empty
    yield from (lower, upper)


def _ranked(p: F64, n: F64) -> tuple[F64, F64]:
    """Recall at FPR 0.1 % and AP of leaves, ranked by their share of positives."""
    order = np.argsort(-(p / np.maximum(p + n, 1e-12)), axis=1, kind="stable")
    p, n = (np.take_along_axis(x, order, 1) for x in (p, n))
    p_above, n_above = np.cumsum(p, axis=1), np.cumsum(n, axis=1)
    ap = (p * p_above / np.maximum(p_above + n_above, 1e-12)).sum(axis=1) / p_above[:, -1]
    left = single_column.FPR * n_above[:, -1:] - (n_above - n)
    share = np.where(n > 0, np.clip(left / np.maximum(n, 1e-12), 0, 1), left >= 0)
    return (p * share).sum(axis=1) / p_above[:, -1], ap
