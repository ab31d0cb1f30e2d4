"""Supervised, one account at a time: XGBoost on account aggregates."""

from __future__ import annotations

from typing import Any, ClassVar

from baselines.detectors.accounts import boosted_base
from baselines.features import supervision
from generator.arrays import F64, Mask


class XGBoostAggregates(boosted_base.BoostedAggregates):
    """Gradient-boosted trees on what each account does by itself, grown by XGBoost."""

    name: ClassVar[str] = "xgboost-aggregates"
    description: ClassVar[str] = "boosted trees on account aggregates"
    source: ClassVar[str] = "Chen and Guestrin, XGBoost, KDD 2016"

    def _learn(self, x: F64, positive: Mask) -> Any:
        return supervision.boost(x, positive, self.seed, trees=self._trees)

    def _log_odds(self, x: F64) -> F64:
        return supervision.predict(self._model, x)
