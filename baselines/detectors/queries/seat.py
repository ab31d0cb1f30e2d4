"""SEAT: an account that keeps asking what is almost the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.queries import prompt_sequences
from generator.arrays import I64
from generator.dataset import Split

_MOST = 1000  # prompts of an account that are read: bounds time (a)


@dataclass
class Seat(detector.Detector):
    """How many of an account's prompts are similar to one that it asked shortly before.

    As in the paper, a similarity encoder maps queries that differ little to places that lie close together, and an
    account is shut once it has sent too many similar pairs; accounts are ranked by how many. What this setting
    changes: the paper trains its encoder on images that an adversary has altered, while SimHash is such an encoder
    by construction, with Hamming distance in place of the Euclidean one; the distance that makes a pair similar is
    tuned on validation, in the paper it is what benign queries seldom come to; a prompt is compared with some
    before it, and not with all.

    An account swarm breaks the assumption that similar queries come from one account: variants of a prompt are
    dealt out, and no member holds two of them. The paper says so and counts the accounts that an attacker is
    forced to have; here attackers have them. Benign programs send templates by the thousand.

    Parameters
    ----------
    distance : int
        Largest Hamming distance of similar prompts, in bits of 64.
    window : int
        Prompts before it that one is compared with.
    """

    name: ClassVar[str] = "seat"
    description: ClassVar[str] = "number of an account's prompts that are near-duplicates of an earlier one"
    source: ClassVar[str] = "Zhang, Chen and Wen, SEAT, AISec 2021; Charikar, STOC 2002"
    fields: ClassVar[tuple[str, ...]] = prompt_sequences.SKETCH_FIELDS
    ranges: ClassVar[search_space.Ranges] = {
        "distance": search_space.SearchRange(1, 16),
        "window": search_space.SearchRange(5, 100, log=True),
    }

    distance: int = 6
    window: int = 50

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Similar prompts, of the account's first thousand."""
        ids = detector.accounts(split)
        prompts = prompt_sequences.first_prompts(split, ids, ["prompt_simhash"], _MOST)
        similar = similar_before(prompts["row"], prompts["prompt_simhash"], self.distance, self.window)
        count = np.bincount(prompts["row"].to_numpy()[similar], minlength=len(ids))
        return pl.DataFrame({"account_id": ids, "score": count})


def similar_before(account: pl.Series, simhash: pl.Series, distance: int, window: int) -> I64:
    """Find prompts that are similar to one of those that their account asked just before.

    Parameters
    ----------
    account, simhash : polars.Series, length (prompts,)
        Whose prompt, and its sketch (UInt64); ordered by account and time.
    distance : int
        Largest number of differing bits.
    window : int
        How many prompts before it one is compared with.

    Returns
    -------
    ndarray of int64, shape (similar,)
        Positions.

    Examples
    --------
    >>> account, sketch = pl.Series([0, 0, 0, 1]), pl.Series([0b1000, 2**40 - 1, 0b1001, 0b1000], dtype=pl.UInt64)
    >>> similar_before(account, sketch, distance=3, window=2)
    array([2])
    """
    found = np.zeros(len(account), bool)
    for lag in range(1, min(window, len(account) - 1) + 1):
        near = (simhash ^ simhash.shift(lag)).bitwise_count_ones() <= distance
        found |= ((account == account.shift(lag)) & near).fill_null(False).to_numpy()
    return np.flatnonzero(found)
