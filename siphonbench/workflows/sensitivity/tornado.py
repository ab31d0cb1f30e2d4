"""The tornado plot: for each of the first detectors a bar for each group, from its low to its high level."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from generator import files
from siphonbench.workflows.sensitivity.summary import FIRST, StudySummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"low": "#0072b2", "high": "#d55e00"}
_ROW, _PANEL = 0.32, 4.2  # inches: height of a bar, width of a panel
_HEIGHT = 0.8  # of a bar, where the next one begins 1 below
_BESIDE = {"low": -0.15, "high": 0.15}  # of its middle: intervals that don't cover each other


def write(summary: StudySummary, file: Path) -> None:
    """Draw the plot into a file; the same study is the same file.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    file : Path
        SVG.
    """
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "siphonbench"}), files.atomic_file(file) as partial:
        draw(summary).savefig(partial, format="svg", metadata={"Date": None})


def draw(summary: StudySummary) -> Figure:
    """Draw a panel for each of the first detectors, each with its groups by the largest change.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    """
    from matplotlib.figure import Figure

    first = summary.order[:FIRST]
    height = 1.4 + _ROW * len(summary.design.groups)
    figure = Figure(figsize=(_PANEL * len(first), height), layout="constrained")
    for axes, detector in zip(figure.subplots(1, len(first), squeeze=False)[0], first, strict=True):
        _panel(axes, summary, detector)
    return figure


def _panel(axes: Axes, summary: StudySummary, detector: str) -> None:
    """Bars of one detector, the longest at the top; a line is the change's 95 % interval."""
    found = {
        group: {end: o.shifts[detector] for end, o in outcomes.items()}
        for group in summary.design.groups
        if (outcomes := summary.of(group))
    }
    ordered = sorted(found, key=lambda g: -max(abs(s.change) for s in found[g].values()))
    for end, colour in _COLOURS.items():
        at = [y for y, group in enumerate(ordered) if end in found[group]]
        changes = [found[ordered[y]][end].change for y in at]
        axes.barh(at, changes, _HEIGHT, color=colour, alpha=0.75, label=f"{end} level")
        for y in at:
            shift = found[ordered[y]][end]
            beside = y + _BESIDE[end]
            axes.plot([shift.low, shift.high], [beside, beside], color=colour, linewidth=1)
    axes.axvline(0, color="#444444", linewidth=0.8)
    axes.set_yticks(range(len(ordered)), ordered, fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel("change of average precision")
    axes.set_title(detector, fontsize=10, parse_math=False)
    axes.legend(fontsize=7, loc="lower right")
