"""Gates about what detectors reach: invisible account by account, visible in aggregate, not solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from generator.audit.base import gate, verdicts
from generator.audit.base.gate import Gate

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")
"""Each must beat the one before it; the best of all is the best honest baseline."""
ORACLE = "all-but-one-oracle"
LARGE = 30_000
"""Accounts of a split from which the oracle's bound is that of the medium preset."""
RATE_LIMIT_RECALL = 0.05
"""Recall at FPR 1 % that a per-account rate limit may reach on the hidden tiers (a)."""
ORACLE_AP, ORACLE_AP_SMALL = 0.95, 0.9
"""Average precision that the oracle must reach, on large splits and on smaller ones (a)."""
BASELINE_AP = 0.5
"""Average precision that the best honest baseline must reach: the task is not hopeless (a)."""
HEADROOM = 0.25
"""Share of the way from chance to the ceiling that the best honest baseline must leave (a).

It stands in place of an upper bound on the average precision. While accounts that never served were positives (13
to 36 % of a tier's), a solved task met that bound: nobody can find an account that did nothing.
"""
RULE_SHARE = 0.35
"""Average precision of the best one-rule relational detector over the best honest baseline's, at most (a)."""


@dataclass(frozen=True)
class Reached:
    """What one detector reached.

    Attributes
    ----------
    ap : dict of str to float
        Average precision, mean over tiers, per scored split.
    overall : dict of str to float
        Average precision of all positives against all benign accounts, per scored split.
    recall : dict of str to float
        Recall at FPR 1 % of the tiers evasive and adaptive, per scored split.
    headroom : dict of str to float
        Share of the way from chance to the ceiling that `ap` leaves, per scored split.
    ceiling, chance : dict of str to float
        What a ranking by the true number of requests that served gets for `ap`, and what a constant one gets.
    """

    ap: dict[str, float] = field(default_factory=dict)
    overall: dict[str, float] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)
    headroom: dict[str, float] = field(default_factory=dict)
    ceiling: dict[str, float] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)


def gates(
    reached: Mapping[str, Reached], accounts: int, steps: Mapping[str, float], best_rule: float
) -> list[Gate]:
    """Gates about predictions.

    Parameters
    ----------
    reached : mapping of str to Reached
        For each of `CHAIN` and for `ORACLE`.
    accounts : int
        Accounts of each split.
    steps : mapping of str to float
        For each two neighbours of `CHAIN`, e.g. "rate-limit < xgboost-aggregates": lower end of the paired 95 %
        interval of the difference of `ap`, mean over the scored splits.
    best_rule : float
        `ap` of the best one-rule relational detector, mean over the scored splits; see `hunt`.
    """
    limit = reached[CHAIN[0]].recall
    best = max(CHAIN, key=lambda name: _mean(reached[name].ap))
    ap = _mean(reached[best].ap)
    oracle = reached[ORACLE].overall
    ordered = sorted((value, name) for name, value in steps.items())
    return [
        gate.at_most(
            "per-account rate limit, evasive and adaptive: recall at FPR 1 %",
            verdicts.confirmed(list(limit.values())),
            RATE_LIMIT_RECALL,
            "keep the swarm below the per-account limits",
            _by_split(limit),
        ),
        gate.at_least(
            "oracle that knows true cohorts, and of all others what they are: AP",
            _mean(oracle),
            ORACLE_AP if accounts >= LARGE else ORACLE_AP_SMALL,
            "give cohorts of campaigns more in common that pooled statistics see",
            _by_split(oracle),
        ),
        gate.at_least(
            f"best honest baseline ({best}): AP, mean over tiers",
            ap,
            BASELINE_AP,
            "strengthen what cohorts share",
            "; ".join(f"{name}: {_by_split(reached[name].ap)}" for name in CHAIN),
        ),
        gate.at_least(
            f"best honest baseline ({best}): headroom, (ceiling - AP) / (ceiling - chance)",
            _mean(reached[best].headroom),
            HEADROOM,
            "weaken what cohorts share",
            f"ceiling {_by_split(reached[best].ceiling)}; chance {_by_split(reached[best].chance)}",
        ),
        Gate(
            "rate limit < account-level trees < relational trees: lower end of the smallest paired 95 % interval",
            ordered[0][0],
            "> 0",
            ordered[0][0] > 0,
            "the account level tells too much, or the relations too little",
            ", ".join(f"{name} by {value:.3f}" for value, name in ordered),
        ),
        gate.at_most(
            f"best one-rule relational detector over the best honest baseline ({best}): AP",
            best_rule / ap,
            RULE_SHARE,
            "let benign groups share what the rule names",
            f"{best_rule:.3f} over {ap:.3f}",
        ),
    ]


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values())))


def _by_split(values: Mapping[str, float]) -> str:
    return ", ".join(f"{split} {value:.3f}" for split, value in values.items())
