"""A picture of what a scenario will hold: requests per day, windows of the campaigns, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.errors import UserError
from generator.files import atomic_file, check_writable
from generator.schema import TIERS

if TYPE_CHECKING:
    from generator.pipeline.forecast import Group

FORMATS = (".svg", ".png")
# Colours that people with any colour vision tell apart (Okabe and Ito).
_BENIGN, _OTHER = "#bbbbbb", "#555555"
_TIERS = dict(zip(TIERS, ("#d55e00", "#0072b2", "#009e73"), strict=True))
_NAMED = 40  # campaigns that have room for their names


def check(path: Path) -> None:
    """Whether a picture can be written there.

    Parameters
    ----------
    path : Path
        Where to write it; its end is one of `FORMATS`.

    Raises
    ------
    UserError
        If the format is unknown, the folder missing, or nothing can be written there.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"--plot {path}: write {' or '.join(FORMATS)} at its end")
    if not path.parent.is_dir():
        raise UserError(f"--plot {path}: {path.parent} is no folder; make it first")
    check_writable(path, "--plot")


def write(path: Path, groups: Sequence[Group], title: str) -> None:
    """Draw the groups of a world (see `scenario.expected`) and write the picture.

    Parameters
    ----------
    path : Path
        Where to; see `check`.
    groups : sequence of Group
        At least one.
    title : str
        Heading; it also seeds the ids in an SVG.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    attacks = [g for g in groups if g.tier]
    windows = 0.6 + 0.2 * min(max(len(attacks), 1), _NAMED)
    figure = Figure(figsize=(9.5, 4 + windows), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[4, windows], sharex=True)
    figure.suptitle(title, fontsize=11)
    _days(above, groups, attacks)
    _windows(below, attacks, len(groups[0].per_day))
    svg = path.suffix.lower() == ".svg"
    with mpl.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}), atomic_file(path) as partial:
        figure.savefig(partial, format=path.suffix[1:].lower(), dpi=150, metadata={"Date": None} if svg else {})


def _days(axes: Any, groups: Sequence[Group], attacks: Sequence[Group]) -> None:
    benign = np.sum([g.per_day for g in groups if not g.tier], axis=0)
    day = np.arange(len(groups[0].per_day))
    axes.fill_between(day, benign, step="mid", color=_BENIGN, label="all others")
    if len(attacks) > 1:
        together = np.sum([g.per_day for g in attacks], axis=0)
        axes.step(day, together, where="mid", color=_OTHER, linewidth=2, label=f"all {len(attacks)} campaigns")
    for tier in dict.fromkeys(g.tier for g in attacks):
        for i, g in enumerate(g for g in attacks if g.tier == tier):
            # Outside its window a campaign's accounts live on as others do: that is not drawn.
            works = (day >= g.first_day) & (day <= g.last_day) & (g.per_day > 0)
            label = f"campaigns, {tier}" if i == 0 else None
            per_day = np.where(works, g.per_day, np.nan)
            axes.step(day, per_day, where="mid", color=_TIERS[tier], linewidth=0.9, alpha=0.7, label=label)
    axes.set_yscale("log")
    axes.set_ylim(bottom=min([max(1.0, g.requests / len(day) / 10) for g in groups]))
    axes.set_ylabel("expected requests a day")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, fontsize=8, frameon=False)
    axes.grid(axis="y", linewidth=0.3)


def _windows(axes: Any, attacks: Sequence[Group], days: int) -> None:
    row = np.arange(len(attacks))
    for y, g in zip(row, attacks, strict=True):
        length = g.last_day - g.first_day + 1
        axes.barh(y, length, left=g.first_day - 0.5, height=0.75, color=_TIERS[g.tier], alpha=0.45)
        if len(attacks) <= _NAMED:
            text = f"{g.accounts:,} accounts, median {g.median:.1f} requests a day"
            axes.text(g.first_day - 0.3, y, text, va="center", fontsize=6.5, clip_on=True)
    named = len(attacks) <= _NAMED
    axes.set_yticks(
        row if named else [], [f"{g.name} {g.archetype}" for g in attacks] if named else [], fontsize=7
    )
    axes.set_xlim(-0.5, days - 0.5)
    axes.set_ylim(max(len(attacks), 1) - 0.4, -0.6)
    axes.set_xlabel("day of the world")
    axes.set_ylabel("work window" if attacks else "no campaign")
