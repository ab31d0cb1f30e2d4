"""Plots of a scorecard, as SVG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure  # the object interface: pyplot keeps global state

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from leaderboard.scorecard import Scorecard


def tiers(card: Scorecard, path: Path) -> None:
    """Average precision and recall per tier, with intervals and chance."""
    names = list(card.tiers)
    shown = [m for m in ("ap", "recall_fpr_1e-2", "recall_fpr_1e-3") if m in card.tiers["overall"]]
    figure, axes = _axes(f"Per tier, worst: {card.worst_tier}", "value")
    width = 0.8 / len(shown)
    for i, metric in enumerate(shown):
        values = [card.tiers[t][metric] for t in names]
        spread = [[max(0, v.value - v.low) for v in values], [max(0, v.high - v.value) for v in values]]
        at = [k + i * width for k in range(len(names))]
        axes.bar(at, [v.value for v in values], width, yerr=spread, capsize=3, label=metric)
        axes.scatter(at, [v.chance for v in values], marker="_", color="black", zorder=3)
    axes.set_xticks([k + width for k in range(len(names))], names)
    axes.set_ylim(0, 1)
    axes.legend(title="black mark: chance")
    figure.savefig(path)


def false_positives(card: Scorecard, path: Path) -> None:
    """Share of each benign archetype flagged where 1 % of all benign accounts are."""
    names = sorted(card.false_positives, key=lambda a: card.false_positives[a])
    figure, axes = _axes("False positives at an overall rate of 1 %", "archetype")
    axes.barh(names, [card.false_positives[a] for a in names])
    axes.axvline(0.01, color="black", linestyle="--")
    figure.savefig(path)


def _axes(title: str, label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Axes = figure.subplots()
    axes.set_title(title)
    axes.set_ylabel(label)
    return figure, axes
