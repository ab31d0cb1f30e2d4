"""Boosted trees on accounts alone, with and without a clock: what the hidden tiers must not be found by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from generator.arrays import F64, Mask
from generator.audit.base import verdicts
from generator.audit.base.gate import Gate
from generator.audit.hunt.account_features import AccountFeatures

LIFT = 3.0
"""Average precision over prevalence that a model of accounts may reach (a)."""
GAIN = 0.02
"""Average precision that onset features may add to such a model (a)."""
WITH, WITHOUT, ALONE = "with onset features", "without onset features", "onset features alone"
_MODELS = 8
"""Models that differ in their draws alone; their mean is judged, as one alone wobbles by .02."""
_ROUNDS = 100
_TREES = {
    "objective": "binary:logistic",
    "max_depth": 4,
    "learning_rate": 0.1,
    "colsample_bytree": 0.2,
    "subsample": 0.8,
    "max_bin": 32,
    "min_child_weight": 5,
    "reg_lambda": 5,
    "tree_method": "hist",
    "nthread": 1,
}
_AT_ONCE = 8192
"""Accounts that a model judges at once: they bound its memory."""
_NEGATIVES = 10_000
"""Benign accounts of the first split that a model learns from; every one of the others is judged."""


@dataclass(frozen=True)
class ModelReach:
    """What one model reached.

    Attributes
    ----------
    features : str
        Which it saw.
    ap : dict of str to float
        Average precision of the hidden tiers, by judged split.
    prevalence : dict of str to float
        Chance, by judged split.
    gains : list of (str, float)
        Share of each feature in what the trees gained, the highest first.
    """

    features: str
    ap: dict[str, float]
    prevalence: dict[str, float]
    gains: list[tuple[str, float]]


def reached(described: Sequence[AccountFeatures]) -> list[ModelReach]:
    """Train on the first split with, without and on nothing but onset features; judge the others.

    Parameters
    ----------
    described : sequence of AccountFeatures
        Of every split.

    Returns
    -------
    list of ModelReach
        Empty where the first split has no served account of the hidden tiers, or is the only one.
    """
    first, *others = described
    others = [other for other in others if other.split.labelled.hidden.any()]
    if not others or not first.split.labelled.hidden.any():
        return []
    shown = {WITH: np.ones(len(first.names), bool), WITHOUT: ~first.onset, ALONE: first.onset}
    return [_reach(name, np.flatnonzero(columns), first, others) for name, columns in shown.items()]


def gates(models: Sequence[ModelReach]) -> list[Gate]:
    """Lift of the model that sees everything, and what onset features add.

    Parameters
    ----------
    models : sequence of ModelReach
        As `reached` gives them.
    """
    by_name = {model.features: model for model in models}
    lifts = {
        f"trees {name}": {split: ap / model.prevalence[split] for split, ap in model.ap.items()}
        for name, model in by_name.items()
        if name != WITHOUT
    }
    added = {}
    if by_name:
        added["onset features"] = {s: ap - by_name[WITHOUT].ap[s] for s, ap in by_name[WITH].ap.items()}
    remedy = "let debuts, last uses and shifts of benign cohorts follow the law of the campaigns'"
    return [
        verdicts.tolerance(
            "boosted trees on an account alone, evasive and adaptive: AP / prevalence", lifts, LIFT, remedy
        ),
        verdicts.tolerance(
            "what onset features add to boosted trees on an account alone: AP", added, GAIN, remedy
        ),
    ]


def _reach(name: str, columns: Any, first: AccountFeatures, others: Sequence[AccountFeatures]) -> ModelReach:
    learnt = first.split.labelled.hidden.copy()
    benign = np.flatnonzero(first.split.labelled.benign)
    learnt[benign[:: -(-len(benign) // _NEGATIVES)]] = True
    models = _fitted(first.values[np.ix_(learnt, columns)], first.split.labelled.hidden[learnt])
    ap, prevalence = {}, {}
    for other in others:
        score = np.full(len(other.values), -np.inf)
        judged = np.flatnonzero(other.judged)
        for part in np.split(judged, range(_AT_ONCE, len(judged), _AT_ONCE)):
            score[part] = _margin(models, other.values[np.ix_(part, columns)])
        ap[other.split.name] = other.split.hidden_ap(score)
        prevalence[other.split.name] = float(other.split.labelled.hidden[other.judged].mean())
    gain = _shares(models, columns.size)
    best = np.argsort(-gain, kind="stable")
    return ModelReach(name, ap, prevalence, [(first.names[columns[i]], float(gain[i])) for i in best])


def _fitted(x: Any, y: Mask) -> list[Any]:
    import xgboost

    weight = float(np.sqrt((~y).sum() / y.sum()))
    binned = xgboost.QuantileDMatrix(x, y, max_bin=_TREES["max_bin"], nthread=1)
    settings = _TREES | {"scale_pos_weight": weight}
    return [xgboost.train(settings | {"seed": seed}, binned, _ROUNDS) for seed in range(_MODELS)]


def _margin(models: Sequence[Any], x: Any) -> F64:
    import xgboost

    raw = xgboost.DMatrix(x, nthread=1)
    margins: F64 = np.mean([m.predict(raw, output_margin=True) for m in models], axis=0, dtype=np.float64)
    return margins


def _shares(models: Sequence[Any], features: int) -> F64:
    """Share of each feature in what the trees gained."""
    gains = np.zeros(features)
    for model in models:
        found = model.get_score(importance_type="gain")
        at = [int(name[1:]) for name in found]
        gains[at] += np.array([*found.values()]) / sum(found.values())
    return gains / len(models)
