"""Gates about what detectors reach: invisible account by account, visible in aggregate, not solved."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from generator.arrays import F64
from generator.audit.base import gate
from generator.audit.base.gate import Gate

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")
"""Each must beat the one before it; the best of all is the best honest baseline."""
ORACLE = "cohort-oracle"
LARGE = 30_000
"""Accounts of a split from which the oracle's bound is that of the medium preset."""
RATE_LIMIT_RECALL = 0.05
"""Recall at FPR 1 % that a per-account rate limit may reach on the hidden tiers (a)."""
ORACLE_AP, ORACLE_AP_SMALL = 0.95, 0.9
"""Average precision that the oracle must reach, on large splits and on smaller ones (a)."""
BASELINE_AP = (0.5, 0.9)
"""Range for the average precision of the best honest baseline: neither hopeless nor solved (a)."""


@dataclass(frozen=True)
class Reached:
    """What one detector reached.

    Attributes
    ----------
    ap : dict of str to float
        Average precision, mean over tiers, per scored split.
    overall : dict of str to float
        Average precision of all extraction accounts against all benign ones, per scored split.
    recall : dict of str to float
        Recall at FPR 1 % of the tiers evasive and adaptive, per scored split.
    resampled : dict of str to ndarray
        `ap` under resampling of cohorts, paired between detectors.
    """

    ap: dict[str, float] = field(default_factory=dict)
    overall: dict[str, float] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)
    resampled: dict[str, F64] = field(default_factory=dict)


def gates(reached: Mapping[str, Reached], accounts: int) -> list[Gate]:
    """Gates about predictions.

    Parameters
    ----------
    reached : mapping of str to Reached
        For each of `CHAIN` and for `ORACLE`.
    accounts : int
        Accounts of each split.
    """
    limit = reached[CHAIN[0]].recall
    split, worst = max(limit.items(), key=lambda item: item[1])
    best = max(CHAIN, key=lambda name: _mean(reached[name].ap))
    ap = _mean(reached[best].ap)
    oracle = reached[ORACLE].overall
    steps = sorted(
        (_step(reached[low], reached[high]), f"{low} < {high}") for low, high in itertools.pairwise(CHAIN)
    )
    return [
        gate.at_most(
            "per-account rate limit, evasive and adaptive: recall at FPR 1 %",
            worst,
            RATE_LIMIT_RECALL,
            "keep the swarm below the per-account limits",
            f"{split}; {_by_split(limit)}",
        ),
        gate.at_least(
            "oracle that knows the cohorts but not their labels: AP",
            _mean(oracle),
            ORACLE_AP if accounts >= LARGE else ORACLE_AP_SMALL,
            "give cohorts of campaigns more in common that pooled statistics see",
            _by_split(oracle),
        ),
        gate.between(
            f"best honest baseline ({best}): AP, mean over tiers",
            ap,
            *BASELINE_AP,
            "strengthen what cohorts share" if ap < BASELINE_AP[0] else "weaken what cohorts share",
            "; ".join(f"{name}: {_by_split(reached[name].ap)}" for name in CHAIN),
        ),
        Gate(
            "rate limit < account-level trees < relational trees: lower end of the smallest paired 95 % interval",
            steps[0][0],
            "> 0",
            steps[0][0] > 0,
            "the account level tells too much, or the relations too little",
            ", ".join(f"{name} by {value:.3f}" for value, name in steps),
        ),
    ]


def _step(low: Reached, high: Reached) -> float:
    """Lower end of the paired percentile interval of the difference, mean over the scored splits."""
    difference = np.mean([high.resampled[s] - low.resampled[s] for s in high.resampled], axis=0)
    return float(np.percentile(difference, 2.5))


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values())))


def _by_split(values: Mapping[str, float]) -> str:
    return ", ".join(f"{split} {value:.3f}" for split, value in values.items())
