"""The evidence about an account or a group as a picture, and its page as a file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generator import files
from siphonbench.workflows import evidence_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from baselines.explanations import Case
    from generator.dataset import Split

_NODES, _ROWS = 24, 14  # accounts in the network, and in the rows of activity
_SLOT_S, _DAY_S = 1800, 86400  # seconds
_BOW = 0.04  # between two kinds of ties at their middle, where the circle of accounts has the radius 1
_ALONG = np.linspace(0, 1, 13)  # of a tie: enough points that it looks like a curve
_SUBJECT, _OTHER = "#d55e00", "#444444"  # colours


def write(case: Case, split: Split, title: str, where: str, out: Path) -> Path:
    """Write the page, or the picture alone where the name ends in .png; it appears when it is complete.

    Parameters
    ----------
    case : Case
        The evidence.
    split : Split
        Whose requests are drawn.
    title : str
        Heading of page and picture.
    where : str
        Dataset and split, for the page.
    out : Path
        File, .html or .png; its folder is made.

    Returns
    -------
    Path
        The same path.
    """
    figure = draw(case, split, title)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix != ".png":
        picture = base64.b64encode(_encoded(figure, "svg")).decode()
        return files.write_text(out, evidence_page.page(case, title, where, picture))
    with files.atomic_file(out) as partial:
        partial.write_bytes(_encoded(figure, "png"))
    return out


def draw(case: Case, split: Split, title: str) -> Figure:
    """Draw who is tied to whom, and when they act.

    Parameters
    ----------
    case : Case
        The evidence.
    split : Split
        Whose requests are drawn.
    title : str
        Heading.

    Returns
    -------
    Figure
        Ties at the left, activity at the right.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.5), layout="constrained")
    figure.suptitle(title, parse_math=False)
    left, right = figure.subplots(1, 2)
    others = [p for p in case.partners if p not in case.accounts]
    _network(left, case, [*case.accounts, *others][:_NODES])
    _activity(right, split, [*case.accounts, *others][:_ROWS], set(case.accounts))
    return figure


def _network(axes: Axes, case: Case, nodes: Sequence[str]) -> None:
    """Nodes in a circle, an account that is asked about in the middle; parallel ties lie side by side."""
    import matplotlib as mpl

    alone = len(case.accounts) == 1
    ring = nodes[1:] if alone else nodes
    angle = 2 * np.pi * np.arange(len(ring)) / max(1, len(ring))
    at = {n: (float(np.cos(a)), float(np.sin(a))) for n, a in zip(ring, angle, strict=True)}
    if alone:
        at[nodes[0]] = (0.0, 0.0)
    colours = mpl.colormaps["tab20"]
    present = [f for f in case.findings if any(a in at and b in at and a != b for a, b in f.edges)]
    for k, f in enumerate(present):
        label: str | None = f.kind.name
        for a, b in f.edges:
            if a in at and b in at and a != b:
                (x0, y0), (x1, y1) = at[a], at[b]
                # Kinds of ties bow apart in the middle, and all meet their accounts.
                bow = _BOW * (k - (len(present) - 1) / 2) / max(1e-9, float(np.hypot(x1 - x0, y1 - y0)))
                arch = 4 * _ALONG * (1 - _ALONG) * bow
                along = (x0 + _ALONG * (x1 - x0) + arch * (y1 - y0), y0 + _ALONG * (y1 - y0) + arch * (x0 - x1))
                axes.plot(*along, color=colours(k % 20), linewidth=1, label=label)
                label = None
    for n, place in at.items():
        axes.plot(*place, "o", color=_SUBJECT if n in case.accounts else _OTHER, markersize=7)
        axes.annotate(n[:12], place, (0, 6), textcoords="offset points", ha="center", fontsize=7, parse_math=False)
    axes.set(title=f"Ties of {len(nodes)} accounts", xlim=(-1.25, 1.25), ylim=(-1.2, 1.25), aspect="equal")
    axes.set_axis_off()
    if present:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=5, frameon=False)


def _activity(axes: Axes, split: Split, accounts: Sequence[str], subjects: set[str]) -> None:
    """Half hours in which each account sent something."""
    import polars as pl

    slots_by_bucket = [
        b.filter(pl.col("account_id").cast(pl.String).is_in(list(accounts)))
        .select(pl.col("account_id").cast(pl.String), slot=pl.col("ts").dt.epoch("s") // _SLOT_S)
        .unique()
        .collect()
        for b in split.requests.buckets()
    ]
    rows = pl.concat(slots_by_bucket)
    first = int(split.start.timestamp()) // _SLOT_S
    for k, account in enumerate(accounts):
        slots: Any = rows.filter(pl.col("account_id") == account)["slot"].to_numpy()
        colour = _SUBJECT if account in subjects else _OTHER
        days = (slots - first) * _SLOT_S / _DAY_S
        axes.plot(days, np.full(len(days), k), "|", color=colour, markersize=9, rasterized=True)
    names = [a[:12] for a in accounts]
    axes.set_yticks(range(len(accounts)), names, fontsize=7, parse_math=False)
    axes.set(
        title="Half hours with a request", xlabel="day", xlim=(0, split.days), ylim=(len(accounts) - 0.5, -0.5)
    )


def _encoded(figure: Figure, kind: str) -> bytes:
    import matplotlib as mpl

    stream = io.BytesIO()
    # Neither a date nor random ids: the same evidence is the same file.
    with mpl.rc_context({"svg.hashsalt": "siphonbench"}):
        figure.savefig(stream, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()
