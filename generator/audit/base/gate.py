"""One row of the audit: what was measured, against which bound, and what to do when it fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes
    ----------
    name : str
        What was measured.
    value : float
        The worst that was found.
    bound : str
        What is allowed.
    passed : bool
        Verdict.
    remedy : str
        What to do when it fails.
    where : str
        Which column, split or archetype the value comes from, and runners-up.
    """

    name: str
    value: float
    bound: str
    passed: bool
    remedy: str
    where: str = ""


def at_most(name: str, value: float, limit: float, remedy: str, where: str = "") -> Gate:
    """Gate that fails above a limit, and where nothing could be measured (NaN)."""
    return Gate(name, float(value), f"<= {limit:.4g}", bool(value <= limit), remedy, where)


def at_least(name: str, value: float, limit: float, remedy: str, where: str = "") -> Gate:
    """Gate that fails below a limit, and where nothing could be measured (NaN)."""
    return Gate(name, float(value), f">= {limit:.4g}", bool(value >= limit), remedy, where)


def between(name: str, value: float, low: float, high: float, remedy: str, where: str = "") -> Gate:
    """Gate that fails outside of a range."""
    return Gate(name, float(value), f"{low:.4g} .. {high:.4g}", bool(low <= value <= high), remedy, where)
