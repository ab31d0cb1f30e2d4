"""The verdicts on artefacts: one row per kind, and a boosted model on all of them together."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from generator.arrays import F64, I64, Mask
from generator.audit.artifacts import account_traces, ids, request_traces
from generator.audit.base import rank_statistics
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.rank_statistics import Look
from generator.dataset import Dataset

_FOLDS = 3
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


def gates(dataset: Dataset, worlds: list[LabelledSplit]) -> list[Gate]:
    """Ids, order, file, digits, formatting, nulls, and the model, each as |ROC AUC - 0.5|."""
    looks: dict[str, list[Look | None]] = {family: [] for family in _FAMILIES}
    looks["ids"] = ids.looks(worlds)
    tables = []
    for world in worlds:
        counted, own = request_traces.tally(world), account_traces.of_accounts(dataset, world)
        columns = counted.columns | account_traces.identity(world)
        for family, found in counted.looks.items():
            looks[family] += found
        for family, of_accounts in own.items():
            looks[family] += _looks(of_accounts, world)
            columns |= of_accounts
        tables.append(columns)
    unshared = [{n: x for n, x in columns.items() if not n.startswith(_SHARED)} for columns in tables]
    looks["model"] = [*_model(worlds, tables, "all"), *_model(worlds, unshared, "unshared")]
    total = sum(x is not None for found in looks.values() for x in found)
    return [
        rank_statistics.verdict(f"{name}: |ROC AUC - 0.5|", looks[family], total, remedy)
        for family, (name, remedy) in _FAMILIES.items()
    ]


def _looks(columns: account_traces.Columns, world: LabelledSplit) -> list[Look | None]:
    judged = world.benign | world.extraction
    y, cohort = world.extraction[judged], world.cohort[judged]
    return [rank_statistics.look(f"{name} in {world.name}", y, x[judged], cohort) for name, x in columns.items()]


def _table(columns: account_traces.Columns, world: LabelledSplit) -> tuple[F64, Mask, I64]:
    judged = world.benign | world.extraction
    x = np.column_stack([_filled(name, column[judged]) for name, column in columns.items()])
    return x, world.extraction[judged], world.cohort[judged]


def _filled(name: str, values: F64) -> F64:
    """Gaps filled with values of other rows: what an account lacks (streaming, a card) is a habit, no artefact."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    drawn = np.random.default_rng(zlib.crc32(name.encode())).choice(values[known], len(values))
    return np.where(known, values, drawn)


def _model(
    worlds: list[LabelledSplit], columns: list[account_traces.Columns], which: str
) -> Iterator[Look | None]:
    """Trained on the first world for each of the others, and inside each world on other cohorts."""
    tables = [_table(found, world) for found, world in zip(columns, worlds, strict=True)]
    x, y, _ = tables[0]
    first = _fit(x, y) if y.any() else None
    for i, (world, (x, y, cohort)) in enumerate(zip(worlds, tables, strict=True)):
        if not y.any():
            continue
        yield _better_than_chance(f"{which}, other cohorts of {world.name}", y, _held_out(x, y, cohort), cohort)
        if i and first:
            name = f"{which}, {worlds[0].name} to {world.name}"
            yield _better_than_chance(name, y, first.predict_proba(x)[:, 1], cohort)


def _fit(x: F64, y: Mask) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=60, max_depth=3, max_bins=32, early_stopping=False, class_weight="balanced", random_state=0
    )
    return model.fit(x, y)


def _held_out(x: F64, y: Mask, cohort: I64) -> F64:
    """Score of each row from a model that saw nobody of its cohort."""
    fold = np.empty(len(y), np.int64)
    for side in (y, ~y):
        fold[side] = np.unique(cohort[side], return_inverse=True)[1] % _FOLDS
    said = np.full(len(y), np.nan)
    for f in range(_FOLDS):
        inside = fold != f
        if y[inside].any() and not inside.all():
            said[~inside] = _fit(x[inside], y[inside]).predict_proba(x[~inside])[:, 1]
    return said


def _better_than_chance(name: str, y: Mask, said: F64, cohort: I64) -> Look | None:
    """A model below one half has found nothing: only what is above counts."""
    known = ~np.isnan(said)
    p, n, _ = rank_statistics.blocks(y[known], said[known])
    found = rank_statistics.look(name, y, said, cohort)
    below_half = (p * (np.cumsum(n) - n / 2)).sum() < p.sum() * n.sum() / 2
    return Look(name, 0.0, found.spread) if found and below_half else found
