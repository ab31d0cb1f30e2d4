"""Aggregate statistics: pools of accounts whose traffic, taken together, differs from reference traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines import detector, features, training, tuning
from baselines.feature_table import named
from baselines.training import F64, I64
from generator import schema
from generator.dataset import Split

_SIZES = named(
    "input_median", "input_sd", "output_median", "output_sd", "gap_median", "gap_cv", "quiet_share", "messages"
)
_EMBEDDING = list(schema.EMBEDDING_COLUMNS)
_POOLED_BY = "asn"


@dataclass
class MeanDiscrepancy(detector.Detector):
    """Maximum mean discrepancy between the traffic behind one network and reference traffic.

    An account is a point: its sizes, gaps and mean topic. Accounts that share their commonest autonomous system
    are pooled, and random Fourier features stand in for a Gaussian kernel, so that a pool's mean embedding is one
    vector and its distance from that of the benign training accounts takes no pairs. An account scores the
    unbiased discrepancy of its pool, and how much it adds to it (the witness function at its point).

    Parameters
    ----------
    components : int
        Random Fourier features.
    least : int
        Accounts below which a pool says nothing.
    """

    name: ClassVar[str] = "mean-discrepancy"
    description: ClassVar[str] = "maximum mean discrepancy of the accounts behind one network"
    source: ClassVar[str] = "Gretton et al., JMLR 2012; pooled windows after arXiv 2606.05725"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*features.fields_of(_SIZES), *(f"requests.{c}" for c in (_POOLED_BY, *_EMBEDDING))})
    )
    ranges: ClassVar[tuning.Ranges] = {
        "components": tuning.Range(64, 512, log=True),
        "least": tuning.Range(3, 30, log=True),
    }

    components: int = 256
    least: int = 8
    _middle: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _scale: F64 = field(init=False, repr=False, default_factory=lambda: np.ones(0))
    _reference: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(self, *worlds: Split) -> Self:
        """Scale of the features, and the mean embedding of benign accounts."""
        parts = []
        for world in worlds:
            ids, x, _ = _points(world)
            known = training.truth(world, ids)
            parts.append(x[known.rows[~known.positive]])
        x = np.concatenate(parts)
        self._middle = np.nan_to_num(np.nanmedian(x, axis=0))
        spread = np.nanpercentile(x, 75, axis=0) - np.nanpercentile(x, 25, axis=0)
        self._scale = np.where(np.nan_to_num(spread) > 0, np.nan_to_num(spread), 1.0)
        self._reference = self._embedded(x).mean(axis=0)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Discrepancy of the account's pool plus its witness value; accounts of small pools: the witness alone."""
        ids, x, pool = _points(split)
        phi = np.round(self._embedded(x), 9)
        size = np.bincount(pool)
        total = np.column_stack([np.bincount(pool, column) for column in phi.T])
        off = total / size[:, None] - self._reference
        # Of n points |mean|^2 is too large by (1 - |mean|^2) / n, for every point has length one.
        bias = (1 - ((total / size[:, None]) ** 2).sum(axis=1)) / np.maximum(size - 1, 1)
        mmd = np.where(size >= self.least, (off**2).sum(axis=1) - bias, 0.0)
        witness = (phi * np.where(size >= self.least, 1.0, 0.0)[pool][:, None] * off[pool]).sum(axis=1)
        alone = -(phi @ self._reference)
        return pl.DataFrame({"account_id": ids, "score": np.round(mmd[pool] + 0.1 * witness + 0.01 * alone, 9)})

    def _embedded(self, x: F64) -> F64:
        """Random Fourier features of a Gaussian kernel, of length one in expectation."""
        known = np.clip((np.where(np.isnan(x), self._middle, x) - self._middle) / self._scale, -4, 4)
        rng = np.random.default_rng(self.seed)
        width = np.sqrt(x.shape[1])
        angle = known @ (rng.standard_normal((x.shape[1], self.components // 2)) / width)
        found: F64 = np.hstack([np.cos(angle), np.sin(angle)]) / np.sqrt(self.components // 2)
        return found


def _points(split: Split) -> tuple[pl.Series, F64, I64]:
    """Accounts, their points, and the number of the pool of each."""
    own = features.account_features(split, _SIZES)
    done = []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), _POOLED_BY, *_EMBEDDING)
        means = (pl.col(c).cast(pl.Float64).mean() for c in _EMBEDDING)
        done.append(rows.group_by("account_id").agg(pl.col(_POOLED_BY).mode().min(), *means).collect())
    both = own.join(pl.concat(done), on="account_id", how="left", maintain_order="left")
    pool = both[_POOLED_BY].cast(pl.Int64).fill_null(-1).rank("dense").to_numpy().astype(np.int64) - 1
    return both["account_id"], training.matrix(both.drop(_POOLED_BY)), pool
