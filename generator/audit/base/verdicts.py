"""The verdict on many comparisons that must not tell: how far chance alone moves the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import NormalDist

from generator.audit.base.gate import Gate
from generator.audit.base.two_sample import Comparison

FLOOR = 0.02
"""Deviation of the ROC AUC from one half that is allowed in any case (a)."""
CONFIDENCE = 0.99
"""Chance that no comparison of a clean dataset leaves its allowance: all of all gates taken together (a)."""


def allowance(comparison: Comparison, total: int, floor: float = FLOOR) -> float:
    """The floor, or what chance alone does in so many comparisons (Bonferroni).

    Parameters
    ----------
    comparison : Comparison
        Any.
    total : int
        Comparisons that share the confidence.
    floor : float
        Allowed in any case.
    """
    quantile = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * total))
    return max(floor, quantile * comparison.standard_error)


def verdict(
    name: str, comparisons: Iterable[Comparison | None], total: int, remedy: str, floor: float = FLOOR
) -> Gate:
    """Judge the comparison that goes furthest beyond its allowance.

    Parameters
    ----------
    name, remedy : str
        See `Gate`.
    comparisons : iterable of Comparison or None
        None: nothing to compare there.
    total : int
        Comparisons of all gates that share the confidence.
    floor : float
        Deviation allowed in any case.
    """
    ranked = sorted((c for c in comparisons if c), key=lambda c: -abs(c.deviation) / allowance(c, total, floor))
    if not ranked:
        return Gate(name, 0.0, "nothing to look at", True, remedy)
    worst = abs(ranked[0].deviation)
    allowed = allowance(ranked[0], total, floor)
    return Gate(name, worst, f"<= {allowed:.3f}", worst <= allowed, remedy, summarize(ranked))


def summarize(ranked: Sequence[Comparison]) -> str:
    """Name the worst three.

    Parameters
    ----------
    ranked : sequence of Comparison
        The worst first.
    """
    worst = ", ".join(f"{c.trace} in {c.split} {abs(c.deviation):.3f}" for c in ranked[:3])
    return f"{len(ranked)} looks: {worst}"
