"""Supervised, accounts in their network: own aggregates, links, neighbours, and what was said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines import detector, feature_table, features, links, training
from generator.dataset import Split

if TYPE_CHECKING:
    from baselines.relations import Network

_OWN = feature_table.FEATURES + feature_table.TOPIC


@dataclass
class XGBoostRelational(detector.Detector):
    """Gradient-boosted trees in rounds: each sees what the round before said about an account's neighbours.

    The first round knows the account, its links, and how its neighbours behave. Scores handed on while training
    come from models that saw nobody of the account's cohort, so that a round learns how far to trust the one
    before it on campaigns that are new.

    Parameters
    ----------
    rounds : int
        Rounds after the first.
    """

    name: ClassVar[str] = "xgboost-relational"
    description: ClassVar[str] = "boosted trees on aggregates, links and neighbours, with scores passed on"
    source: ClassVar[str] = "after Neville and Jensen, Iterative classification, AAAI 2000 workshop"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*features.fields_of(_OWN), *(need for link in links.LINKS for need in link.needs)})
    )

    rounds: int = 2
    _models: list[Any] = field(init=False, repr=False, default_factory=list)

    def fit(self, train: Split) -> Self:
        """Fit round by round; grey accounts are neighbours, never examples."""
        ids, net, first = _describe(train)
        known = training.truth(train, ids)
        x, self._models = first, []
        for _ in range(self.rounds):
            self._models.append(training.boost(x[known.rows], known.positive, self.seed))
            x = np.hstack([first, _heard(net, training.held_out(x, known, self.seed))])
        self._models.append(training.boost(x[known.rows], known.positive, self.seed))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction in the last round."""
        ids, net, first = _describe(split)
        scores = training.predict(self._models[0], first)
        for model in self._models[1:]:
            scores = training.predict(model, np.hstack([first, _heard(net, scores)]))
        return pl.DataFrame({"account_id": ids, "score": scores})


def _describe(split: Split) -> tuple[pl.Series, Network, training.F64]:
    from baselines import relations

    frame = features.account_features(split, _OWN)
    ids = frame["account_id"]
    net = relations.network(split, ids, links.LINKS)
    values = frame.drop("account_id")
    near = relations.around(net, values.to_numpy().astype(np.float64), values.columns)
    own = frame.select("account_id", *(f.name for f in feature_table.FEATURES))
    return ids, net, np.hstack([training.matrix(own), _columns(relations.structure(net)), _columns(near)])


def _heard(net: Network, scores: training.F64) -> training.F64:
    """What the round before said about an account and its neighbours."""
    from baselines import relations

    return _columns({"score": scores, **relations.through_keys(net, scores), **relations.diffuse(net, scores)})


def _columns(columns: Mapping[str, training.F64]) -> training.F64:
    return training.rounded(np.column_stack(list(columns.values())))
