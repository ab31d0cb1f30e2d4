"""All detectors by name: adding one is one file and one line here."""

from __future__ import annotations

from baselines import (
    account_age,
    chance,
    cohort_oracle,
    isolation_forest,
    rate_limit,
    volume,
    xgboost_aggregates,
    xgboost_relational,
)
from baselines.detector import Detector

DETECTORS: dict[str, type[Detector]] = {
    d.name: d
    for d in (
        chance.Random,
        chance.Constant,
        volume.Volume,
        account_age.AccountAge,
        rate_limit.RateLimit,
        isolation_forest.IsolationForest,
        xgboost_aggregates.XGBoostAggregates,
        xgboost_relational.XGBoostRelational,
    )
}

UPPER_BOUNDS: dict[str, type[Detector]] = {cohort_oracle.CohortOracle.name: cohort_oracle.CohortOracle}
"""Told more than an entry may know: they say what can be reached, and stand on no board."""
