"""PRADA: an account whose queries keep distances from each other that no natural ones keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.queries import prompt_sequences
from generator.arrays import F64
from generator.dataset import Split

_OUTLYING = 3  # standard deviations from which on the paper leaves a distance out


@dataclass
class Prada(detector.Detector):
    """How far the distances between an account's prompts are from a normal distribution.

    As in the paper, a query's distance is that from the nearest of a growing set of the account's own, which it
    joins if it is farther than a threshold: the mean less a standard deviation of those that joined before. The
    distances of natural queries are about normal; those of queries made from each other by fixed steps are not,
    and their Shapiro-Wilk statistic W falls. The score is 1 - W. What this setting changes: a chat model's answer
    is of no class, so that an account has one set and not one a class; distances are those of the provider's
    embeddings; W is taken once, over the first prompts of the window.

    An account swarm breaks two assumptions: that one account asks all (a member asks too little to be tested, or
    so that its share looks like anybody's), and that queries are made from each other (a campaign's are written,
    or bought, as natural ones are). Programs that fill a template are benign and look like an attack.

    Parameters
    ----------
    least : int
        Distances below which an account is not tested, and scores 0; the paper has 100.
    most : int
        Prompts of an account that are read: bounds time.
    """

    name: ClassVar[str] = "prada"
    description: ClassVar[str] = "distances between one account's prompts are not normal, by Shapiro and Wilk"
    source: ClassVar[str] = "Juuti et al., PRADA, EuroS&P 2019"
    fields: ClassVar[tuple[str, ...]] = prompt_sequences.EMBEDDING_FIELDS
    ranges: ClassVar[search_space.Ranges] = {
        "least": search_space.SearchRange(10, 150, log=True),
        "most": search_space.SearchRange(100, 400, log=True),
    }

    least: int = 100
    most: int = 200

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """1 - W; 0 where nothing can be tested."""
        ids = detector.accounts(split)
        prompts = prompt_sequences.first_prompts(split, ids, prompt_sequences.EMBEDDING, self.most)
        score = np.zeros(len(ids))
        for row, asked in prompt_sequences.by_account(prompts):
            if len(asked) > self.least:
                x = asked.select(prompt_sequences.EMBEDDING).to_numpy().astype(np.float64)
                score[row] = 1 - normality(nearest_distances(x))
        return pl.DataFrame({"account_id": ids, "score": np.round(score, 9)})


def nearest_distances(x: F64) -> F64:
    """Distance of each query from the nearest of the growing set: algorithm 1 of the paper, for one class.

    Parameters
    ----------
    x : ndarray of float64, shape (queries, dimensions)
        One account's queries, in order of time.

    Returns
    -------
    ndarray of float64, shape (queries - 1,)
        In the unit of `x`; the first query has none.

    Examples
    --------
    The fourth query is too near to join, so that the fifth is compared with the first three:

    >>> nearest_distances(np.array([[0.0], [4.0], [8.0], [8.5], [9.0]]))
    array([4. , 4. , 0.5, 1. ])
    """
    from scipy.spatial.distance import cdist

    between = cdist(x, x)
    nearest, found = between[0], np.zeros(len(x) - 1)
    joined, total, squares, threshold = 1, 0.0, 0.0, 0.0  # the first query joined at a distance of 0
    for k in range(1, len(x)):
        distance = found[k - 1] = float(nearest[k])
        if distance > threshold:
            nearest = np.minimum(nearest, between[k])
            joined, total, squares = joined + 1, total + distance, squares + distance**2
            mean = total / joined
            threshold = max(threshold, mean - max(squares / joined - mean**2, 0.0) ** 0.5)
    return found


def normality(distances: F64) -> float:
    """Statistic W of Shapiro and Wilk, without outliers.

    Parameters
    ----------
    distances : ndarray of float64, shape (queries,)
        As `nearest_distances` returns them.

    Returns
    -------
    float
        1: as normal as can be, or nothing to test.
    """
    from scipy.stats import shapiro

    away = np.abs(distances - distances.mean()) if len(distances) else distances
    kept = distances[away <= _OUTLYING * distances.std()] if len(distances) else distances
    if len(kept) < 3 or np.ptp(kept) == 0:  # the test needs three, and some that differ
        return 1.0
    return float(shapiro(kept).statistic)
