"""All detectors by name: adding one is one file and one line here."""

from __future__ import annotations

from importlib.util import find_spec

from baselines import (
    account_age,
    all_but_one,
    chance,
    change_detection,
    cohort_oracle,
    dense_blocks,
    early_trees,
    echo_graph,
    ecod,
    honeypot,
    indicators,
    isolation_forest,
    leiden_fusion,
    link_communities,
    logistic_regression,
    mean_discrepancy,
    message_passing,
    prompt_clusters,
    random_forest,
    rate_limit,
    reputation,
    request_trees,
    synchrony,
    unverified_busy,
    volume,
    work_coverage,
    xgboost_aggregates,
    xgboost_relational,
    xgboost_windows,
)
from baselines.detector import Detector

_ALL: dict[str, type[Detector]] = {
    d.name: d
    for d in (
        chance.Random,
        chance.Constant,
        volume.Volume,
        account_age.AccountAge,
        unverified_busy.UnverifiedBusy,
        rate_limit.RateLimit,
        indicators.Indicators,
        reputation.Reputation,
        isolation_forest.IsolationForest,
        ecod.Ecod,
        logistic_regression.LogisticRegression,
        random_forest.RandomForest,
        xgboost_aggregates.XGBoostAggregates,
        xgboost_windows.XGBoostWindows,
        mean_discrepancy.MeanDiscrepancy,
        change_detection.ChangeDetection,
        link_communities.LinkCommunities,
        prompt_clusters.PromptClusters,
        synchrony.Synchrony,
        dense_blocks.DenseBlocks,
        work_coverage.WorkCoverage,
        echo_graph.EchoGraph,
        honeypot.HoneypotPropagation,
        leiden_fusion.LeidenFusion,
        xgboost_relational.XGBoostRelational,
        message_passing.MessagePassing,
        request_trees.RequestTrees,
        early_trees.EarlyTrees,
    )
}

SKIPPED: dict[str, str] = {
    name: f"needs {d.module}: pip install siphonbench[{d.extra}]"
    for name, d in _ALL.items()
    if d.module and find_spec(d.module) is None
}
"""Why a detector cannot be run here."""

DETECTORS: dict[str, type[Detector]] = {name: d for name, d in _ALL.items() if name not in SKIPPED}

UPPER_BOUNDS: dict[str, type[Detector]] = {d.name: d for d in (cohort_oracle.CohortOracle, all_but_one.AllButOne)}
"""Told more than an entry may know: they say what can be reached, and stand on no board."""

NAMES = frozenset(_ALL) | frozenset(UPPER_BOUNDS)
"""Taken, also by what cannot be run here."""
