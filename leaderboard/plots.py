"""Plots of a scorecard, as SVG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure  # the object interface: pyplot keeps global state

from leaderboard.scorecard import CONFOUNDER_FPR, RECALLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from leaderboard.scorecard import Scorecard


def precision_recall(card: Scorecard, path: Path) -> None:
    """Precision over recall for each tier, with the chance level of each."""
    figure, axes = _axes("Precision and recall per tier", "recall", "precision")
    for tier, precision in card.precision.items():
        ap = card.tiers[tier]["ap"]
        (line,) = axes.plot(RECALLS, precision, label=f"{tier}, AP {ap.value:.3f}")
        axes.axhline(ap.chance, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(title="dotted: chance")
    figure.savefig(path)


def false_positives(card: Scorecard, path: Path) -> None:
    """Share of each benign archetype flagged where 1 % of all benign accounts are."""
    names = sorted(card.false_positives, key=lambda a: card.false_positives[a])
    figure, axes = _axes(
        f"False positives at an overall rate of {CONFOUNDER_FPR:.0%}", "share of accounts flagged", "archetype"
    )
    axes.barh(names, [card.false_positives[a] for a in names])
    axes.axvline(CONFOUNDER_FPR, color="black", linestyle="--")
    figure.savefig(path)


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes
