"""One-rule detectors: an account is as bad as the worst group that it is in; a group's badness is a product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, F64, I64, Mask
from generator.audit.hunt.group_statistics import STATISTICS
from generator.audit.hunt.hunted_split import HuntedSplit

THRESHOLDS = (0.25, 0.5, 0.75, 0.9)
"""Quantiles at which a statistic may be cut."""
DEPTH, BEAM = 4, 3
"""Factors of a rule at most, and rules that the search carries on with."""
QUARTER = 0.25
"""Share of the window after which a first day is late (a)."""
_HOLDINGS = 30_000
"""About how many holdings the search looks at; benign accounts stand for several where there are more."""
_KNOTS = 33
_BINS = 1024


@dataclass(frozen=True)
class Factor:
    """One statistic as a number from 0 to 1: its rank among holdings of train, or whether it passes a threshold.

    Attributes
    ----------
    statistic : str
        A key of `STATISTICS`.
    sign : int
        1: more is worse; -1: less is.
    knots : tuple of float
        Quantiles of the signed statistic between which ranks are linear; a single one is a threshold, none leaves
        the statistic as it is.
    """

    statistic: str
    sign: int
    knots: tuple[float, ...]

    def of(self, values: F64) -> F32:
        """Badness of each holding; 0 where the statistic is undefined.

        Parameters
        ----------
        values : ndarray, shape (holdings, statistics)
            In the order of `STATISTICS`.
        """
        x = self.sign * values[:, tuple(STATISTICS).index(self.statistic)]
        if not self.knots:
            return np.asarray(np.nan_to_num(x, nan=0.0), np.float32)
        if len(self.knots) == 1:
            return np.asarray(x > self.knots[0], np.float32)
        at, first = np.unique(self.knots, return_index=True)
        last = np.r_[first[1:], len(self.knots)] - 1
        rank = np.interp(x, at, (first + last) / 2 / (len(self.knots) - 1))
        return np.asarray(np.nan_to_num(rank, nan=0.0), np.float32)

    def __str__(self) -> str:
        way = "high" if self.sign > 0 else "low"
        return f"{way} {self.statistic}" + (f" (> {self.knots[0]:.3g})" if len(self.knots) == 1 else "")


@dataclass(frozen=True)
class Rule:
    """A product of factors over the holdings of one key.

    Attributes
    ----------
    key : str
        One of `keys.KEYS`.
    factors : tuple of Factor
        At least one.
    """

    key: str
    factors: tuple[Factor, ...]

    def scores(self, rows: npt.NDArray[np.integer], values: F64, accounts: int) -> F64:
        """Score of each account: of the worst of its holdings, 0 without any.

        Parameters
        ----------
        rows : ndarray of int, shape (holdings,)
            Row of each holding's account.
        values : ndarray, shape (holdings, statistics)
            In the order of `STATISTICS`.
        accounts : int
            Accounts of the split.
        """
        worst = np.zeros(accounts)
        np.maximum.at(worst, rows, np.prod([f.of(values) for f in self.factors], axis=0))
        return worst

    def __str__(self) -> str:
        return f"{self.key}: " + " x ".join(map(str, self.factors))


def factors(values: F64) -> list[Factor]:
    """Every factor that a search may use, from holdings of train.

    Parameters
    ----------
    values : ndarray, shape (holdings, statistics)
        In the order of `STATISTICS`.
    """
    every = []
    for i, name in enumerate(STATISTICS):
        for sign in (1, -1):
            x = sign * values[~np.isnan(values[:, i]), i]
            if not len(x) or x.min() == x.max():
                continue
            every.append(Factor(name, sign, tuple(np.quantile(x, np.linspace(0, 1, _KNOTS)).tolist())))
            cuts = np.unique(np.quantile(x, THRESHOLDS, method="nearest"))
            every += [Factor(name, sign, (float(cut),)) for cut in cuts if cut < x.max()]
    return every


def reviewed(key: str, days: int) -> Rule:
    """A rule that nobody trained, which found the first release out.

    A value that begins late, among accounts that were there before, whose prompts never repeat.

    Parameters
    ----------
    key : str
        One of `keys.KEYS`.
    days : int
        Length of the window.
    """
    as_they_are = ("size", "members active before its first day", "uniqueness of prompts")
    late = Factor("first day", 1, (QUARTER * days,))
    return Rule(key, (*(Factor(name, 1, ()) for name in as_they_are), late))


def search(split: HuntedSplit, key: str, rows: npt.NDArray[np.integer], values: F64) -> list[Rule]:
    """The best rules over a key on one split, the best first: grown factor by factor from the best few.

    Parameters
    ----------
    split : HuntedSplit
        The one whose labels may be read.
    key : str
        One of `keys.KEYS`.
    rows : ndarray of int, shape (holdings,)
        Row of each holding's account, sorted.
    values : ndarray, shape (holdings, statistics)
        In the order of `STATISTICS`.
    """
    every = factors(values)
    if not every or not split.tiers:
        return []
    looked, weight = _looked_at(split, rows)
    inside = looked[rows]
    held, starts = np.unique(rows[inside], return_index=True)
    if not len(held):
        return []
    shown = np.asfortranarray(values[inside])  # factors read column by column
    table = np.column_stack([f.of(shown) for f in every])
    classes = _classes(split)
    without = looked.copy()
    without[held] = False
    missing = np.bincount(classes[without], minlength=len(split.tiers) + 1)
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    best: dict[tuple[int, ...], float] = {}
    for _ in range(DEPTH):
        grown: dict[tuple[int, ...], float] = {}
        for _, chosen in beam:
            product = table[:, chosen].prod(axis=1) if chosen else np.ones(len(table), np.float32)
            worst = np.maximum.reduceat(product[:, None] * table, starts, axis=0)
            for i, ap in enumerate(_mean_aps(worst, classes[held], missing, weight)):
                if i not in chosen:
                    grown[tuple(sorted((*chosen, i)))] = float(ap)
        ranked = sorted(grown.items(), key=lambda item: (-item[1], item[0]))
        beam = [(ap, chosen) for chosen, ap in ranked[:BEAM]]
        best |= dict(ranked[:BEAM])
    ranked = sorted(best.items(), key=lambda item: (-item[1], len(item[0]), item[0]))
    return [Rule(key, tuple(every[i] for i in chosen)) for chosen, _ in ranked]


def _looked_at(split: HuntedSplit, rows: npt.NDArray[np.integer]) -> tuple[Mask, int]:
    """Accounts that the search looks at, and how many benign accounts each benign one stands for."""
    weight = max(1, round(len(rows) / _HOLDINGS))
    looked = split.labelled.extraction.copy()
    looked[np.flatnonzero(split.labelled.benign)[::weight]] = True
    return looked, weight


def _classes(split: HuntedSplit) -> I64:
    """0 for benign accounts, and the number of the tier from 1."""
    number = np.zeros(len(split.labelled.extraction), np.int64)
    for i, mask in enumerate(split.tiers.values(), 1):
        number[mask] = i
    return number


def _mean_aps(worst: F32, classes: I64, missing: I64, weight: int) -> F64:
    """AP of each column of scores from 0 to 1, mean over tiers, from histograms of `_BINS` steps."""
    k = worst.shape[1]
    code = (worst * (_BINS - 1)).astype(np.int64) + _BINS * np.arange(k)
    counts = [
        np.bincount(code[classes == c].ravel(), minlength=_BINS * k).reshape(k, _BINS)[:, ::-1].astype(np.float64)
        for c in range(len(missing))
    ]
    for count, more in zip(counts, missing, strict=True):
        count[:, -1] += more
    benign = weight * np.cumsum(counts[0], axis=1)
    aps = []
    for tier in counts[1:]:
        above = np.cumsum(tier, axis=1)
        aps.append((tier * above / np.maximum(above + benign, 1)).sum(axis=1) / tier.sum(axis=1))
    means: F64 = np.mean(aps, axis=0)
    return means
