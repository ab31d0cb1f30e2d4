"""A foundation model of tables: its weights are a file, what it learns is a table of labelled rows to look at."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from baselines.features import forests, training_ranks
from generator.arrays import F64, Mask
from generator.errors import UserError
from generator.integrity import file_digest

_CHUNK = 4096  # rows that are judged at once
_REFUSALS = (AssertionError, AttributeError, KeyError, OSError, EOFError, RuntimeError, TypeError, ValueError)
"""What loading weights of unknown origin may raise; nothing in them is run."""


def digest(weights: str) -> str:
    """Load weights once, so that they are refused before anything is learnt.

    Parameters
    ----------
    weights : str
        Checkpoint of a TabICL classifier.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    UserError
        If there is none, or its weights do not fit the model that it describes, or that model has no two classes.
    """
    if not Path(weights).is_file():
        raise UserError(
            f"weights {weights!r} are no file: name a checkpoint of a TabICL classifier, as in siphonbench "
            "baselines run tabicl --weights PATH"
        )
    model = _classifier(weights, views=1, seed=0)
    try:
        model.fit(np.array([[0.0], [1.0]]), np.array([False, True]))
        if (classes := model.model_.max_classes) < 2:
            raise ValueError(f"the model tells {classes} classes apart, not 2: it is no classifier")
    except (*_REFUSALS, pickle.UnpicklingError) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"weights {weights} are not those of a TabICL classifier: {why}") from error
    return file_digest(Path(weights))


def context(x: F64, positive: Mask, rows: int, seed: int) -> dict[str, Any]:
    """Choose labelled rows to look at.

    Parameters
    ----------
    x : ndarray of float64, shape (labelled, columns)
        NaN where undefined.
    positive : ndarray of bool, shape (labelled,)
        Label.
    rows : int
        Most rows; up to half of them are positive.
    seed : int
        Seed of the choice.

    Returns
    -------
    dict of str to object
        Chosen `x`, as ranks, and `positive`; `ranks`, in which other rows are ranked.
    """
    order = forests.row_order(x, positive)
    rng = np.random.Generator(np.random.Philox(seed))
    bad, good = (rng.permutation(order[positive[order] == label]) for label in (True, False))
    bad = bad[: max(rows // 2, rows - len(good))]
    chosen = np.sort(np.r_[bad, good[: rows - len(bad)]])
    chosen = chosen[forests.row_order(x[chosen], positive[chosen])]
    ranks = training_ranks.references(x)
    return {"ranks": ranks, "x": training_ranks.ranks(ranks, x[chosen]), "positive": positive[chosen]}


def chances(known: Mapping[str, Any], x: F64, weights: str, views: int, seed: int) -> F64:
    """Judge rows by those in the context.

    Parameters
    ----------
    known : mapping of str to object
        As `context` returns it.
    x : ndarray of float64, shape (rows, columns)
        NaN where undefined.
    weights : str
        Checkpoint of a TabICL classifier.
    views : int
        Views of the table, columns and classes in another order in each, whose mean counts.
    seed : int
        Seed of the views.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Chance of extraction.
    """
    from baselines.networks import learning

    ranks = training_ranks.ranks(known["ranks"], x)
    order = np.lexsort(ranks.T)  # rows are judged in one order: sums of 32-bit numbers then are the same
    with learning.seeded(seed):
        model = _classifier(weights, views, seed).fit(known["x"], known["positive"])
        parts = [model.predict_proba(ranks[order[k : k + _CHUNK]]) for k in range(0, len(order), _CHUNK)]
    result = np.empty(len(x))
    result[order] = np.concatenate(parts)[:, 1]
    return result


def _classifier(weights: str, views: int, seed: int) -> Any:
    from tabicl import TabICLClassifier

    return TabICLClassifier(
        n_estimators=views,
        model_path=weights,
        allow_auto_download=False,
        device="cpu",
        use_amp=False,
        random_state=seed % 2**32,
    )
