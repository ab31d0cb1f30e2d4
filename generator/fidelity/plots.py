"""Pictures of one comparison: synthetic, reference and peer, law by law."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from generator import files
from generator.arrays import F64
from generator.fidelity import statistics, summaries
from generator.fidelity.report import WITHIN, Report
from generator.fidelity.traces import Log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from generator.fidelity.references import Pair

_COLOURS = {"synthetic": "#d1495b", "reference": "#222222", "peer": "#7a9cc6"}
_GRID = np.linspace(0.005, 0.995, 200)
_POINTS = 500
_SHOWN = 20.0  # ratios beyond are cut

Logs = dict[str, Log]
Tables = dict[str, summaries.Table]


def draw(report: Report, synth: Log, pair: Pair, folder: Path) -> Path:
    """Write KIND-REFERENCE.svg into a folder.

    Parameters
    ----------
    report : Report
        What was measured.
    synth : Log
        The synthetic side.
    pair : Pair
        The real side.
    folder : Path
        Made if it is not there.

    Returns
    -------
    Path
        The file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    logs = {"synthetic": synth, "reference": pair.reference} | ({"peer": pair.peer} if pair.peer else {})
    panels: list[tuple[str, Callable[[Axes], None]]] = [
        ("input tokens: quantiles", lambda ax: _quantiles(ax, {k: x.input for k, x in logs.items()})),
        ("output tokens: quantiles", lambda ax: _quantiles(ax, {k: x.output for k, x in logs.items()})),
        (_gap_title(report), lambda ax: _survival(ax, logs, report.plan.accounts)),
        ("share of requests by hour", lambda ax: _hours(ax, logs)),
    ]
    if report.plan.accounts:
        tables = {k: summaries.table(log) for k, log in logs.items()}
        panels += [
            ("accounts: mean log tokens", lambda ax: _scatter(ax, tables)),
            ("accounts: SD of log input", lambda ax: _ecdf(ax, tables, "inp_sd")),
            ("accounts: SD of log output", lambda ax: _ecdf(ax, tables, "out_sd")),
            ("accounts: CV of gaps", lambda ax: _ecdf(ax, tables, "gap_cv", log=True)),
        ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{report.kind or 'log'}-{report.reference}.svg"
    with mpl.rc_context({"svg.hashsalt": "siphonbench", "font.size": 8}):
        rows = len(panels) // 4
        figure = plt.figure(figsize=(14, 3 * rows + 0.2 * len(report.metrics) + 1), layout="constrained")
        heights = [3.0] * rows + [0.2 * len(report.metrics) + 1]
        grid = figure.add_gridspec(rows + 1, 4, height_ratios=heights)
        for at, (title, panel) in enumerate(panels):
            axes = figure.add_subplot(grid[at // 4, at % 4])
            panel(axes)
            axes.set_title(title)
        figure.axes[0].legend()
        _ratios(figure.add_subplot(grid[rows, :]), report)
        figure.suptitle(f"{report.kind} against {report.reference} ({report.note})")
        with files.atomic_file(file) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})
        plt.close(figure)
    return file


def _gap_title(report: Report) -> str:
    return "gaps of an account, in its medians" if report.plan.accounts else "gaps, in medians"


def _quantiles(ax: Axes, sides: dict[str, F64]) -> None:
    for name, x in sides.items():
        ax.plot(np.quantile(x, _GRID) + 1, _GRID, color=_COLOURS[name], label=name)
    ax.set(xscale="log", xlabel="tokens + 1", ylabel="share up to")


def _survival(ax: Axes, logs: Logs, by_account: bool) -> None:
    for name, log in logs.items():
        gaps = _gaps(log) if by_account else np.diff(log.ts) / statistics.median_gap(np.diff(log.ts))
        if len(gaps := gaps[gaps > 0]):
            ax.plot(np.quantile(gaps, _GRID), 1 - _GRID, color=_COLOURS[name])
    ax.set(xscale="log", yscale="log", xlabel="gap / median", ylabel="share beyond")


def _gaps(log: Log) -> F64:
    """Gaps inside accounts, each in medians of its account."""
    rows, key = summaries.by_account(log)
    follows = np.flatnonzero(key[1:] == key[:-1]) + 1
    gap = rows.ts[follows] - rows.ts[follows - 1]
    unit = summaries.Runs(key[follows], int(key[-1]) + 1).median(gap)[key[follows]]
    return gap[unit > 0] / unit[unit > 0]


def _hours(ax: Axes, logs: Logs) -> None:
    for name, log in logs.items():
        if log.has_hours:
            ax.step(np.arange(24), statistics.hours(log.ts), where="mid", color=_COLOURS[name])
    ax.set(xlabel="hour of day", ylabel="share", ylim=(0, None))


def _scatter(ax: Axes, tables: Tables) -> None:
    for name, table in tables.items():
        at = np.linspace(0, len(table["n"]) - 1, min(_POINTS, len(table["n"]))).astype(int)
        ax.plot(table["inp_mu"][at], table["out_mu"][at], ".", ms=3, alpha=0.5, color=_COLOURS[name])
    ax.set(xlabel="mean log input", ylabel="mean log output")


def _ecdf(ax: Axes, tables: Tables, column: str, log: bool = False) -> None:
    for name, table in tables.items():
        x = table[column][~np.isnan(table[column])]
        if len(x):
            ax.ecdf(x, color=_COLOURS[name])
    ax.set(ylabel="share of accounts", **({"xscale": "log"} if log else {}))


def _ratios(ax: Axes, report: Report) -> None:
    names = list(report.metrics)[::-1]
    ratios = np.array([report.metrics[name].ratio_real for name in names])
    colours = [_COLOURS["reference" if r <= 1 else "peer" if r <= WITHIN else "synthetic"] for r in ratios]
    ax.barh(names, np.minimum(ratios, _SHOWN), color=colours)
    for bound in (1, WITHIN):
        ax.axvline(bound, color="grey", lw=0.5)
    ax.set(xlabel=f"distance, in distances of real logs (cut at {_SHOWN:.0f})", xlim=(0, None))
    ax.margins(y=0.01)
