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
        The worst that was measured.
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
    """Gate that fails above a limit, and where nothing could be measured (NaN).

    Parameters
    ----------
    name, remedy, where : str
        See `Gate`.
    value : float
        The worst that was measured.
    limit : float
        The most that is allowed, in the unit of the value.

    Examples
    --------
    >>> at_most("recall", 0.2, 0.15, "match the habit").passed
    False
    """
    return Gate(name, float(value), f"<= {limit:.4g}", bool(value <= limit), remedy, where)


def at_least(name: str, value: float, limit: float, remedy: str, where: str = "") -> Gate:
    """Gate that fails below a limit, and where nothing could be measured (NaN).

    Parameters
    ----------
    name, remedy, where : str
        See `Gate`.
    value : float
        The worst that was measured.
    limit : float
        The least that is allowed, in the unit of the value.
    """
    return Gate(name, float(value), f">= {limit:.4g}", bool(value >= limit), remedy, where)
