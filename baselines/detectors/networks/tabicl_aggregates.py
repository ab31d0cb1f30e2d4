"""Supervised, one account at a time: a tabular foundation model that looks at labelled accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, supervision
from baselines.networks import foundation
from generator.dataset import Split
from generator.errors import UserError


@dataclass
class TabICLAggregates(detector.Detector):
    """TabICL: a transformer pretrained on made-up tables reads labelled accounts and judges others, untrained.

    Its weights do not come along: download a checkpoint of its authors and name it with ``--weights``.

    Parameters
    ----------
    weights : str
        Checkpoint of a TabICL classifier.
    rows : int
        Most labelled accounts that it looks at, up to half of them extraction.
    views : int
        Views of the table whose mean counts.
    """

    name: ClassVar[str] = "tabicl"
    description: ClassVar[str] = "tabular foundation model (TabICL) on account aggregates, by --weights"
    source: ClassVar[str] = "Qu et al., TabICL, ICML 2025"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    ranges: ClassVar[search_space.Ranges] = {
        "rows": search_space.SearchRange(200, 20_000, log=True),
        "views": search_space.SearchRange(1, 16, log=True),
    }

    weights: str = ""
    rows: int = 2000
    views: int = 4
    _learnt: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def fit(self, *worlds: Split) -> Self:
        """Choose labelled accounts to look at."""
        digest = foundation.digest(self.weights)
        known = supervision.labelled(worlds, feature_table.FEATURES)
        chosen = foundation.context(known.x, known.positive, self.rows, self.seed)
        self._learnt = chosen | {"digest": digest}
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Chance of extraction."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = supervision.matrix(frame)
        chance = foundation.chances(self._learnt, x, self.weights, self.views, self.seed)
        return frame.select("account_id", score=pl.Series(chance))

    def restore(self, state: Mapping[str, Any]) -> Self:
        """See `Detector.restore`; the weights must be those that it was fitted with."""
        super().restore(state)
        if (now := foundation.digest(self.weights)) != self._learnt["digest"]:
            raise UserError(f"weights {self.weights} have changed since it was fitted: SHA-256 {now[:16]}")
        return self
