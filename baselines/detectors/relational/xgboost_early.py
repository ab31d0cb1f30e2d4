"""Supervised, day by day: trained on what was known when days ended, not on whole windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features import account_features, feature_table, supervision, tuned_trees
from baselines.graph import shared_keys
from baselines.graph.communities import communities
from generator.arrays import F64
from generator.dataset import Split

_LINKS = ("payment", "domain", "signup", "prefix", "device", "template", "tools")
_OWN = feature_table.named(
    *(
        "age",
        "requests",
        "active_days",
        "requests_per_active_day",
        "first_seen",
        "last_seen",
        "gap_median",
        "gap_cv",
    ),
    *("quiet_share", "input_median", "input_sd", "output_median", "output_sd", "reasoning_share", "max_tokens"),
    *("stream_share", "batch_share", "tools_mean", "conversation_share", "failed_share", "template_share"),
    *("prompts_distinct", "templates", "topic_spread", "echo_share"),
)
_ALIKE = ("age", "requests", "first_seen", "gap_median", "input_median", "output_median", "quiet_share")
_MOST = 60  # accounts; a key that more hold is a hub (a)
_RESOLUTION = 0.2  # mean weight of pairs above which two groups are one (a)
_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the window: when snapshots of the training worlds are taken."""


@dataclass
class EarlyTrees(tuned_trees.TunedTrees):
    """Boosted trees on accounts, their links and their neighbours, as far as they are known on a day.

    Trained on snapshots of the training worlds a quarter, half, three quarters and all the way through, each seen
    as on the evening of its day, so that a score of an early day means the same as a late one. Nothing that the
    replay would have to look ahead for is used.
    """

    name: ClassVar[str] = "xgboost-early"
    description: ClassVar[str] = "boosted trees on what was known when a day ended"
    source: ClassVar[str] = "Chen and Guestrin, XGBoost, KDD 2016; snapshots as in streaming evaluation"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*account_features.fields_of(_OWN), *shared_keys.fields_of(_LINKS)})
    )

    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Learn from snapshots; an account that never extracts is a negative on every day."""
        xs, ys, weights = [], [], []
        for world in worlds:
            for share in _SHARES:
                ids, x = _describe(world.as_of(max(0, round(share * world.days) - 1)))
                known = supervision.training_labels(world, ids)
                xs.append(x[known.rows])
                ys.append(known.positive)
                weights.append(1 / np.sqrt(np.bincount(known.cohort)[known.cohort]))
        weight = np.concatenate(weights)
        x, y = np.concatenate(xs), np.concatenate(ys)
        self._model = supervision.boost(x, y, self.seed, weight / weight.mean(), self._trees)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        ids, x = _describe(split)
        return pl.DataFrame({"account_id": ids, "score": supervision.predict(self._model, x)})


def _describe(split: Split) -> tuple[pl.Series, F64]:
    """One row per account: the day, its own habits, its links, and how like its neighbours it is."""
    world = shared_keys.read_keys(split, _LINKS)
    frame = pl.DataFrame({"account_id": world.ids})
    own = frame.join(
        account_features.account_features(split, _OWN), on="account_id", how="left", maintain_order="left"
    )
    x = supervision.matrix(own)
    graph = shared_keys.weighted(list(world.incidences.values()), _MOST)
    label = communities(graph, _RESOLUTION)
    blocks = [np.full((len(x), 1), float(split.days)), x]
    blocks += [np.column_stack(_held(a)) for a in world.incidences.values()]
    blocks.append(np.column_stack([np.log(np.bincount(label)[label]), shared_keys.weight_inside(graph, label)]))
    columns = list(own.columns[1:])
    blocks += [_neighbours(graph, x[:, columns.index(name)]) for name in _ALIKE]
    return world.ids, supervision.rounded(np.hstack(blocks))


def _held(a: sparse.csr_array) -> tuple[F64, F64]:
    """Shared keys of each account, and the log of the holders of the rarest of them."""
    holders = a.sum(axis=0)
    keys = np.diff(a.indptr).astype(np.float64)
    rarest = np.full(len(keys), np.inf)
    np.minimum.at(rarest, np.repeat(np.arange(len(keys)), np.diff(a.indptr)), holders[a.indices])
    return keys, np.log(np.where(keys > 0, rarest, 1.0))


def _neighbours(graph: sparse.csr_array, values: F64) -> F64:
    """Mean of a habit over neighbours, and how far from it they and the account are; NaN without any."""
    known = ~np.isnan(values)
    v = np.where(known, values, 0.0)
    total = graph @ known.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (graph @ v) / total
        spread = np.sqrt(np.maximum((graph @ v**2) / total - mean**2, 0))
    return np.column_stack([mean, spread, np.abs(values - mean)])
