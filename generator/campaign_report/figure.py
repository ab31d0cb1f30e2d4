"""A figure of the page, and numbers in words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from generator.arrays import F64, Integers
from generator.campaign_report.selection import Crowd
from generator.campaign_report.svg import SvgPanel


@dataclass(frozen=True)
class Figure:
    """Panels that belong together.

    Attributes
    ----------
    key, title : str
        Anchor on the page, and heading.
    caption : str
        What to look for, with numbers.
    head, rows : tuple of str, list of tuple of str
        Table of the same numbers; the first column names the row.
    panels : list of SvgPanel
        Drawings.
    """

    key: str
    title: str
    caption: str
    head: tuple[str, ...] = ()
    panels: list[SvgPanel] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)


def account_count(crowd: Crowd) -> str:
    """How many accounts, and of how many where not all are drawn.

    Parameters
    ----------
    crowd : Crowd
        Any.
    """
    n = len(crowd.accounts)
    return f"{n:,} accounts" if n == crowd.of else f"{n:,} of {crowd.of:,} accounts, drawn at random,"


def percent(share: float | None) -> str:
    """Share as a percentage.

    Parameters
    ----------
    share : float or None
        0 to 1; None: of nothing, shown as 0.

    Examples
    --------
    >>> percent(0.125)
    '12.5%'
    """
    return f"{share or 0:.1%}"


def number(value: float) -> str:
    """A number with three figures, or whole.

    Parameters
    ----------
    value : float
        NaN is shown as "-".

    Examples
    --------
    >>> number(3.14159), number(1234.5), number(float("nan"))
    ('3.14', '1,234', '-')
    """
    if np.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def median(values: Integers | F64) -> str:
    """Median in words.

    Parameters
    ----------
    values : ndarray, shape (values,)
        Numbers; "-" if there are none.
    """
    return number(float(np.median(values))) if len(values) else "-"


def quartiles(values: F64) -> str:
    """Lower to upper quartile in words.

    Parameters
    ----------
    values : ndarray of float64, shape (values,)
        Numbers; "-" if there are none.
    """
    return " to ".join(number(float(x)) for x in np.quantile(values, (0.25, 0.75))) if len(values) else "-"
