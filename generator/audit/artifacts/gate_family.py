"""The verdicts on artifacts: one gate per kind, and a boosted model on all of them together."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from generator.arrays import F64, I64, Mask
from generator.audit.artifacts import account_traces, ids, request_traces
from generator.audit.base import verdicts
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.two_sample import Comparison, compare_ranks
from generator.dataset import Dataset

_FOLDS = 3
_TREES = {"max_iter": 60, "max_depth": 3, "max_bins": 32, "early_stopping": False, "class_weight": "balanced"}
_SHARED = ("payment_id", "signup_prefix", "e-mail domain", "organization")
"""Members of a campaign may share these: models do without them once more, for a sharper look at the rest."""
_FAMILIES = {
    "ids": ("bits and order of ids", "draw ids from a keyed hash"),
    "order": ("order of rows, beyond time", "sort rows by time alone, dictionaries by id"),
    "file": ("file of the account", "deal accounts out to files by a hash of their id"),
    "digits": ("sub-second and last digits", "draw digits from a stream of their own"),
    "formatting": ("formatting of numbers and names", "round and spell for everybody alike"),
    "nulls": ("nulls that the schema does not explain", "let nulls follow from the documented columns"),
    "model": ("boosted model on all of these", "the rows above say which kind; else drop them one by one"),
}


def gates(dataset: Dataset, splits: Sequence[LabelledSplit]) -> list[Gate]:
    """Judge ids, order, file, digits, formatting, nulls, and the model, each as |ROC AUC - 0.5|.

    Parameters
    ----------
    dataset : Dataset
        Any.
    splits : sequence of LabelledSplit
        Every split of it.
    """
    compared = comparisons(dataset, splits)
    return [
        verdicts.verdict(f"{name}: |ROC AUC - 0.5|", compared[family], remedy)
        for family, (name, remedy) in _FAMILIES.items()
    ]


def comparisons(dataset: Dataset, splits: Sequence[LabelledSplit]) -> dict[str, list[Comparison | None]]:
    """Compare every artifact in every split.

    Parameters
    ----------
    dataset : Dataset
        Any.
    splits : sequence of LabelledSplit
        Every split of it.

    Returns
    -------
    dict of str to list of Comparison or None
        By kind of artifact; None where a class has nothing to compare.
    """
    from threadpoolctl import threadpool_limits

    compared: dict[str, list[Comparison | None]] = {family: [] for family in _FAMILIES}
    compared["ids"] = ids.comparisons(splits)
    tables = []
    for split in splits:
        requests, accounts = request_traces.tally(split), account_traces.of_accounts(dataset, split)
        columns = requests.columns | account_traces.identity(split)
        for family, of_requests in requests.comparisons.items():
            compared[family] += of_requests
        for family, of_accounts in accounts.items():
            compared[family] += _compare_columns(of_accounts, split)
            columns |= of_accounts
        tables.append(columns)
    unshared = [{n: x for n, x in columns.items() if not n.startswith(_SHARED)} for columns in tables]
    with threadpool_limits(1, "openmp"):  # trees this small: more threads only wait for each other
        compared["model"] = [
            *_compare_models(splits, tables, "all"),
            *_compare_models(splits, unshared, "unshared"),
        ]
    return compared


def _compare_columns(columns: account_traces.Columns, split: LabelledSplit) -> list[Comparison | None]:
    judged = split.benign | split.extraction
    y, cohort = split.extraction[judged], split.cohort[judged]
    return [compare_ranks(name, split.name, y, x[judged], cohort) for name, x in columns.items()]


def _matrix(columns: account_traces.Columns, split: LabelledSplit) -> tuple[F64, Mask, I64]:
    judged = split.benign | split.extraction
    x = np.column_stack([_filled(name, column[judged]) for name, column in columns.items()])
    return x, split.extraction[judged], split.cohort[judged]


def _filled(name: str, values: F64) -> F64:
    """Gaps filled with values of other rows: what an account lacks (streaming, a card) is a habit, no artifact."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    drawn = np.random.default_rng(zlib.crc32(name.encode())).choice(values[known], len(values))
    return np.where(known, values, drawn)


def _compare_models(
    splits: Sequence[LabelledSplit], tables: list[account_traces.Columns], columns: str
) -> Iterator[Comparison | None]:
    """Models fitted on the first split for each of the others, and inside each split on other cohorts."""
    matrices = [_matrix(table, split) for table, split in zip(tables, splits, strict=True)]
    x, y, _ = matrices[0]
    first = _fit(x, y) if y.any() else None
    for i, (split, (x, y, cohort)) in enumerate(zip(splits, matrices, strict=True)):
        if not y.any():
            continue
        yield _above_chance(f"{columns}, from other cohorts", split.name, y, _held_out(x, y, cohort), cohort)
        if i and first:
            score = first.predict_proba(x)[:, 1]
            yield _above_chance(f"{columns}, from {splits[0].name}", split.name, y, score, cohort)


def _fit(x: F64, y: Mask) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(**_TREES, random_state=0).fit(x, y)


def _held_out(x: F64, y: Mask, cohort: I64) -> F64:
    """Score of each row from a model that saw nobody of its cohort."""
    fold = np.empty(len(y), np.int64)
    for side in (y, ~y):
        fold[side] = np.unique(cohort[side], return_inverse=True)[1] % _FOLDS
    score = np.full(len(y), np.nan)
    for f in range(_FOLDS):
        inside = fold != f
        if y[inside].any() and not inside.all():
            score[~inside] = _fit(x[inside], y[inside]).predict_proba(x[~inside])[:, 1]
    return score


def _above_chance(trace: str, split: str, y: Mask, score: F64, cohort: I64) -> Comparison | None:
    """A model below one half has learnt nothing: only what is above counts."""
    compared = compare_ranks(trace, split, y, score, cohort)
    return compared and replace(compared, deviation=max(0.0, compared.deviation))
