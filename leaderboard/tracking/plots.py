"""Plots of a scorecard, as SVG files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure  # the object interface: pyplot keeps global state

from leaderboard.metrics.harm import COLLECTING_USD, REBUILDING_USD, REPORTED_TOKENS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from leaderboard.records.scorecard import Line, Scorecard, Value


@dataclass(frozen=True)
class PlotPanel:
    """How the lines of a panel are drawn: title, names of the axes, and what to set on them."""

    title: str
    x: str
    y: str
    options: dict[str, Any] = field(default_factory=dict)


PANELS = {
    "precision_recall": PlotPanel(
        "Precision and recall", "recall", "precision", {"xlim": (0, 1), "ylim": (0, 1.02)}
    ),
    "recall": PlotPanel(
        "Recall against the budget",
        "share of benign accounts flagged",
        "recall",
        {"xscale": "log", "ylim": (0, 1.02)},
    ),
    "prevented": PlotPanel(
        "Extraction tokens prevented",
        "share of benign accounts ever alerted about",
        "share prevented, mean over campaigns",
        {"xscale": "log", "ylim": (0, 1.02)},
    ),
    "collected": PlotPanel("Tokens collected by all campaigns", "day", "tokens of output, from the first day on"),
    "student_value": PlotPanel(
        "Value of what was collected (assumed)",
        "tokens of output",
        "share of the model's worth",
        {"xscale": "log", "ylim": (0, 1.02)},
    ),
    "cost": PlotPanel("Cost of a threshold", "accounts flagged", "USD", {"xscale": "log"}),
    "innocents": PlotPanel("Innocents hit", "campaigns stopped", "benign accounts reviewed", {"yscale": "symlog"}),
    "queue_precision": PlotPanel(
        "Precision of a review budget",
        "reviews a day",
        "extraction accounts among the reviewed",
        {"xscale": "log", "ylim": (0, 1.02)},
    ),
    "reliability": PlotPanel(
        "Reliability", "probability said", "extraction accounts found", {"xlim": (0, 1), "ylim": (0, 1.02)}
    ),
}


def write(card: Scorecard, folder: Path) -> list[Path]:
    """Draw all panels of a scorecard into a folder.

    Parameters
    ----------
    card : Scorecard
        What is drawn.
    folder : Path
        Which exists.
    """
    drawn = curves(card.curves, card.tables, folder)
    if card.false_positives:
        false_positives(card, folder / "false_positives.svg")
        drawn.append(folder / "false_positives.svg")
    return drawn


def curves(
    panels: Mapping[str, Mapping[str, Line]], tables: Mapping[str, Mapping[str, Value]], folder: Path
) -> list[Path]:
    """Draw lines, one file per panel.

    Parameters
    ----------
    panels : mapping of str to mapping of str to (x, y)
        Lines by panel of `PANELS` and name.
    tables : mapping of str to mapping of str to Value
        Metrics by name of a line, where it has some.
    folder : Path
        Which exists.
    """
    drawn = []
    for name, lines in panels.items():
        panel, path = PANELS[name], folder / f"{name}.svg"
        figure, axes = _axes(panel.title, panel.x, panel.y)
        for label, (x, y) in lines.items():
            (line,) = axes.plot(x, y, label=label, marker="." if len(x) < 20 else None)
            table = tables.get(label, {})
            if name == "precision_recall" and "ap" in table:
                line.set_label(f"{label}, AP {table['ap'].value:.3f}")
                axes.axhline(table["ap"].chance, color=line.get_color(), linestyle=":", linewidth=1)
        axes.set(**panel.options)
        if name == "student_value":
            _gap(axes)
        axes.legend(title="dotted: chance" if name == "precision_recall" else None)
        figure.savefig(path)
        drawn.append(path)
    return drawn


def false_positives(card: Scorecard, path: Path) -> None:
    """Share of each benign archetype flagged at the task's budget of false alarms.

    Parameters
    ----------
    card : Scorecard
        What is drawn.
    path : Path
        SVG file to write.
    """
    values = sorted(card.false_positives.items(), key=lambda item: item[1].value)
    budget = values[0][1].chance
    figure, axes = _axes(f"False positives at an overall rate of {budget:.1%}", "share of accounts", "archetype")
    share = [v.value for _, v in values]
    spread = [
        [max(v.value - v.low, 0) for _, v in values],
        [max(v.high - v.value, 0) for _, v in values],
    ]
    axes.barh([name for name, _ in values], share, xerr=spread, error_kw={"linewidth": 1})
    axes.axvline(budget, color="black", linestyle="--")
    figure.savefig(path)


def _gap(axes: Axes) -> None:
    """The list price above, and the reported 20 to 100-fold gap between collecting and training anew."""
    axes.secondary_xaxis("top", functions=(_list_price, _tokens)).set_xlabel(
        "list price at 15 USD per million, USD"
    )
    least, most = (REBUILDING_USD[i] / COLLECTING_USD[1 - i] for i in (0, 1))
    collecting, rebuilding = (
        "{:.0f}-{:.0f} M USD".format(*np.divide(usd, 1e6)) for usd in (COLLECTING_USD, REBUILDING_USD)
    )
    label = (
        f"reported: {REPORTED_TOKENS:.0e} tokens for {collecting}\n"
        f"all in, {rebuilding} to train anew ({least:.0f}-{most:.0f} times)"
    )
    axes.axvline(REPORTED_TOKENS, color="black", linestyle="--", linewidth=1, label=label)


def _list_price(tokens: Any) -> Any:
    return tokens * 15e-6


def _tokens(usd: Any) -> Any:
    return usd / 15e-6


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes
