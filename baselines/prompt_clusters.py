"""Unsupervised: clusters of accounts whose prompts are near-duplicates, by locality-sensitive hashing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.sparse import csgraph

from baselines import detector, graphs, tuning
from generator.dataset import Split

_WIDTH = 2**16
_KEPT = 24  # prompts per account, the commonest ones


@dataclass
class PromptClusters(detector.Detector):
    """How many of an account's prompts are near-duplicates of other accounts' prompts, and of how many accounts.

    SimHashes that agree in one of four bands of 16 bits are candidates (two that differ in at most three bits
    always do), and pairs of at most `distance` differing bits are confirmed. Buckets with more than `most`
    accounts are boilerplate. Accounts that are joined so form clusters.

    Parameters
    ----------
    distance : int
        Largest Hamming distance of near-duplicates, in bits.
    most : int
        Accounts above which a bucket is boilerplate.
    """

    name: ClassVar[str] = "prompt-clusters"
    description: ClassVar[str] = "near-duplicate prompts of other accounts, by SimHash bands"
    source: ClassVar[str] = "Charikar, STOC 2002; Manku, Jain and Das Sarma, WWW 2007"
    fields: ClassVar[tuple[str, ...]] = (*graphs.ORDER_FIELDS, "requests.prompt_simhash")
    ranges: ClassVar[tuning.Ranges] = {"distance": tuning.Range(2, 12), "most": tuning.Range(10, 200, log=True)}

    distance: int = 6
    most: int = 40

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the partners, plus the log of the cluster's size as a tie-breaker."""
        ids = graphs.ordered(split)
        prompts = prompts_of(split, ids)
        pairs = near_duplicates(prompts, self.distance, self.most)
        n = len(ids)
        first, second = (pairs[c].to_numpy() for c in ("row", "row_right"))
        graph = sparse.csr_array((np.ones(len(first)), (first, second)), shape=(n, n))
        label: npt.NDArray[np.int32] = csgraph.connected_components(graph, directed=False)[1]
        partners = np.bincount(np.r_[first, second], minlength=n)
        size = np.bincount(label)[label]
        return graphs.scores(ids, np.log1p(partners) + 0.1 * np.log(size))


def near_duplicates(prompts: pl.DataFrame, distance: int, most: int) -> pl.DataFrame:
    """Pairs of accounts (row < row_right) that hold prompts which differ in few bits.

    Parameters
    ----------
    prompts : polars.DataFrame
        row, prompt_simhash; distinct.
    distance : int
        Largest number of differing bits.
    most : int
        Buckets with more rows than this are left out.
    """
    found = []
    for band in range(4):
        key = prompts.with_columns(key=pl.col("prompt_simhash") // _WIDTH**band % _WIDTH)
        some = key.filter(pl.len().over("key") <= most)
        both = some.join(some, on="key").filter(pl.col("row") < pl.col("row_right"))
        differ = (pl.col("prompt_simhash") ^ pl.col("prompt_simhash_right")).bitwise_count_ones()
        found.append(both.filter(differ <= distance).select("row", "row_right").unique())
    return pl.concat(found).unique().sort("row", "row_right")


def prompts_of(split: Split, ids: pl.Series) -> pl.DataFrame:
    """Commonest prompts of each account: row (position in `ids`), prompt_simhash; distinct."""
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    done = []
    for bucket in split.requests.buckets():
        counted = bucket.group_by("account_id", "prompt_simhash").len().collect()
        order = counted.sort("len", "prompt_simhash", descending=[True, False])
        kept = order.group_by("account_id", maintain_order=True).head(_KEPT)
        done.append(kept.select(pl.col("account_id").cast(pl.String), "prompt_simhash"))
    return pl.concat(done).join(rows, on="account_id").select("row", "prompt_simhash")
