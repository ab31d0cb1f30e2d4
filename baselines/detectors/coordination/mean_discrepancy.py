"""Aggregate statistics: pools of strangers whose traffic, taken together, differs from reference traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, supervision
from baselines.features.feature_table import named
from baselines.graph import links, shared_keys
from generator import schema
from generator.arrays import F64
from generator.dataset import Split

_SIZES = named(
    "input_median", "input_sd", "output_median", "output_sd", "gap_median", "gap_cv", "quiet_share", "messages"
)
_EMBEDDING = list(schema.EMBEDDING_COLUMNS)
(_POOLED_BY,) = (link for link in links.LINKS if link.name == "template")


@dataclass
class MeanDiscrepancy(detector.Detector):
    """Maximum mean discrepancy between those who use one system prompt and reference traffic.

    An account is a point: its sizes, gaps and mean topic. Accounts that use one system prompt are a pool, unless
    they are too few, a crowd (a framework's default), or mostly colleagues. Random Fourier features stand in for a
    Gaussian kernel, so that a pool's mean embedding is one vector and its distance from that of the benign
    training accounts takes no pairs. A pool's statistic is its size times the unbiased squared discrepancy, which
    has the same spread for pools of every size that are like the reference; an account scores that of its worst
    pool, and a hair more the less it is like the reference itself.

    Parameters
    ----------
    components : int
        Random Fourier features.
    least, most : int
        Accounts below which a pool says nothing, and above which it is a crowd.
    """

    name: ClassVar[str] = "mean-discrepancy"
    description: ClassVar[str] = "maximum mean discrepancy of strangers that use one system prompt"
    source: ClassVar[str] = "Gretton et al., JMLR 2012; pooled windows after arXiv 2606.05725"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted(
            {
                *account_features.fields_of(_SIZES),
                *(f"requests.{c}" for c in _EMBEDDING),
                *_POOLED_BY.needs,
                *shared_keys.DECLARED_FIELDS,
            }
        )
    )
    ranges: ClassVar[search_space.Ranges] = {
        "components": search_space.SearchRange(64, 512, log=True),
        "least": search_space.SearchRange(3, 12, log=True),
        "most": search_space.SearchRange(20, 200, log=True),
    }

    components: int = 256
    least: int = 4
    most: int = 60
    _middle: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _scale: F64 = field(init=False, repr=False, default_factory=lambda: np.ones(0))
    _reference: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(self, *worlds: Split) -> Self:
        """Scale of the features, and the mean embedding of benign accounts."""
        parts = []
        for world in worlds:
            ids, x = _points(world)
            known = supervision.training_labels(world, ids)
            parts.append(x[known.rows[~known.positive]])
        x = np.concatenate(parts)
        self._middle = np.nan_to_num(np.nanmedian(x, axis=0))
        spread = np.nanpercentile(x, 75, axis=0) - np.nanpercentile(x, 25, axis=0)
        self._scale = np.where(np.nan_to_num(spread) > 0, np.nan_to_num(spread), 1.0)
        self._reference = self._embedded(x).mean(axis=0)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Statistic of the account's worst pool; accounts without one: how unlike the reference they are."""
        ids, x = _points(split)
        phi = np.round(self._embedded(x), 9)
        incidence = links.incidence(_POOLED_BY, split, ids)
        size = incidence.sum(axis=0)
        colleagues = incidence.multiply(shared_keys.declared_ties(split, ids) @ incidence).sum(axis=0) - size
        pooled = (size >= self.least) & (size <= self.most) & (2 * colleagues < size * (size - 1))
        mean = (incidence.T @ phi) / size[:, None]
        # Of n points |mean|^2 is too large by (1 - |mean|^2) / n, for every point has length one.
        bias = (1 - (mean**2).sum(axis=1)) / np.maximum(size - 1, 1)
        mmd = ((mean - self._reference) ** 2).sum(axis=1) - bias
        statistic = np.where(pooled, np.maximum(size * mmd, 0), 0)
        worst = np.zeros(len(ids))
        rows = np.repeat(np.arange(len(ids)), np.diff(incidence.indptr))
        np.maximum.at(worst, rows, statistic[incidence.indices])
        return pl.DataFrame({"account_id": ids, "score": np.round(worst - 1e-3 * (phi @ self._reference), 9)})

    def _embedded(self, x: F64) -> F64:
        """Random Fourier features of a Gaussian kernel, of length one in expectation."""
        scaled = np.clip((np.where(np.isnan(x), self._middle, x) - self._middle) / self._scale, -4, 4)
        rng = np.random.default_rng(self.seed)
        width = np.sqrt(x.shape[1])
        angle = scaled @ (rng.standard_normal((x.shape[1], self.components // 2)) / width)
        features: F64 = np.hstack([np.cos(angle), np.sin(angle)]) / np.sqrt(self.components // 2)
        return features


def _points(split: Split) -> tuple[pl.Series, F64]:
    """Accounts, and their points."""
    own = account_features.account_features(split, _SIZES)
    buckets = []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), *_EMBEDDING)
        means = (pl.col(c).cast(pl.Float64).mean() for c in _EMBEDDING)
        buckets.append(rows.group_by("account_id").agg(means).collect())
    both = own.join(pl.concat(buckets), on="account_id", how="left", maintain_order="left")
    return both["account_id"], supervision.matrix(both)
