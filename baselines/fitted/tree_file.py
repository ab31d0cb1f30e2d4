"""XGBoost models in one JSON file, every tree looked through before XGBoost sees it.

XGBoost trusts the children and columns that a model file names; a wrong one lets it read beyond its memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baselines.features import forests
from generator.arrays import F64, I64

MOST_BYTES = 1 << 27  # of all models together: a reader's memory (a)
_MOST_COLUMNS = 1 << 16  # (a)
_ROOT = 2**31 - 1  # XGBoost's parent of a root
_OPTIONAL = {"cats", "boost_from_average"}
_LEARNER = {
    *("attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective")
}
_LISTS = {
    *("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian"),
}
"""One value for each node."""
_EMPTY = {"categories", "categories_nodes", "categories_segments", "categories_sizes"}


def write(path: Path, models: Sequence[Any]) -> None:
    """Write boosted trees as a list of XGBoost's own JSON documents.

    Parameters
    ----------
    path : Path
        New file.
    models : sequence of xgboost.Booster
        For two classes, without categorical columns, as `supervision.boost` fits them.
    """
    documents = [model.save_raw("json").decode("utf-8") for model in models]
    path.write_text(f"[{','.join(documents)}]\n", "utf-8")


def read(path: Path, load_json: Callable[[Path], Any]) -> list[Any]:
    """Read what `write` wrote.

    Parameters
    ----------
    path : Path
        File of any origin.
    load_json : callable
        Parses the file and refuses what is no JSON.

    Returns
    -------
    list of xgboost.Booster
        In their order; each uses one thread, as when it was fitted.

    Raises
    ------
    ValueError
        If a tree has a cycle, a column or child that is not there, a number that is not finite, or anything that
        `supervision.boost` does not make.
    """
    documents = load_json(path)
    if not isinstance(documents, list):
        raise ValueError(f"{path.name} is no list of models")
    if not documents:
        return []
    import xgboost

    models = []
    for document in documents:
        try:
            _check_model(document)
            model = xgboost.Booster({"nthread": 1})
            model.load_model(bytearray(json.dumps(document), "utf-8"))
        except (TypeError, KeyError, AttributeError, OverflowError, xgboost.core.XGBoostError) as error:
            raise ValueError(
                f"{path.name} holds no model of XGBoost as it writes them: {error!r}"[:200]
            ) from error
        models.append(model)
    return models


def _check_model(document: Any) -> None:
    _keys(document, {"learner", "version"})
    if len(_whole(document["version"])) != 3:
        raise ValueError("a model names no version of XGBoost as three numbers")
    learner = document["learner"]
    _keys(learner, _LEARNER)
    if learner["attributes"] or learner["feature_names"] or learner["feature_types"]:
        raise ValueError("a model has names of columns or attributes, which ours have not")
    if learner["objective"] != {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}}:
        raise ValueError("a model has another objective than binary:logistic")
    _keys(learner["gradient_booster"], {"model", "name"})
    parameters, forest = learner["learner_model_param"], learner["gradient_booster"]["model"]
    _keys(parameters, {"base_score", "num_class", "num_feature", "num_target"})
    columns, base = int(parameters["num_feature"]), float(parameters["base_score"].strip("[]"))
    if learner["gradient_booster"]["name"] != "gbtree" or not 0 < columns <= _MOST_COLUMNS or not 0 < base < 1:
        raise ValueError("a model is no gbtree with a base score between 0 and 1 and a bearable number of columns")
    if (parameters["num_class"], parameters["num_target"]) != ("0", "1"):
        raise ValueError("a model is not for two classes")
    _keys(forest, {"gbtree_model_param", "iteration_indptr", "tree_info", "trees"})
    trees = forest["trees"]
    if (
        forest["gbtree_model_param"] != {"num_parallel_tree": "1", "num_trees": str(len(trees))}
        or forest["iteration_indptr"] != list(range(len(trees) + 1))
        or forest["tree_info"] != [0] * len(trees)
        or any(forest.get("cats", {}).values())
    ):
        raise ValueError(f"a model of {len(trees):,} trees counts them otherwise")
    for i, tree in enumerate(trees):
        _check_tree(i, tree, columns)


def _check_tree(i: int, tree: Any, columns: int) -> None:
    _keys(tree, {*_LISTS, *_EMPTY, "id", "tree_param"})
    nodes = len(tree["left_children"])
    expected = {"num_deleted": "0", "num_feature": str(columns), "num_nodes": str(nodes), "size_leaf_vector": "1"}
    if tree["id"] != i or tree["tree_param"] != expected or any(tree[k] for k in _EMPTY):
        raise ValueError(f"tree {i} of a model describes itself otherwise than its {nodes} nodes")
    if any(not isinstance(tree[k], list) or len(tree[k]) != nodes for k in _LISTS):
        raise ValueError(f"tree {i} of a model has lists of other lengths than its {nodes} nodes")
    left, right, column, parent, default, kind = (
        _whole(tree[k])
        for k in ("left_children", "right_children", "split_indices", "parents", "default_left", "split_type")
    )
    for name in ("base_weights", "loss_changes", "split_conditions", "sum_hessian"):
        if not np.isfinite(_real(tree[name])).all():
            raise ValueError(f"tree {i} of a model has {name} that are not finite")
    forests.check_nodes(left, right, column, columns)
    inner = np.flatnonzero(left >= 0)
    expected_parents = np.full(nodes, _ROOT)
    expected_parents[left[inner]] = expected_parents[right[inner]] = inner
    if (parent != expected_parents).any() or kind.any() or not np.isin(default, (0, 1)).all():
        raise ValueError(f"tree {i} of a model contradicts itself, or splits by categories")


def _keys(document: Any, expected: set[str]) -> None:
    if not isinstance(document, Mapping):
        raise ValueError(
            f"a model has a {type(document).__name__} where {', '.join(sorted(expected))[:80]} belong"
        )
    if odd := sorted((set(document) - _OPTIONAL) ^ expected):
        raise ValueError(f"a model lacks or has {', '.join(odd)[:80]}")


def _whole(values: list[Any]) -> I64:
    if not all(type(v) is int for v in values):
        raise ValueError("a model has numbers with a fraction where nodes or columns are counted")
    return np.array(values, np.int64)


def _real(values: list[Any]) -> F64:
    if not all(type(v) in (int, float) for v in values):
        raise ValueError("a model has text where numbers belong")
    with np.errstate(over="ignore"):
        return np.array(values, np.float32).astype(np.float64)
