"""Confident learning in company: labels that held-out trees on groups doubt are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.special import expit

from baselines.detectors.relational import xgboost_relational
from baselines.detectors.relational.xgboost_relational import Described, XGBoostRelational
from baselines.features.supervision import TrainingLabels
from generator.arrays import F64, I64, Mask

_FOLDS = 2  # (a)


@dataclass
class ConfidentRelational(XGBoostRelational):
    """`xgboost-relational` for labels of which some are missing: who is doubted teaches nothing.

    Made for labels as a provider has them, where the rest of a swarm that was banned in part passes for benign.
    Trees learn from half of the accounts and judge the other half, in company of the first. An account that passes
    for benign is doubted if its chance to extract is at least the mean chance of those who are known to; then
    trees learn from all the others. Bans are never doubted: a provider looks before it bans.
    """

    name: ClassVar[str] = "confident-relational"
    description: ClassVar[str] = "xgboost-relational, without benign labels that held-out trees doubt"
    source: ClassVar[str] = "after Northcutt, Jiang and Chuang, Confident learning, JAIR 70, 2021"
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "observed")

    def _trusted(self, there: Sequence[Described], truth: Sequence[TrainingLabels]) -> Sequence[TrainingLabels]:
        folds = [_dealt(of.places[known.rows], known.positive) for of, known in zip(there, truth, strict=True)]
        odds = [np.empty(len(known.rows)) for known in truth]
        for fold in range(_FOLDS):
            shown = [_only(known, f != fold) for known, f in zip(truth, folds, strict=True)]
            models = self._taught(there, shown)
            for of, known, f, found in zip(there, truth, folds, odds, strict=True):
                found[f == fold] = xgboost_relational.odds(of, *models)[known.rows[f == fold]]
        chances = [expit(found) for found in odds]
        positive = np.concatenate([known.positive for known in truth])
        usual = np.concatenate(chances)[positive].mean()
        return [_only(known, known.positive | (c < usual)) for known, c in zip(truth, chances, strict=True)]


def _dealt(x: F64, positive: Mask) -> I64:
    """Fold of each row, by what rows say: it must not depend on where one stands, or what it is called."""
    fold = np.empty(len(x), np.int64)
    fold[np.lexsort((*x.T, positive))] = np.arange(len(x)) % _FOLDS
    return fold


def _only(known: TrainingLabels, kept: Mask) -> TrainingLabels:
    return replace(known, rows=known.rows[kept], positive=known.positive[kept], cohort=known.cohort[kept])
