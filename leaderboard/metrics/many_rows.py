"""Rankings of many millions of rows: each row gets a place once, and all else is counts of places and folds.

A place is a distinct score of a positive, or the gap between two of them: inside a gap no metric changes its
course, and positives are few, so places are. Slices share them, and groups that are weighted alike are one column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.arrays import F64, I64, Integers, Mask
from leaderboard.metrics.ranking import Curve

BLOCKS = 1 << 15
"""Levels that scores are rounded to where they are weighted, each of equally many distinct scores."""
_AT_ONCE = 1 << 21  # rows: bounds memory
_SEARCHED_AT_ONCE = 1 << 16  # rows, sorted before: neighbours are then looked for near each other
_ACCOUNT = 32  # low bits of a number that has place and account


@dataclass(frozen=True)
class BlockSums:
    """Rows counted by block of scores and by column of weights.

    Attributes
    ----------
    positives, negatives : ndarray of float64, shape (blocks, columns)
        Rows, best block first.
    first : ndarray of int
        One group of each column: those of a column are weighted alike.
    """

    positives: F64
    negatives: F64
    first: Integers

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.positives)

    def curve(self, weights: F64 | None = None) -> Curve:
        """Curve under weights.

        Parameters
        ----------
        weights : ndarray of float, shape (replicates, groups), optional
            How often each group counts; left out, each once.
        """
        of = np.ones((1, len(self.first))) if weights is None else weights[:, self.first]
        return Curve(of @ self.positives.T, of @ self.negatives.T)


@dataclass(frozen=True)
class _PlacedRows:
    """Rows of one kind as sorted numbers, place before account: neighbours are counted near each other."""

    numbers: I64

    def among(self, accounts: Mask | None) -> Iterator[tuple[Integers, Integers]]:
        """Places and accounts of the rows of some accounts, of all if None, some at a time."""
        for start in range(0, len(self.numbers), _AT_ONCE):
            numbers = self.numbers[start : start + _AT_ONCE]
            place, account = numbers >> _ACCOUNT, numbers & ((1 << _ACCOUNT) - 1)
            inside = slice(None) if accounts is None else accounts[account]
            yield place[inside], account[inside]


class ManyRows:
    """Rows with a place each.

    Parameters
    ----------
    score : ndarray of float64, shape (n,)
        Higher means more likely extraction.
    positive, negative : ndarray of bool, shape (n,)
        Truth: some rows are positive; those that are neither are left out.
    account : ndarray of int, shape (n,)
        Who sent each.
    """

    def __init__(self, score: F64, positive: Mask, negative: Mask, account: Integers) -> None:
        steps = np.unique(score[positive])
        self._places = 2 * len(steps) + 1
        numbers = np.empty(len(score), np.int64)
        for start in range(0, len(score), _SEARCHED_AT_ONCE):
            part = slice(start, start + _SEARCHED_AT_ONCE)
            order = np.argsort(score[part])
            some = score[part][order]
            at = np.searchsorted(steps, some)
            on = steps[np.minimum(at, len(steps) - 1)] == some
            numbers[part][order] = 2 * (len(steps) - at) - on
        numbers <<= _ACCOUNT
        numbers |= account
        kinds = [numbers[m] for m in (positive, negative)]
        for kind in kinds:
            kind.sort()
        self._kinds = tuple(map(_PlacedRows, kinds))
        self._negatives = self._counts(self._kinds[1], None)

    def sent(self, accounts: int) -> tuple[Mask, Mask]:
        """Which accounts sent positives, and which negatives.

        Parameters
        ----------
        accounts : int
            How many there are.
        """
        positives, negatives = (np.zeros(accounts, np.bool_) for _ in self._kinds)
        for sent, rows in zip((positives, negatives), self._kinds, strict=True):
            for _, account in rows.among(None):
                sent[account] = True
        return positives, negatives

    def ranked(
        self, positives: Mask, negatives: Mask | None, column: Integers, first: Integers
    ) -> tuple[Curve, BlockSums]:
        """A ranking of the positives of some accounts and the negatives of others.

        Parameters
        ----------
        positives, negatives : ndarray of bool, shape (accounts,)
            Whose rows take part; None: everybody's.
        column : ndarray of int, shape (accounts,)
            Column of weights of each account's rows.
        first : ndarray of int
            See `BlockSums`.

        Returns
        -------
        Curve
            Unweighted, of the scores as they are.
        BlockSums
            To be weighted, with scores rounded to `BLOCKS` levels where they are more.
        """
        counts = (
            self._counts(self._kinds[0], positives),
            self._negatives if negatives is None else self._counts(self._kinds[1], negatives),
        )
        there = np.flatnonzero((counts[0] > 0) | (counts[1] > 0))
        held = counts[0][there] > 0
        block = np.cumsum(np.r_[False, held[1:] | held[:-1]])
        exact = Curve(*(np.asarray(np.bincount(block, c[there]), np.float64)[None, :] for c in counts))
        blocks = int(block[-1]) + 1
        if blocks > BLOCKS:
            block, blocks = block * BLOCKS // blocks, BLOCKS
        of_place = np.zeros(self._places, np.int64)
        of_place[there] = block * len(first)
        shape = blocks, len(first)
        sums = [np.zeros(blocks * len(first)) for _ in counts]
        for total, rows, accounts in zip(sums, self._kinds, (positives, negatives), strict=True):
            for place, account in rows.among(accounts):
                total += np.bincount(of_place[place] + column[account], minlength=len(total))
        return exact, BlockSums(sums[0].reshape(shape), sums[1].reshape(shape), first)

    def _counts(self, rows: _PlacedRows, accounts: Mask | None) -> I64:
        total = np.zeros(self._places, np.int64)
        for place, _ in rows.among(accounts):
            total += np.bincount(place, minlength=self._places)
        return total
