"""Unsupervised: accounts whose answers come back in the prompts of other accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.graph import shared_keys
from generator.dataset import Split


@dataclass
class EchoGraph(detector.Detector):
    """How many other accounts an account exchanges answers with, directed by the provider's index of answers.

    An answer of one account that is found in a prompt of another is an edge; what an account quotes of itself, or
    of an account that it openly belongs to, is none: teams pass answers on. Answers that many accounts quote, such
    as boilerplate, are left out. An account scores its edges, and half of those of its partners, so that a chain
    of members counts more than one quotation. Only campaigns that let their accounts work on each other's answers
    can be found; the index also makes false matches, which are most of what is left.

    Parameters
    ----------
    most : int
        Accounts that may quote one answer.
    """

    name: ClassVar[str] = "echo-graph"
    description: ClassVar[str] = "answers that come back in the prompts of strangers"
    source: ClassVar[str] = "own design after reported grading of answers by a second pool of accounts"
    fields: ClassVar[tuple[str, ...]] = tuple(sorted({"requests.echo_response_id", *shared_keys.DECLARED_FIELDS}))
    ranges: ClassVar[search_space.Ranges] = {"most": search_space.SearchRange(2, 40, log=True)}

    most: int = 20

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the weight of the edges, own and the partners'."""
        ids = detector.accounts(split)
        place = pl.DataFrame({"account_id": ids, "i": np.arange(len(ids))})
        both = quotation_edges(split, self.most).join(place, on="account_id")
        both = both.join(place.rename({"account_id": "partner", "i": "j"}), on="partner").sort("i", "j")
        places = (both["i"].to_numpy(), both["j"].to_numpy())
        graph = sparse.csr_array((both["weight"].to_numpy(), places), shape=(len(ids), len(ids)))
        graph = shared_keys.without_declared(graph, shared_keys.declared_ties(split, ids))
        own = graph.sum(axis=1)
        return shared_keys.score_frame(ids, np.asarray(np.log1p(own + 0.5 * (graph @ own)), np.float64).round(9))


def quotation_edges(split: Split, most: int) -> pl.DataFrame:
    """Both directions of every pair of accounts of which one quoted the other.

    Parameters
    ----------
    split : Split
        World with requests.echo_response_id.
    most : int
        Answers that more accounts quote are left out.

    Returns
    -------
    polars.DataFrame
        account_id, partner, weight: the log of one more than the number of quotations.
    """
    quoted, sources = [], []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), "request_id", "echo_response_id")
        quoted.append(rows.select("account_id", answer="echo_response_id").drop_nulls().collect())
    answers = pl.concat(quoted).filter(pl.col("account_id").n_unique().over("answer") <= most)
    quoted_answers = answers.select("answer").unique().lazy()
    for bucket in split.requests.buckets():
        rows = bucket.select(partner=pl.col("account_id").cast(pl.String), answer="request_id")
        sources.append(rows.join(quoted_answers, on="answer", how="semi").collect())
    quotations = answers.join(pl.concat(sources), on="answer").filter(pl.col("account_id") != pl.col("partner"))
    counted = quotations.group_by("account_id", "partner").agg(n=pl.len())
    swapped = counted.select(account_id="partner", partner="account_id", n="n")
    both = pl.concat([counted, swapped]).group_by("account_id", "partner").agg(pl.col("n").sum())
    return both.select("account_id", "partner", weight=pl.col("n").cast(pl.Float64).log1p())
