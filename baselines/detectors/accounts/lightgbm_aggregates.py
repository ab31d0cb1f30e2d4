"""Supervised, one account at a time: LightGBM on account aggregates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from baselines.detectors.accounts import boosted_base
from baselines.features import forests, supervision
from generator.arrays import F64, Mask

_SEEDS = 1 << 31  # what LightGBM takes


class LightGBMAggregates(boosted_base.FlatTrees):
    """As `xgboost-aggregates`, with the same settings, but trees grow where the gain is largest.

    One thread, and LightGBM's own deterministic mode.
    """

    name: ClassVar[str] = "lightgbm-aggregates"
    description: ClassVar[str] = "boosted trees on account aggregates, grown leaf by leaf"
    source: ClassVar[str] = "Ke et al., LightGBM, NeurIPS 2017"

    def _grow(self, x: F64, positive: Mask) -> forests.Forest:
        import lightgbm

        trees = supervision.TREES
        settings = {
            "objective": "binary",
            "learning_rate": self.eta,
            "max_depth": self.depth,
            "num_leaves": 2**self.depth,
            "min_sum_hessian_in_leaf": trees["min_child_weight"],
            "min_data_in_leaf": 1,  # as XGBoost: the weight decides alone
            "bagging_fraction": trees["subsample"],
            "bagging_freq": 1,
            "feature_fraction": trees["colsample_bytree"],
            "lambda_l2": trees["lambda"],
            "max_bin": trees["max_bin"],
            "num_threads": trees["nthread"],
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed % _SEEDS,
            "verbose": -1,
        }
        data = lightgbm.Dataset(x, positive.astype(np.float64))
        return of_lightgbm(lightgbm.train(settings, data, supervision.ROUNDS))


def of_lightgbm(booster: Any) -> forests.Forest:
    """Keep what LightGBM has grown for two classes.

    Parameters
    ----------
    booster : lightgbm.Booster
        Fitted without undefined values and without categories.

    Returns
    -------
    dict of str to ndarray
        A forest whose sum of values is the log-odds.
    """
    grown = [_nodes(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    return forests.flatten(grown, (tree.value for tree in grown))


def _nodes(root: dict[str, Any]) -> SimpleNamespace:
    """Nested nodes as lists, level by level."""
    nodes, children = [root], []
    for node in nodes:  # which grows meanwhile
        inner = "left_child" in node
        children.append((len(nodes), len(nodes) + 1) if inner else (-1, -1))
        nodes += [node["left_child"], node["right_child"]] if inner else []
    left, right = np.array(children).T
    return SimpleNamespace(
        children_left=left,
        children_right=right,
        feature=np.array([node.get("split_feature", 0) for node in nodes]),
        threshold=np.array([node.get("threshold", 0.0) for node in nodes]),
        value=np.array([node.get("leaf_value", 0.0) for node in nodes]),
    )
