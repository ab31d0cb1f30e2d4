"""Single features that tell by their middle, or by two ends: bins learnt on one split, judged on the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generator.arrays import F32, F64, I64, Mask
from generator.audit.base import rank_statistics, verdicts
from generator.audit.base.gate import Gate
from generator.audit.hunt.account_features import AccountFeatures
from generator.audit.shortcuts import single_column

_QUANTILES = tuple(np.linspace(0, 1, 21)[1:-1].tolist())
_AT_ONCE = 64  # features
_PRIOR = 10.0
"""Accounts' worth of the mean rate that each bin starts with (a)."""


def lifts(described: Sequence[AccountFeatures]) -> dict[str, dict[str, float]]:
    """Average precision over prevalence of each binned feature, by judged split.

    Parameters
    ----------
    described : sequence of AccountFeatures
        Of every split.
    """
    first, *others = described
    others = [other for other in others if other.split.labelled.hidden.any()]
    if not first.split.labelled.hidden.any():
        return {}
    hidden = first.split.labelled.hidden[first.judged]
    positives = [other.split.labelled.hidden[other.judged] for other in others]
    prevalences = [float(positive.mean()) for positive in positives]
    values: dict[str, dict[str, float]] = {}
    for k, name in enumerate(first.names):
        if k % _AT_ONCE == 0:  # of each split, columns that lie in one piece
            looked = [np.asfortranarray(d.values[d.judged, k : k + _AT_ONCE]) for d in (first, *others)]
        x, *elsewhere = (columns[:, k % _AT_ONCE] for columns in looked)
        known = x[~np.isnan(x)]
        if not len(known) or known.min() == known.max():
            continue
        edges = np.unique(np.quantile(known, _QUANTILES, method="nearest"))
        sizes, found = _counted(_codes(x, edges), hidden, len(edges) + 2)
        rate = (found + _PRIOR * hidden.mean()) / (sizes + _PRIOR)
        values[name] = {
            other.split.name: _ap(rate, *_counted(_codes(y, edges), positive, len(rate))) / prevalence
            for other, y, positive, prevalence in zip(others, elsewhere, positives, prevalences, strict=True)
        }
    return values


def gate(values: dict[str, dict[str, float]]) -> Gate:
    """The best binned feature.

    Parameters
    ----------
    values : dict of str to dict of str to float
        As `lifts` gives them.
    """
    name = f"best of {len(values)} binned features of an account, evasive and adaptive: AP / prevalence"
    remedy = "draw that habit from the benign population, its middle and both ends"
    return verdicts.tolerance(name, values, single_column.LIFT, remedy)


def _codes(x: F32, edges: F32) -> I64:
    """Number of the bin; 0 for NaN."""
    codes: I64 = np.where(np.isnan(x), 0, 1 + np.searchsorted(edges, x, side="left"))
    return codes


def _counted(code: I64, positive: Mask, bins: int) -> tuple[I64, I64]:
    """Accounts of each bin, and positives among them."""
    return np.bincount(code, minlength=bins), np.bincount(code[positive], minlength=bins)


def _ap(rate: F64, sizes: I64, found: I64) -> float:
    """Average precision of accounts that are scored by the rate of their bin."""
    met = sizes > 0
    block = np.unique(-rate[met], return_inverse=True)[1]
    p, every = (np.bincount(block, counts[met]).astype(np.float64) for counts in (found, sizes))
    return rank_statistics.average_precision(p, every - p)
