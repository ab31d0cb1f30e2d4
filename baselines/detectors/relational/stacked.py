"""Supervised: some of the best built-in detectors, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.accounts.xgboost_aggregates import XGBoostAggregates
from baselines.detectors.graphs.xgb_graph import XGBGraph
from baselines.detectors.relational.leiden_fusion import LeidenFusion
from baselines.detectors.relational.xgboost_relational import XGBoostRelational
from baselines.features import forests, supervision
from generator.arrays import F64, I64, Mask
from generator.dataset import Split

MEMBERS: tuple[type[detector.Detector], ...] = (XGBoostRelational, LeidenFusion, XGBGraph, XGBoostAggregates)
"""Built-in detectors that are stacked: among the best that need no extra, of unlike kinds."""


@dataclass
class Stacked(detector.Detector):
    """A logistic regression on what four of the best built-in detectors say of cohorts that they have not seen.

    Cohorts of the training world are dealt into folds. Each member is fitted on a world without one fold's
    accounts and judges a world of these alone, so that the regression learns from answers about campaigns which
    the member has not seen; then the members are fitted on all. A member's scores count by their ranks in the
    world that is scored. Weights are not learnt on `validation`: no other detector is shown its labels; parameters
    are tuned by it, as all are.

    Parameters
    ----------
    folds : int
        Parts that the cohorts are dealt into.
    strength : float
        Inverse of the penalty on weights, as scikit-learn's C.
    """

    name: ClassVar[str] = "stacked"
    description: ClassVar[str] = "logistic regression on held-out ranks of four built-in detectors"
    source: ClassVar[str] = "Wolpert, Stacked generalization, Neural Networks 5, 1992"
    fields: ClassVar[tuple[str, ...]] = tuple(sorted({name for kind in MEMBERS for name in kind.fields}))
    tasks: ClassVar[tuple[str, ...]] = ("accounts",)
    ranges: ClassVar[search_space.Ranges] = {
        "folds": search_space.SearchRange(2, 5),
        "strength": search_space.SearchRange(0.001, 10.0, log=True),
    }

    folds: int = 3
    strength: float = 0.1
    _members: list[detector.Detector] = field(init=False, repr=False, default_factory=list)
    _weights: F64 = field(init=False, repr=False, default_factory=lambda: np.ones(len(MEMBERS)))

    def fit(self, *worlds: Split) -> Self:
        """Weights by what members say of held-out cohorts, then the members."""
        from sklearn.linear_model import LogisticRegression

        x, positive = self._held_out(worlds)
        if positive.any():
            order = forests.row_order(x, positive)  # sums are added up by it
            model = LogisticRegression(C=self.strength, class_weight="balanced", max_iter=1000)
            self._weights = supervision.rounded(model.fit(x[order], positive[order]).coef_[0])
        self._members = self._fitted(worlds)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Weighted sum of the members' ranks, as log-odds."""
        ids = detector.accounts(split)
        return pl.DataFrame({"account_id": ids, "score": np.round(_said(self._members, split) @ self._weights, 9)})

    def state(self) -> dict[str, Any]:
        """Those of the members, and their weights."""
        return super().state() | {"_members": [member.state() for member in self._members]}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Members, and their weights."""
        fresh = [kind(seed=self.seed) for kind in MEMBERS]
        members = [member.restore(s) for member, s in zip(fresh, state["_members"], strict=True)]
        return super().restore({**state, "_members": members})

    def _fitted(self, worlds: Sequence[Split]) -> list[detector.Detector]:
        unfitted = [kind(seed=self.seed) for kind in MEMBERS]
        return [member.fit(*(detector.shown(member, world) for world in worlds)) for member in unfitted]

    def _held_out(self, worlds: Sequence[Split]) -> tuple[F64, Mask]:
        """What members say of labelled accounts whose cohorts they were not shown, and the labels; may be none."""
        dealt = [_dealt(world, self.folds) for world in worlds]
        used = range(self.folds) if all(len(np.unique(fold[bad])) > 1 for fold, bad in dealt) else ()
        xs, positives = [np.zeros((0, len(MEMBERS)))], [np.zeros(0, bool)]
        for k in used:
            members = self._fitted([_part(w, fold != k) for w, (fold, _) in zip(worlds, dealt, strict=True)])
            for world, (fold, bad) in zip(worlds, dealt, strict=True):
                if not (bad & (fold == k)).any():  # nothing to tell apart
                    continue
                part = _part(world, fold == k)
                known = supervision.training_labels(part, detector.accounts(part))
                xs.append(_said(members, part.without_labels())[known.rows])
                positives.append(known.positive)
        return np.concatenate(xs), np.concatenate(positives)


def _dealt(world: Split, folds: int) -> tuple[I64, Mask]:
    """Fold of each account, all of a cohort in one, campaigns dealt one by one; and who extracts."""
    ids = detector.accounts(world)
    cohort, known = supervision.cohort_numbers(world, ids), supervision.training_labels(world, ids)
    bad = np.zeros(len(ids), bool)
    bad[known.rows[known.positive]] = True
    fold, extracting = np.empty(len(ids), np.int64), np.isin(cohort, cohort[bad])
    for side in (extracting, ~extracting):
        fold[side] = np.unique(cohort[side], return_inverse=True)[1] % folds
    return fold, bad


def _part(world: Split, chosen: Mask) -> Split:
    """A world of some accounts: cohorts are drawn one by one, so that some of them are a smaller world."""
    ids = detector.accounts(world).filter(pl.Series(chosen))
    of_them = pl.col("account_id").cast(pl.String).is_in(ids.implode())
    tables = {n: t.where(of_them) if "account_id" in t.columns else t for n, t in world.tables.items()}
    return replace(world, tables=tables)


def _said(members: Sequence[detector.Detector], split: Split) -> F64:
    """Log-odds of the rank that each member gives each account of a world; accounts by name."""
    from scipy.special import logit
    from scipy.stats import rankdata

    scores = [member.score(detector.shown(member, split)).sort("account_id")["score"] for member in members]
    ranks = [rankdata(np.round(s.to_numpy(), 6)) / (len(s) + 1) for s in scores]
    return np.asarray(logit(np.column_stack(ranks)), np.float64)
