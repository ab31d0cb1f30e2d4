"""CatchSync: accounts whose resources are too much alike, and unlike everybody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.graph import shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_LINKS = ("payment", "signup", "prefix", "device", "template", "tools", "prompt", "conversation")
_STEPS = 30  # power iterations (a)
_FAINT = 1e-9  # authority, as a share of the highest, below which all is in one cell (a)


@dataclass
class CatchSync(detector.Detector):
    """How far an account's synchronicity lies above the least that its normality allows.

    As in the paper, targets are put into cells of a grid by in-degree and authority (HITS); an account's
    synchronicity is the chance that two of its targets fall into the same cell, its normality that one of its own
    and one of everybody's do; for each normality there is a least synchronicity, a parabola, and what lies far
    above it is both synchronised and rare. What this setting changes: targets are values that accounts share
    (payment, address, device, system prompt, tools, prompt, conversation) in place of followees; an account
    with very few targets, in step with itself by definition, is left out; the score is the distance in standard
    deviations, where the paper cuts at three.

    Near chance on nano, as what members share is no more alike or rare than what others do: of 74 overt accounts
    with three targets or more none lies above three standard deviations, and 23 benign ones do (seeds 7 and 11,
    train and validation).

    Parameters
    ----------
    cells : int
        Cells of the grid, for each of the two features, equally wide in their logarithms (a).
    targets : int
        Accounts with fewer targets have score 0.
    """

    name: ClassVar[str] = "catchsync"
    description: ClassVar[str] = "shared values that are alike and rare: synchronicity beyond normality"
    source: ClassVar[str] = "Jiang et al., CatchSync, KDD 2014; Kleinberg, HITS, JACM 46, 1999"
    fields: ClassVar[tuple[str, ...]] = shared_keys.fields_of(_LINKS)
    ranges: ClassVar[search_space.Ranges] = {
        "cells": search_space.SearchRange(4, 60, log=True),
        "targets": search_space.SearchRange(1, 10, log=True),
    }

    cells: int = 20
    targets: int = 3

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Synchronicity beyond the least possible, in standard deviations over accounts; 0 for few targets."""
        world = shared_keys.read_keys(split, _LINKS)
        a = sparse.csr_array(sparse.hstack(list(world.incidences.values())))
        return shared_keys.score_frame(world.ids, outlyingness(a, target_cells(a, self.cells), self.targets))


def target_cells(a: sparse.csr_array, cells: int) -> I64:
    """Cell of each target in the plane of in-degree and authority.

    Parameters
    ----------
    a : scipy.sparse.csr_array, shape (accounts, targets)
        1 where an account holds a target.
    cells : int
        Cells per feature.

    Returns
    -------
    ndarray of int64, shape (targets,)
        Numbered from 0, empty cells left out.

    References
    ----------
    Kleinberg, "Authoritative sources in a hyperlinked environment", Journal of the ACM 46, 1999.
    """
    degree, authority = np.asarray(a.sum(axis=0), np.float64), np.ones(a.shape[1])
    turned = sparse.csr_array(a.T)
    for _ in range(_STEPS):
        authority = turned @ (a @ authority)
        authority = authority / max(float(authority.max(initial=0)), 1.0e-300)
    both = _steps(degree, cells) * cells + _steps(authority, cells)
    cell: I64 = np.unique(both, return_inverse=True)[1].astype(np.int64)
    return cell


def _steps(values: F64, cells: int) -> I64:
    """Number of each value's interval, of equal widths in logarithms."""
    # Rounded: sums in another order differ in the last bits, and must not cross a border.
    logs = np.round(np.log(np.maximum(values, _FAINT)), 6)
    low, high = logs.min(initial=np.inf), logs.max(initial=-np.inf)
    if not high > low:
        return np.zeros(len(values), np.int64)
    step: I64 = np.minimum((logs - low) / (high - low) * cells, cells - 1).astype(np.int64)
    return step


def outlyingness(a: sparse.csr_array, cell: I64, least: int) -> F64:
    """Distance of each account's synchronicity from the least that its normality allows.

    Parameters
    ----------
    a : scipy.sparse.csr_array, shape (accounts, targets)
        1 where an account holds a target.
    cell : ndarray of int64, shape (targets,)
        As `target_cells` returns it.
    least : int
        Targets below which an account is left out.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        In standard deviations above the mean; 0 for those left out.
    """
    score, degree = np.zeros(a.shape[0]), a.sum(axis=1)
    kept = np.flatnonzero(degree >= least)
    if not len(kept):
        return score
    everybody = np.bincount(cell) / len(cell)
    member = sparse.csr_array(
        (np.ones(len(cell)), (np.arange(len(cell)), cell)), shape=(len(cell), len(everybody))
    )
    own = sparse.csr_array(sparse.diags_array(1 / degree[kept]) @ (a[kept] @ member))
    synchronicity, normality = own.power(2).sum(axis=1), own @ everybody
    beyond = np.round(synchronicity - least_synchronicity(normality, everybody), 9)
    score[kept] = (beyond - beyond.mean()) / max(float(beyond.std()), 1e-9)
    return score


def least_synchronicity(normality: F64, background: F64) -> F64:
    """Least synchronicity that an account of some normality can have: theorem 1 of the paper, a parabola.

    Parameters
    ----------
    normality : ndarray of float64, shape (accounts,)
        From 0 to 1.
    background : ndarray of float64, shape (cells,)
        Share of all targets in each cell.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        From 1 / cells on.

    Examples
    --------
    >>> least_synchronicity(np.array([0.5, 0.625]), np.array([0.75, 0.25]))
    array([0.5  , 0.625])
    """
    cells, spread = len(background), float((background**2).sum())
    slack = cells * spread - 1
    if slack < 1e-9:  # equal cells: every account is as normal as the next
        return np.full(len(normality), 1 / cells)
    return np.asarray((cells * normality**2 - 2 * normality + spread) / slack, np.float64)
