"""Coordinates of inline SVG: intervals, curves and bars, without a style or a script inside."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 384, 56, 68


def x(value: float) -> float:
    """Place of a share on the horizontal axis of a chart.

    Parameters
    ----------
    value : float
        0 to 1; beyond, it is cut.
    """
    return round(LEFT + max(0.0, min(1.0, value)) * (WIDTH - LEFT - 12), 1)


def y(value: float) -> float:
    """Place of a share on the vertical axis of a chart.

    Parameters
    ----------
    value : float
        0 to 1; beyond, it is cut.
    """
    return round(HEIGHT - BOTTOM - max(0.0, min(1.0, value)) * (HEIGHT - BOTTOM - 12), 1)


def curve(line: tuple[Sequence[float], Sequence[float]]) -> str:
    """Path of a line: precisions over recalls, drawn on to recall 0.

    Parameters
    ----------
    line : (recalls, precisions)
        Of the same length.
    """
    points = [(x(recall), y(precision)) for recall, precision in zip(*line, strict=True)]
    start = [(x(0), points[0][1])] if points else []
    return "M" + "L".join(f"{px} {py}" for px, py in start + points)


def percent(value: float, top: float = 1.0) -> float:
    """A value as a percentage of `top`, within 0 to 100.

    Parameters
    ----------
    value, top : float
        Of the same unit.
    """
    return round(100 * max(0.0, min(1.0, value / top if top else 0.0)), 2)
