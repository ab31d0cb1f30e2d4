"""Unsupervised: accounts that work through one list, each another part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector, search_space
from generator import schema
from generator.dataset import Split

_EMBEDDING = list(schema.EMBEDDING_COLUMNS)


@dataclass
class WorkCoverage(detector.Detector):
    """Whether those who use a system prompt cover one region of topics without asking the same twice.

    A group is everybody who uses one system prompt (hubs left out). Complementary coverage is high where members
    ask about the same region (their mean embeddings point the same way) and yet repeat few of each other's
    prompts: colleagues who share a prompt repeat questions, customers of one product scatter.

    Parameters
    ----------
    most : int
        Users above which a system prompt is a hub.
    """

    name: ClassVar[str] = "work-coverage"
    description: ClassVar[str] = "complementary coverage of one work list under a shared system prompt"
    source: ClassVar[str] = "own design after reported division of prompt lists among accounts"
    fields: ClassVar[tuple[str, ...]] = tuple(
        f"requests.{c}" for c in ("system_prompt_hash", "prompt_simhash", *_EMBEDDING)
    )
    ranges: ClassVar[search_space.Ranges] = {"most": search_space.SearchRange(20, 400, log=True)}

    most: int = 120

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """The best group of each account: members x concentration x prompts a member x share asked once."""
        used = _used(split)
        groups = coverage(used.filter(pl.col("account_id").n_unique().over("template").is_between(2, self.most)))
        best = used.join(groups, on="template").group_by("account_id").agg(pl.col("coverage").max())
        ids = pl.DataFrame({"account_id": detector.accounts(split)})
        scores = ids.join(best, on="account_id", how="left", maintain_order="left")
        return scores.select("account_id", score=pl.col("coverage").fill_null(0.0))


def coverage(used: pl.DataFrame) -> pl.DataFrame:
    """Complementary coverage of each template.

    Parameters
    ----------
    used : polars.DataFrame
        account_id, template, prompts (list of distinct prompts), and the mean embedding of the account's requests
        with the template, one column per dimension.

    Returns
    -------
    polars.DataFrame
        template, coverage (0 and more).
    """
    length = pl.sum_horizontal(pl.col(c) ** 2 for c in _EMBEDDING).sqrt()
    unit = used.with_columns(pl.col(c) / pl.max_horizontal(length, 1e-9) for c in _EMBEDDING)
    totals = unit.group_by("template").agg(
        pl.len().alias("members"),
        pl.col("prompts").list.len().sum().alias("asked"),
        pl.col("prompts").explode().n_unique().alias("distinct"),
        *(pl.col(c).sum() for c in _EMBEDDING),
    )
    m = pl.col("members").cast(pl.Float64)
    # Mean cosine of pairs of members.
    alike = ((pl.sum_horizontal(pl.col(c) ** 2 for c in _EMBEDDING) - m) / (m * (m - 1))).clip(0, 1)
    work = (pl.col("asked") / m).log1p()  # who asks once under a prompt works through no list
    firm = alike * m / (m + 5)  # how alike two members are says little, of twenty much
    once = (pl.col("distinct") / pl.col("asked")).fill_nan(0.0)
    return totals.select("template", coverage=(m.log() * (0.1 + firm) * once * work).round(6))


def _used(split: Split) -> pl.DataFrame:
    buckets = []
    for bucket in split.requests.buckets():
        rows = bucket.select("account_id", "system_prompt_hash", "prompt_simhash", *_EMBEDDING)
        grouped = rows.drop_nulls("system_prompt_hash").group_by("account_id", template="system_prompt_hash")
        means = (pl.col(c).cast(pl.Float64).mean().alias(c) for c in _EMBEDDING)
        buckets.append(grouped.agg(pl.col("prompt_simhash").unique().alias("prompts"), *means).collect())
    return pl.concat(buckets).with_columns(pl.col("account_id").cast(pl.String))
