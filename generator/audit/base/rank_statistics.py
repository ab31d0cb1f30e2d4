"""Measures of a ranking, quick enough for a thousand columns, and how far chance alone moves them.

Ties are one block, entered at once: a constant gets exactly chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F64, I64, Mask
from generator.audit.base.gate import Gate

FLOOR = 0.02
SURE = 0.99
"""Chance that no look at a clean world leaves its allowance: all looks of all rows taken together."""


def blocks(positive: Mask, score: npt.NDArray[Any]) -> tuple[F64, F64, bool]:
    """Positives and negatives per distinct score, lowest first; NaN, if there is one, is the last block."""
    order = np.argsort(score, kind="stable")  # NaN last
    ordered = score[order]
    missing = int(np.isnan(ordered).sum()) if ordered.dtype.kind == "f" else 0
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if missing:
        starts = starts[starts <= len(ordered) - missing]
    p = np.add.reduceat(positive[order].astype(np.float64), starts)
    return p, np.diff(np.r_[starts, len(ordered)]) - p, missing > 0


def average_precision(p: F64, n: F64) -> float:
    """From positives and negatives per block, best first; equals scikit-learn's."""
    above = np.cumsum(p)
    return float((p / p.sum() * above / np.maximum(above + np.cumsum(n), 1e-300)).sum())


def lifts(p: F64, n: F64, missing: bool) -> tuple[float, float]:
    """AP over prevalence of "higher is worse" and of "lower is worse"; NaN comes last both ways."""
    prevalence = p.sum() / (p.sum() + n.sum())
    last = slice(len(p) - 1, None) if missing else slice(len(p), None)
    rest = slice(0, len(p) - 1) if missing else slice(0, None)
    both = []
    for step in (-1, 1):
        q, m = (np.r_[x[rest][::step], x[last]] for x in (p, n))
        both.append(average_precision(q, m) / prevalence)
    return both[0], both[1]


def recall(positive: Mask, score: npt.NDArray[Any], fpr: float) -> float:
    """Share of positives above the threshold that a share `fpr` of the negatives passes; linear inside a block."""
    p, n, _ = blocks(positive, score)
    p, n = np.r_[0, np.cumsum(p[::-1])], np.r_[0, np.cumsum(n[::-1])]
    at = n[-1] * fpr
    last = int((n <= at).sum()) - 1
    if last == len(n) - 1:
        return 1.0
    share = (at - n[last]) / (n[last + 1] - n[last])
    return float((p[last] + share * (p[last + 1] - p[last])) / p[-1])


@dataclass(frozen=True)
class Look:
    """One look at a column that must not tell: distance of its ROC AUC from one half, and what chance does.

    Attributes
    ----------
    name : str
        Column and split.
    off : float
        |AUC - 0.5|.
    spread : float
        Standard deviation of the AUC if the label were dealt out to the units (or cohorts) at random.
    """

    name: str
    off: float
    spread: float

    def allowed(self, looks: int, floor: float = FLOOR) -> float:
        """The floor, or what chance alone does in this many looks."""
        return max(floor, NormalDist().inv_cdf(1 - (1 - SURE) / (2 * looks)) * self.spread)


def look(name: str, positive: Mask, score: npt.NDArray[Any], cohort: I64 | None = None) -> Look | None:
    """Look at a column; rows with NaN are left out, and None comes back where one class is missing then.

    Parameters
    ----------
    cohort : ndarray of int, optional
        Members of a cohort may be alike: their correlation, measured inside the classes, widens the spread.
    """
    known = ~np.isnan(score)
    y, group = positive[known], None if cohort is None else cohort[known]
    if y.all() or not y.any():
        return None
    u = _mid_ranks(score[known])
    off = abs(float(u[y].mean() - u[~y].mean())) / len(u)
    u = (u - u.mean()) / len(u)
    variance = float((u**2).mean())
    spread = 0.0
    for side in (y, ~y):
        spread += variance * _design(u[side], None if group is None else group[side]) / side.sum()
    return Look(name, off, float(np.sqrt(spread)))


