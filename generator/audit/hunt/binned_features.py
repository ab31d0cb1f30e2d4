"""Single features that tell by their middle, or by two ends: bins learnt on one split, judged on the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generator.arrays import F32, I64
from generator.audit.base import verdicts
from generator.audit.base.gate import Gate
from generator.audit.hunt.account_features import AccountFeatures
from generator.audit.shortcuts import single_column

_QUANTILES = tuple(np.linspace(0, 1, 21)[1:-1].tolist())
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
    prevalences = [float(other.split.labelled.hidden[other.judged].mean()) for other in others]
    values: dict[str, dict[str, float]] = {}
    for k, name in enumerate(first.names):
        x = first.values[first.judged, k]
        known = x[~np.isnan(x)]
        if not len(known) or known.min() == known.max():
            continue
        edges = np.unique(np.quantile(known, _QUANTILES, method="nearest"))
        code = _codes(x, edges)
        sizes = np.bincount(code, minlength=len(edges) + 2)
        rate = (np.bincount(code, hidden, len(edges) + 2) + _PRIOR * hidden.mean()) / (sizes + _PRIOR)
        values[name] = {
            other.split.name: other.split.hidden_ap(rate[_codes(other.values[:, k], edges)]) / prevalence
            for other, prevalence in zip(others, prevalences, strict=True)
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
