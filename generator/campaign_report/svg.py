"""Panels of a page: Matplotlib drawings as SVG in the ink of the page around it, dark or light."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from generator.arrays import F64
from generator.campaign_report.links import ECHO, Links

# After Okabe and Ito (2008), told apart with any colour vision; each stands out from white and from black.
EXTRACTION, ORDINARY, NEUTRAL, OTHER = "#d55e00", "#2f86c9", "#808080", "#7a68c8"
OURS: dict[str, Any] = {"color": EXTRACTION}
THEIRS: dict[str, Any] = {"color": ORDINARY, "linestyle": "--"}
GROUPS: tuple[dict[str, Any], ...] = (
    {"color": "#009e73", "linestyle": "-."},
    {"color": "#cc79a7", "linestyle": ":"},
    {"color": "#a07800", "linestyle": (0, (6, 1))},
    {"color": "#7a68c8", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
    {"color": "#808080", "linestyle": (0, (1, 1))},
)
KIND_COLOURS = {
    "payment": "#d55e00",
    "prefix": "#2f86c9",
    "device": "#009e73",
    "e-mail domain": "#cc79a7",
    "template": "#808080",
    ECHO: "#a07800",
}
KIND_MARKS = {"payment": "s", "prefix": "^", "device": "D", "e-mail domain": "v", "template": "p", ECHO: "x"}

_INK = "#012345"  # stands for the page's own ink until the SVG is put into it
_STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with a dollar sign is no formula
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "image.interpolation": "none",
    "image.composite_image": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
}
# What Matplotlib writes for a file of its own, and a page with many drawings must not repeat.
_REWRITES = (
    (r"<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>", ""),
    (r"<g id=\"[^\"]*\"", "<g"),
    (r"(<image [^>]*?) id=\"[^\"]*\"", r"\1"),
    (r" transform=\"rotate\(-0 [^\"]*\"", ""),
    (r"\bxlink:href=", "href="),
    (r"font-family: [^;\"]*;? ?", ""),
    (r"(matrix\([^)]*\)|>[^<]+<)|(?<![\w.#])(-?\d+\.\d\d)\d+", r"\1\2"),  # texts and scales keep their digits
    (_INK, "currentColor"),
    (r"\s*\n\s*", "\n"),
)
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
SIZE, WIDE = (4.4, 2.9), (9.0, 2.7)  # inches; the page scales them


@dataclass(frozen=True)
class SvgPanel:
    """One drawing as an SVG element, and whether it takes a whole row of the page."""

    svg: Markup
    wide: bool


@contextmanager
def axes(
    drawn: list[SvgPanel],
    alt: str,
    title: str,
    x: str = "",
    y: str = "",
    size: tuple[float, float] = SIZE,
    wide: bool = False,
) -> Iterator[Axes]:
    """Axes to draw on; when done, the panel is added to `drawn`.

    Parameters
    ----------
    drawn : list of SvgPanel
        Panels of the figure so far.
    alt : str
        What the panel shows, in words, for those who don't see it.
    title, x, y : str
        Title and labels of the axes.
    size : (float, float)
        Inches, unless `wide`.
    """
    style: Any = {**_STYLE, "svg.hashsalt": alt}  # ids of one page must differ, and never by chance
    with mpl.rc_context(style):
        figure = Figure(figsize=WIDE if wide else size, layout="constrained", facecolor="none")
        panel_axes = figure.subplots()
        panel_axes.set_facecolor("none")
        panel_axes.set(title=title, xlabel=x, ylabel=y)
        yield panel_axes
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=_NO_METADATA, dpi=150)
    drawn.append(SvgPanel(_inline(out.getvalue(), alt), wide))


def legend(ax: Axes, columns: int = 3) -> None:
    """Legend below the axes, where it hides nothing.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        To draw on.
    columns : int
        Entries side by side.
    """
    handles, labels = ax.get_legend_handles_labels()
    figure = ax.get_figure()
    assert figure is not None
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handletextpad=0.4)


def plain(*axis: Any) -> None:
    """Short numbers on axes.

    Parameters
    ----------
    *axis : matplotlib.axis.Axis
        Any.
    """
    for one in axis:
        one.set_major_formatter(FuncFormatter(short))


def short(value: float, _: object = None) -> str:
    """Number for an axis.

    Parameters
    ----------
    value : float
        Any.

    Examples
    --------
    >>> [short(x) for x in (0.1, 25, 3000, 2e6)]
    ['0.1', '25', '3k', '2M']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def ticks(high: float) -> list[float]:
    """Round numbers from 0 on.

    Parameters
    ----------
    high : float
        The most.
    """
    return [float(x) for x in MaxNLocator(5).tick_values(0, high) if 0 <= x <= high]


