"""Unsupervised: clusters of accounts whose prompts are near-duplicates, by locality-sensitive hashing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.graph import shared_keys
from generator.dataset import Split

_WIDTH = 2**16  # values of a band
_KEPT = 24  # prompts per account, the commonest ones (a)
_FIRM = 100  # near-duplicates that make the firmest tie (a)
_RESOLUTION = 0.2  # mean tie of pairs above which two groups are one (a)


@dataclass
class PromptClusters(detector.Detector):
    """How close-knit the cluster of strangers is that keep asking an account's prompts, a few words changed.

    SimHashes that agree in one of four bands of 16 bits are candidates (two that differ in at most three bits
    always do), and pairs of at most `distance` differing bits are confirmed. Buckets of more than `most` accounts
    are boilerplate. Two accounts are tied by the number of prompts that have a near-duplicate in the other, unless
    they openly belong together: colleagues share templates. Clusters are ranked by density: chance meetings make
    many thin ties, one template makes few and firm ones. Paraphrase leaves none:
    evasive and adaptive campaigns stay at chance.

    Parameters
    ----------
    distance : int
        Largest Hamming distance of near-duplicates, in bits.
    most : int
        Accounts above which a bucket is boilerplate.
    """

    name: ClassVar[str] = "prompt-clusters"
    description: ClassVar[str] = "density of clusters of strangers with near-duplicate prompts, by SimHash bands"
    source: ClassVar[str] = "Charikar, STOC 2002; Manku, Jain and Das Sarma, WWW 2007"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*shared_keys.ORDER_FIELDS, *shared_keys.DECLARED_FIELDS, "requests.prompt_simhash"})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "distance": search_space.SearchRange(2, 12),
        "most": search_space.SearchRange(10, 200, log=True),
    }

    distance: int = 3
    most: int = 20

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """How close-knit the account's cluster is."""
        ids = shared_keys.ordered_ids(split)
        pairs = near_duplicates(commonest_prompts(split, ids), self.distance, self.most)
        first, second, shared = (pairs[c].to_numpy() for c in ("row", "row_right", "shared"))
        tie = np.minimum(np.log1p(shared) / np.log(_FIRM), 1.0)
        places = (np.r_[first, second], np.r_[second, first])
        graph = sparse.csr_array((np.r_[tie, tie], places), shape=(len(ids), len(ids)))
        graph = shared_keys.without_declared(graph, shared_keys.declared_ties(split, ids))
        return shared_keys.score_frame(ids, shared_keys.cohesion(graph, _RESOLUTION))


def near_duplicates(prompts: pl.DataFrame, distance: int, most: int) -> pl.DataFrame:
    """Pairs of accounts with near-duplicate prompts, by four bands of 16 bits of their SimHashes.

    Parameters
    ----------
    prompts : polars.DataFrame
        row, prompt_simhash; distinct.
    distance : int
        Largest number of differing bits.
    most : int
        Buckets with more accounts than this are left out.

    Returns
    -------
    polars.DataFrame
        row < row_right, and shared: how many prompts of the first nearly equal one of the other.

    References
    ----------
    Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007.

    Examples
    --------
    Two prompts differ in one bit, the third in many:

    >>> prompts = pl.DataFrame({"row": [0, 1, 2], "prompt_simhash": [0b1000, 0b1001, 2**64 - 1]})
    >>> near_duplicates(prompts.cast({"prompt_simhash": pl.UInt64}), distance=3, most=20).rows()
    [(0, 1, 1)]
    """
    bands = []
    for band in range(4):
        key = prompts.with_columns(key=pl.col("prompt_simhash") // _WIDTH**band % _WIDTH)
        candidates = key.filter(pl.col("row").n_unique().over("key").is_between(2, most))
        both = candidates.join(candidates, on="key").filter(pl.col("row") < pl.col("row_right"))
        differ = (pl.col("prompt_simhash") ^ pl.col("prompt_simhash_right")).bitwise_count_ones()
        bands.append(both.filter(differ <= distance).select("row", "row_right", "prompt_simhash").unique())
    pairs = pl.concat(bands).unique().group_by("row", "row_right").agg(shared=pl.len())
    return pairs.sort("row", "row_right")


def commonest_prompts(split: Split, ids: pl.Series) -> pl.DataFrame:
    """Commonest prompts of each account.

    Parameters
    ----------
    split : Split
        World with requests.prompt_simhash.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    polars.DataFrame
        row (position in `ids`), prompt_simhash; distinct.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    buckets = []
    for bucket in split.requests.buckets():
        counted = bucket.group_by("account_id", "prompt_simhash").len().collect()
        order = counted.sort("len", "prompt_simhash", descending=[True, False])
        kept = order.group_by("account_id", maintain_order=True).head(_KEPT)
        buckets.append(kept.select(pl.col("account_id").cast(pl.String), "prompt_simhash"))
    return pl.concat(buckets).join(rows, on="account_id").select("row", "prompt_simhash")
