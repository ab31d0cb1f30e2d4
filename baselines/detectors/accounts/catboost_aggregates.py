"""Supervised, one account at a time: CatBoost on account aggregates."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from baselines.detectors.accounts import boosted_base
from baselines.features import forests, supervision
from generator.arrays import F64, Mask


class CatBoostAggregates(boosted_base.FlatTrees):
    """As `xgboost-aggregates`, with the same settings, but trees ask one question per level, in ordered boosting.

    Such trees have no least weight of a leaf, which is the one setting that is left out. One thread.
    """

    name: ClassVar[str] = "catboost-aggregates"
    description: ClassVar[str] = "boosted trees on account aggregates, one question per level"
    source: ClassVar[str] = "Prokhorenkova et al., CatBoost, NeurIPS 2018"

    def _grow(self, x: F64, positive: Mask) -> forests.Forest:
        import catboost

        trees = supervision.TREES
        model = catboost.CatBoostClassifier(
            iterations=supervision.ROUNDS,
            learning_rate=self.eta,
            depth=self.depth,
            l2_leaf_reg=trees["lambda"],
            bootstrap_type="Bernoulli",
            subsample=trees["subsample"],
            rsm=trees["colsample_bytree"],
            border_count=trees["max_bin"],
            boosting_type="Ordered",
            thread_count=trees["nthread"],
            random_seed=self.seed,
            allow_writing_files=False,
            verbose=False,
        ).fit(x, positive.astype(np.int64))
        return of_catboost(model)


def of_catboost(model: Any) -> forests.Forest:
    """Keep what CatBoost has grown for two classes.

    Parameters
    ----------
    model : catboost.CatBoostClassifier
        Fitted without undefined values and without categories.

    Returns
    -------
    dict of str to ndarray
        A forest whose sum of values is the log-odds.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.json")
        model.save_model(str(file), format="json")
        document = json.loads(file.read_text("utf-8"))
    columns = [int(c["feature_index"]) for c in document["features_info"]["float_features"]]
    grown = [_nodes(tree, columns) for tree in document["oblivious_trees"]]
    scale, (bias,) = document["scale_and_bias"]
    return forests.flatten(grown, (scale * tree.value + bias / len(grown) for tree in grown))


def _nodes(tree: dict[str, Any], columns: list[int]) -> SimpleNamespace:
    """A symmetric tree as lists: node i has the children 2i + 1 and 2i + 2, and the last level are its leaves."""
    splits = (tree["splits"] or [])[::-1]  # the first one decides the lowest bit of a leaf's number
    leaves = len(tree["leaf_values"])
    inner, level = np.arange(leaves - 1), np.repeat(np.arange(len(splits)), 2 ** np.arange(len(splits)))
    none = np.full(leaves, -1)
    column = np.array([columns[s["float_feature_index"]] for s in splits], np.int64)
    border = np.array([s["border"] for s in splits], np.float32).astype(np.float64)
    return SimpleNamespace(
        children_left=np.r_[2 * inner + 1, none],
        children_right=np.r_[2 * inner + 2, none],
        feature=np.r_[column[level], none],
        threshold=np.r_[border[level], np.zeros(leaves)],
        value=np.r_[np.zeros(leaves - 1), tree["leaf_values"]],
    )