def raster(ax: Axes, every: F64, serving: F64, days: int) -> None:
    """One row per account, time to the right; stronger where more requests fall into a bin.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        To draw on.
    every, serving : ndarray of float64, shape (accounts, columns)
        See `measures.grid`.
    days : int
        Length of the window.
    """
    strength = np.log1p(every) / max(np.log1p(every).max(initial=0), 1e-9)
    image = np.zeros((*every.shape, 4))
    for colour, where in ((ORDINARY, every > 0), (EXTRACTION, serving > 0)):
        image[where, :3] = mpl.colors.to_rgb(colour)
    image[..., 3] = np.where(every > 0, 0.6 + 0.4 * strength, 0)
    thick = max(1, 240 // max(len(every), 1))
    image = np.repeat(image, thick, axis=0)
    if thick > 3:  # a gap between rows, where there is room
        image[::thick, :, 3] = 0
    ax.imshow(np.round(image * 255).astype(np.uint8), aspect="auto", extent=(0, days, len(every), 0))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))


def graph(ax: Axes, links: Links, at: F64) -> None:
    """Accounts as dots, shared things as small marks, a line from each thing to the accounts that share it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        To draw on.
    links : Links
        What is drawn.
    at : ndarray of float64, shape (nodes, 2)
        See `links.layout`.
    """
    for kind, colour in KIND_COLOURS.items():
        things = [(links.accounts + i, held) for i, (k, held) in enumerate(links.things) if k == kind]
        if not things:
            continue
        lines = [np.round(at[[node, a]], 3) for node, held in things for a in held]
        ax.add_collection(LineCollection(lines, colors=colour, linewidths=0.6, alpha=0.6))
        nodes = at[[node for node, _ in things]]
        ax.plot(*nodes.T, KIND_MARKS[kind], color=colour, markersize=3.6, label=kind, linestyle="none")
    ax.plot(*at[: links.accounts].T, "o", color=_INK, markersize=2.6, linestyle="none", label="account")
    ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    ax.axis("off")


def densities(ax: Axes, curves: list[tuple[str, F64, dict[str, Any]]], log: bool) -> None:
    """Histograms as outlines on common bins: density per decade on a log axis, else share per hour of a day.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        To draw on.
    curves : list of (str, ndarray of float64, dict)
        Label, values and line style of each.
    log : bool
        Whether the axis is logarithmic.
    """
    pooled = np.concatenate([values for _, values, _ in curves])
    pooled = np.log10(pooled[pooled > 0])
    if not pooled.size:
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center")
        return
    edges = np.linspace(pooled.min() - 0.02, pooled.max() + 0.02, 41) if log else np.arange(25.0)
    for label, values, style in curves:
        shown = np.log10(values[values > 0]) if log else values
        height = np.histogram(shown, edges)[0] / max(len(shown), 1) / np.diff(edges)
        ax.stairs(height, 10**edges if log else edges, label=label, **style)
    if log:
        logarithmic(ax.set_xscale, ax.xaxis)
    else:
        ax.set(xlim=(0, 24), xticks=range(0, 25, 3))
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    legend(ax)


def logarithmic(scale: Callable[[str], None], axis: Any) -> None:
    """Log scale with plain numbers.

    Parameters
    ----------
    scale : callable
        Sets the scale of an axis: ax.set_xscale or ax.set_yscale.
    axis : matplotlib.axis.Axis
        The same axis.
    """
    scale("log")
    plain(axis)
    axis.set_minor_formatter(NullFormatter())


def _inline(svg: str, alt: str) -> Markup:
    """The SVG element alone, without links to anywhere, in the page's ink."""
    body = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    assert box, "Matplotlib writes a viewBox"
    body = body[body.index(">") + 1 :]
    for old, new in _REWRITES:
        body = re.sub(old, new, body, flags=re.DOTALL)
    head = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box[1], alt)
    return head + Markup(body)  # noqa: S704 (drawn here; Matplotlib escapes the texts)
