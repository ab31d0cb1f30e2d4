"""Does the country or the autonomous system alone tell the label?

An account is scored by the share of extraction accounts among those at the same places. With plain folds a
campaign's members are learnt from one another; with its cohort held out, only what holds for others counts. A
network on which one campaign lives tells in its own split alone: that is a link between its members, not a
shortcut, so systems are judged with cohorts held out, and the plain figure stands beside it. Countries are few
and shared by all: they are judged both ways, and from the first split to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from scipy import sparse

from generator.arrays import F64, I64, Mask
from generator.audit.base import gate, rank_statistics, verdicts
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit

LIFT = 2.0
"""Average precision over prevalence that places alone may reach (a)."""
_FOLDS = 5
_PRIOR = 5.0
"""Accounts' worth of the mean rate that each place starts with (a)."""


def gates(splits: Sequence[LabelledSplit]) -> list[Gate]:
    """AP of the country alone and of the autonomous system alone; all extraction accounts against benign ones.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    rows = []
    for column, title in (("country", "country"), ("asn", "autonomous system")):
        known = sorted({v for s in splits for f in s.buckets(column) for v in _text(f[column].unique())})
        shares = [_shares(s, column, known) for s in splits]
        measured = {
            "plain folds": _cross_validated(splits, shares, lambda s: np.arange(len(s.truth))),
            "cohorts held out": _cross_validated(splits, shares, _cohort_numbers),
            "learnt on the first split": _transferred(splits, shares),
        }
        worst = {how: verdicts.confirmed(lifts) for how, lifts in measured.items()}
        judged = max(lift for how, lift in worst.items() if how != "plain folds" or column != "asn")
        where = ", ".join(f"{how} {lift:.2f}" for how, lift in worst.items())
        remedy = "draw the cohorts' places from the population"
        rows.append(gate.at_most(f"{title} alone: AP / prevalence", judged, LIFT, remedy, where))
    return rows


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).fill_null("")


def _shares(split: LabelledSplit, column: str, known: list[str]) -> sparse.csr_array:
    """Share of each account's requests at each place, of the accounts that are benign or extraction."""
    parts = [f.group_by("row", pl.col(column).alias("at")).len() for f in split.buckets(column)]
    counts = pl.concat(part.with_columns(_text(part["at"])) for part in parts)
    counts = counts.with_columns(share=pl.col("len") / pl.col("len").sum().over("row"))
    place = counts["at"].replace_strict(known, range(len(known)), return_dtype=pl.Int64).to_numpy()
    index = (counts["row"].to_numpy(), place)
    return sparse.csr_array((counts["share"].to_numpy(), index), shape=(len(split.truth), len(known)))


def _cohort_numbers(split: LabelledSplit) -> I64:
    """Numbers that deal whole cohorts to folds: campaigns one by one, benign cohorts likewise."""
    number = np.zeros(len(split.truth), np.int64)
    for side in (split.extraction, split.benign):
        number[side] = np.unique(split.cohort[side], return_inverse=True)[1]
    return number


def _cross_validated(
    splits: Sequence[LabelledSplit], shares: list[sparse.csr_array], numbers: Callable[[LabelledSplit], I64]
) -> list[float]:
    lifts = []
    for split, x in zip(splits, shares, strict=True):
        y, fold = split.extraction, numbers(split) % _FOLDS
        judged = split.benign | y
        if not y.any():
            continue
        score = np.zeros(len(y))
        for f in range(_FOLDS):
            learnt = judged & (fold != f)
            score[fold == f] = x[fold == f] @ _rates(x[learnt], y[learnt])
        lifts.append(_lift(y[judged], score[judged]))
    return lifts


def _transferred(splits: Sequence[LabelledSplit], shares: list[sparse.csr_array]) -> list[float]:
    """Rates of the first split, on each of the others."""
    first = splits[0]
    judged = first.benign | first.extraction
    rates = _rates(shares[0][judged], first.extraction[judged])
    lifts = []
    for split, x in zip(splits[1:], shares[1:], strict=True):
        judged = split.benign | split.extraction
        if split.extraction.any():
            lifts.append(_lift(split.extraction[judged], (x @ rates)[judged]))
    return lifts


def _rates(x: sparse.csr_array, y: Mask) -> F64:
    """Share of extraction accounts at each place, drawn towards the mean where few accounts were seen."""
    mean = y.mean()
    rates: F64 = (x.T @ y + _PRIOR * mean) / (x.sum(axis=0) + _PRIOR)
    return rates


def _lift(y: Mask, score: F64) -> float:
    return rank_statistics.lifts(*rank_statistics.blocks(y, score))[0]
