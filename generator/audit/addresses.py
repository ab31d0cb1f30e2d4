"""Does the country or the autonomous system alone tell the label?

An account is scored by the share of extraction accounts among those seen at the same places. With plain folds a
campaign's members are learnt from one another; with its cohort held out, only what holds for others counts. A
network on which one campaign lives tells in its own world alone: that is a link between its members, not a
shortcut, so systems are judged with cohorts held out, and the plain figure is told beside it. Countries are few
and shared by all: they are judged both ways, and from the first world to the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy import sparse

from generator.arrays import F64, I64, Mask
from generator.audit.base import gate, rank_statistics
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit

LIFT = 2.0
_FOLDS, _PRIOR = 5, 5.0


def gates(worlds: list[LabelledSplit]) -> list[Gate]:
    """AP of the country alone and of the autonomous system alone; all extraction accounts against benign ones."""
    rows = []
    for column, title in (("country", "country"), ("asn", "autonomous system")):
        known = sorted({v for w in worlds for f in w.buckets(column) for v in _text(f[column]).unique()})
        shares = [_shares(w, column, known) for w in worlds]
        found = {
            "plain folds": _lifts(worlds, shares, lambda w: np.arange(len(w.truth))),
            "cohorts held out": _lifts(worlds, shares, _by_cohort),
            "learnt on the first world": _carried(worlds, shares),
        }
        worst = {how: max(lifts, default=0.0) for how, lifts in found.items()}
        judged = max(lift for how, lift in worst.items() if how != "plain folds" or column != "asn")
        where = ", ".join(f"{how} {lift:.2f}" for how, lift in worst.items())
        remedy = "draw the cohorts' places from the population"
        rows.append(gate.at_most(f"{title} alone: AP / prevalence", judged, LIFT, remedy, where))
    return rows


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).fill_null("")


def _shares(world: LabelledSplit, column: str, known: list[str]) -> sparse.csr_array:
    """Share of each account's requests at each place, of the accounts that are benign or extraction."""
    parts = [f.group_by("row", _text(f[column]).alias("at")).len() for f in world.buckets(column)]
    counts = pl.concat(parts)
    counts = counts.with_columns(share=pl.col("len") / pl.col("len").sum().over("row"))
    place = counts["at"].replace_strict(known, range(len(known)), return_dtype=pl.Int64).to_numpy()
    index = (counts["row"].to_numpy(), place)
    return sparse.csr_array((counts["share"].to_numpy(), index), shape=(len(world.truth), len(known)))


def _by_cohort(world: LabelledSplit) -> I64:
    """Numbers that deal whole cohorts to folds: campaigns one by one, benign cohorts likewise."""
    found = np.zeros(len(world.truth), np.int64)
    for side in (world.extraction, world.benign):
        found[side] = np.unique(world.cohort[side], return_inverse=True)[1]
    return found


def _lifts(
    worlds: list[LabelledSplit], shares: list[sparse.csr_array], deal: Callable[[LabelledSplit], I64]
) -> list[float]:
    found = []
    for world, x in zip(worlds, shares, strict=True):
        y, fold = world.extraction, deal(world) % _FOLDS
        judged = world.benign | y
        if not y.any():
            continue
        said = np.zeros(len(y))
        for f in range(_FOLDS):
            learnt = judged & (fold != f)
            said[fold == f] = x[fold == f] @ _rates(x[learnt], y[learnt])
        found.append(_lift(y[judged], said[judged]))
    return found


def _carried(worlds: list[LabelledSplit], shares: list[sparse.csr_array]) -> list[float]:
    """Rates of the first world, on each of the others."""
    first = worlds[0]
    judged = first.benign | first.extraction
    rates = _rates(shares[0][judged], first.extraction[judged])
    found = []
    for world, x in zip(worlds[1:], shares[1:], strict=True):
        judged = world.benign | world.extraction
        if world.extraction.any():
            found.append(_lift(world.extraction[judged], (x @ rates)[judged]))
    return found


def _rates(x: sparse.csr_array, y: Mask) -> F64:
    """Share of extraction accounts at each place, drawn towards the mean where few accounts were seen."""
    mean = y.mean()
    rates: F64 = (x.T @ y + _PRIOR * mean) / (x.sum(axis=0) + _PRIOR)
    return rates


def _lift(y: Mask, said: F64) -> float:
    return rank_statistics.lifts(*rank_statistics.blocks(y, said))[0]
