"""From a world with open labels to a matrix, and gradient-boosted trees on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from baselines.features import account_features, forests
from baselines.features.account_features import Feature
from generator.arrays import F64, I64, Mask
from generator.dataset import Split
from generator.errors import UserError

# Parameters of XGBoost: examples are few and noisy, so trees are shallow and each adds little (a).
TREES: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "eta": 0.05,
    "max_depth": 3,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "lambda": 3.0,
    "max_bin": 128,
    # On matrices this small a second thread gains nothing, and waiting ones spin where other work runs beside.
    "nthread": 1,
}
ROUNDS = 300  # trees (a)
_BITS = 18  # of a mantissa that are kept; float32 holds 24
_ROUNDED_AT_ONCE = 1 << 22  # numbers: bounds memory


@dataclass(frozen=True)
class TrainingLabels:
    """Labelled rows of a matrix.

    Attributes
    ----------
    rows : ndarray of int64, shape (labelled,)
        Which rows are labelled.
    positive : ndarray of bool, shape (labelled,)
        Whether each is an extraction account that served.
    cohort : ndarray of int64, shape (labelled,)
        Cohort of each, numbered: rows of one cohort are never split between training and holding out.
    """

    rows: I64
    positive: Mask
    cohort: I64


@dataclass(frozen=True)
class LabelledFeatures:
    """Labelled accounts of one world or several.

    Attributes
    ----------
    x : ndarray of float64, shape (labelled, features)
        Features; NaN where undefined.
    positive : ndarray of bool, shape (labelled,)
        Whether each is an extraction account that served.
    cohort : ndarray of int64, shape (labelled,)
        Cohort of each, numbered; no two worlds share a number.
    """

    x: F64
    positive: Mask
    cohort: I64


def labelled(worlds: Sequence[Split], wanted: Sequence[Feature]) -> LabelledFeatures:
    """Features of accounts with a label; grey accounts and sleepers are left out.

    Parameters
    ----------
    worlds : sequence of Split
        Worlds with open labels.
    wanted : sequence of Feature
        Rows of `feature_table`.

    Returns
    -------
    LabelledFeatures
        Features, labels and cohorts.

    Raises
    ------
    UserError
        If a world has nothing to tell apart.
    """
    parts, start = [], 0
    for world in worlds:
        frame = account_features.account_features(world, wanted)
        known = training_labels(world, frame["account_id"])
        parts.append((matrix(frame)[known.rows], known.positive, known.cohort + start))
        start = int(parts[-1][2].max()) + 1
    x, positive, cohort = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LabelledFeatures(x, positive, cohort)


def training_labels(train: Split, ids: pl.Series) -> TrainingLabels:
    """Labels of accounts; grey ones and sleepers are left out.

    A sleeper is an extraction account that did nothing for its campaign in the window: nothing tells it from a
    benign one, so that it would teach noise.

    Parameters
    ----------
    train : Split
        World with open labels.
    ids : polars.Series
        Accounts (String), one per row of a matrix.

    Returns
    -------
    TrainingLabels
        Rows, labels and cohorts.

    Raises
    ------
    UserError
        If there is nothing to tell apart.
    """
    texts = pl.col("account_id", "label", "cohort").cast(pl.String)
    labels = train.labels.polars().select(texts, "served").collect()
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    known = rows.join(labels, on="account_id").filter(pl.col("served") | (pl.col("label") == "benign")).sort("row")
    positive = known["served"].to_numpy()
    if positive.all() or not positive.any():
        raise UserError(
            f"{train.name} has {positive.sum()} extraction accounts that served and {(~positive).sum()} benign "
            "ones; training needs both: choose a larger preset or another seed"
        )
    cohort = known["cohort"].rank("dense").to_numpy().astype(np.int64)
    return TrainingLabels(known["row"].to_numpy(), positive, cohort)


def cohort_numbers(train: Split, ids: pl.Series) -> I64:
    """Number the cohorts of accounts.

    Parameters
    ----------
    train : Split
        World with open labels.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    ndarray of int64, shape (accounts,)
        Cohort of each account, from 1.
    """
    labels = train.labels.polars().select("account_id", "cohort").cast(pl.String).collect()
    cohorts = pl.DataFrame({"account_id": ids}).join(labels, on="account_id", how="left", maintain_order="left")
    return cohorts["cohort"].rank("dense").to_numpy().astype(np.int64)


def boost(
    x: npt.NDArray[np.floating[Any]],
    positive: Mask,
    seed: int,
    weight: F64 | None = None,
    trees: Mapping[str, Any] = TREES,
    rounds: int = ROUNDS,
) -> Any:
    """Fit gradient-boosted trees; the order of the rows makes no difference.

    Parameters
    ----------
    x : ndarray of float, shape (rows, features)
        NaN where undefined.
    positive : ndarray of bool, shape (rows,)
        Label.
    seed : int
        Seed of the draws of rows and columns.
    weight : ndarray of float64, shape (rows,), optional
        What each row counts; 1 if left out.
    trees : mapping
        Parameters of XGBoost.
    rounds : int
        Number of trees.

    Returns
    -------
    xgboost.Booster
        The fitted trees.

    References
    ----------
    Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.
    """
    import xgboost

    order = forests.row_order(x, positive)
    data = xgboost.DMatrix(x[order], positive[order], weight=None if weight is None else weight[order], nthread=1)
    return xgboost.train({**trees, "seed": seed}, data, rounds)


def predict(model: Any, x: npt.NDArray[np.floating[Any]]) -> F64:
    """Apply boosted trees.

    Parameters
    ----------
    model : xgboost.Booster
        As `boost` returns it.
    x : ndarray of float, shape (rows, features)
        NaN where undefined; a UserError is raised if the trees were fitted on another number.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Log-odds.
    """
    import xgboost

    if (columns := model.num_features()) != x.shape[1]:  # XGBoost would take missing ones for undefined
        raise UserError(f"trees fitted on {columns} columns can't judge {x.shape[1]}: fit the detector again")
    return np.asarray(model.predict(xgboost.DMatrix(x, nthread=1), output_margin=True), np.float64)


def held_out(x: F64, known: TrainingLabels, seed: int, folds: int = 5) -> F64:
    """Score every row by trees that saw nobody of its cohort; unlabelled rows by the mean of all.

    Parameters
    ----------
    x : ndarray of float64, shape (rows, features)
        NaN where undefined.
    known : TrainingLabels
        Labelled rows.
    seed : int
        Seed of the trees.
    folds : int
        Parts that cohorts are dealt into.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Log-odds.
    """
    positive = known.positive
    # Campaigns are few: deal them out one by one, and benign cohorts likewise, so that no fold is without.
    fold = np.empty(len(positive), np.int64)
    for side in (positive, ~positive):
        fold[side] = np.unique(known.cohort[side], return_inverse=True)[1] % folds
    total, result = np.zeros(len(x)), np.zeros(len(x))
    used = [f for f in range(folds) if positive[fold != f].any()]
    for f in used:
        inside = known.rows[fold != f]
        log_odds = predict(boost(x[inside], positive[fold != f], seed), x)
        total += log_odds
        result[known.rows[fold == f]] = log_odds[known.rows[fold == f]]
    unlabelled = np.setdiff1d(np.arange(len(x)), known.rows)
    result[unlabelled] = total[unlabelled] / len(used)
    return result


def matrix(frame: pl.DataFrame) -> F64:
    """Turn features into numbers.

    Parameters
    ----------
    frame : polars.DataFrame
        account_id and one column per feature.

    Returns
    -------
    ndarray of float64, shape (accounts, features)
        NaN where undefined; `rounded`.
    """
    return rounded(frame.drop("account_id").to_numpy().astype(np.float64))


def rounded(x: F64) -> F64:
    """Keep 18 bits of each number: the same for rows that were added up in another order.

    Parameters
    ----------
    x : ndarray of float64
        Any shape.

    Returns
    -------
    ndarray of float64
        Same shape and order in memory; every number is exact in float32.

    Examples
    --------
    >>> bool(0.1 + 0.2 == 0.3), bool(rounded(np.float64(0.1 + 0.2)) == rounded(np.float64(0.3)))
    (False, True)
    """
    result = np.array(x, np.float64)
    for part in np.array_split(result.ravel("K"), 1 + result.size // _ROUNDED_AT_ONCE):  # views, in memory's order
        mantissa, exponent = np.frexp(part)
        part[:] = np.ldexp(np.round(mantissa * 2**_BITS) / 2**_BITS, exponent)
    return result