def look_at_share(name: str, ones: tuple[int, int], counts: tuple[int, int]) -> Look | None:
    """Look at a binary column of independent units: ones and units among positives and among negatives."""
    if not all(counts):
        return None
    share = sum(ones) / sum(counts)
    spread = 0.5 * np.sqrt(share * (1 - share) * (1 / counts[0] + 1 / counts[1]))
    return Look(name, abs(ones[0] / counts[0] - ones[1] / counts[1]) / 2, float(spread))


def look_at_counts(name: str, counts: F64, positive: Mask, repeats: Sequence[float] = (1, 1)) -> Look | None:
    """Look at rows that were counted.

    Parameters
    ----------
    counts : ndarray, shape (groups, codes)
        Rows per group (of one class each) and value; rows of a group may be alike.
    positive : ndarray of bool, shape (groups,)
        Class of each group.
    repeats : pair of float
        How many rows of positives and of negatives one draw stands for: where a group sends one value over and
        over, its code was drawn once.
    """
    total = counts.sum(axis=0)
    n = total.sum()
    u = (np.cumsum(total) - total / 2) / max(n, 1)
    means, spread = [], 0.0
    for side, repeated in zip((positive, ~positive), repeats, strict=True):
        inside = counts[side]
        size = inside.sum()
        if size == 0:
            return None
        mean = (inside @ u).sum() / size
        square = float((inside @ (u - mean) ** 2).sum())
        sums = inside @ (u - mean)
        rows = inside.sum(axis=1)
        pairs = float((rows * (rows - 1)).sum())
        alike = 0.0 if square <= 0 or pairs <= 0 else ((sums**2).sum() - square) / pairs / (square / size)
        means.append(mean)
        # One group that rules its class is its own mean: how alike its rows are shows in what it repeats alone.
        spread += max(1 + min(1.0, max(0.0, alike)) * pairs / size, repeated) / size
    variance = float(total @ (u - 0.5) ** 2) / n
    return Look(name, abs(float(means[0] - means[1])), float(np.sqrt(variance * spread)))


def verdict(name: str, looks: Iterable[Look | None], total: int, remedy: str, floor: float = FLOOR) -> Gate:
    """The look that goes furthest beyond its allowance.

    Parameters
    ----------
    total : int
        Looks of all rows of the audit that share one promise (see `SURE`).
    floor : float
        Allowed in any case.
    """
    found = sorted((x for x in looks if x), key=lambda x: -x.off / x.allowed(total, floor))
    if not found:
        return Gate(name, 0.0, "nothing to look at", True, remedy)
    worst = found[0]
    allowed = worst.allowed(total, floor)
    return Gate(name, worst.off, f"<= {allowed:.3f}", worst.off <= allowed, remedy, tell(found))


def tell(found: Sequence[Look]) -> str:
    """The worst three of some looks."""
    return f"{len(found)} looks: " + ", ".join(f"{x.name} {x.off:.3f}" for x in found[:3])


def _mid_ranks(score: npt.NDArray[Any]) -> F64:
    _, back, counts = np.unique(score, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[back]


def _design(u: F64, group: I64 | None) -> float:
    """How many times the variance of a mean grows because members of a group are alike (Kish's design effect)."""
    if group is None or len(u) < 2:
        return 1.0
    _, back, sizes = np.unique(group, return_inverse=True, return_counts=True)
    d = u - u.mean()
    total = float((d**2).mean())
    pairs = float((sizes * (sizes - 1)).sum())
    if total <= 0 or pairs == 0:
        return 1.0
    inside = float((np.bincount(back, d) ** 2).sum() - (d**2).sum())
    alike = min(1.0, max(0.0, inside / pairs / total))
    return 1 + alike * pairs / len(u)
