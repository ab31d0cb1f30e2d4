"""The evidence about an account or a group as a picture, and its page as a file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from siphonbench.workflows import evidence_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from baselines.explanations import Case
    from generator.dataset import Split

_NODES, _ROWS, _SLOT_S = 24, 14, 1800


def write(case: Case, split: Split, title: str, where: str, out: Path) -> Path:
    """Write the page, or the picture alone where the name ends in .png; it appears when it is complete."""
    figure = draw(case, split, title)
    if out.suffix == ".png":
        content = _saved(figure, "png")
    else:
        content = evidence_page.page(case, title, where, base64.b64encode(_saved(figure, "svg")).decode()).encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(out.name + ".partial")
    temporary.write_bytes(content)
    return temporary.rename(out)


def draw(case: Case, split: Split, title: str) -> Figure:
    """Who is tied to whom, and when they act."""
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
                shift = 0.012 * (k - (len(present) - 1) / 2) / max(1e-9, float(np.hypot(x1 - x0, y1 - y0)))
                dx, dy = shift * (y1 - y0), shift * (x0 - x1)
                axes.plot([x0 + dx, x1 + dx], [y0 + dy, y1 + dy], color=colours(k % 20), linewidth=1, label=label)
                label = None
    for n, (x, y) in at.items():
        axes.plot(x, y, "o", color="#d55e00" if n in case.accounts else "#444444", markersize=7)
        axes.annotate(
            n[:12], (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=7, parse_math=False
        )
    axes.set(title=f"Ties of {len(nodes)} accounts", xlim=(-1.25, 1.25), ylim=(-1.2, 1.25), aspect="equal")
    axes.set_axis_off()
    if present:
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=5, frameon=False)


def _activity(axes: Axes, split: Split, accounts: Sequence[str], who: set[str]) -> None:
    """Half hours in which each account sent something."""
    import polars as pl

    seen = [
        b.filter(pl.col("account_id").cast(pl.String).is_in(list(accounts)))
        .select(pl.col("account_id").cast(pl.String), slot=pl.col("ts").dt.epoch("s") // _SLOT_S)
        .unique()
        .collect()
        for b in split.requests.buckets()
    ]
    rows = pl.concat(seen)
    first = int(split.start.timestamp()) // _SLOT_S
    for k, account in enumerate(accounts):
        slots: Any = rows.filter(pl.col("account_id") == account)["slot"].to_numpy()
        colour = "#d55e00" if account in who else "#444444"
        days = (slots - first) * _SLOT_S / 86400
        axes.plot(days, np.full(len(days), k), "|", color=colour, markersize=9, rasterized=True)
    names = [a[:12] for a in accounts]
    axes.set_yticks(range(len(accounts)), names, fontsize=7, parse_math=False)
    axes.set(
        title="Half hours with a request", xlabel="day", xlim=(0, split.days), ylim=(len(accounts) - 0.5, -0.5)
    )


def _saved(figure: Figure, kind: str) -> bytes:
    import matplotlib as mpl

    stream = io.BytesIO()
    # Neither a date nor random ids: the same evidence is the same file.
    with mpl.rc_context({"svg.hashsalt": "siphonbench"}):
        figure.savefig(stream, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()
