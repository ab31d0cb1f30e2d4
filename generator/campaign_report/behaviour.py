"""Figures of conduct: when accounts send, what they share with each other, how each one looks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from generator.campaign_report import links as linking
from generator.campaign_report import measures, svg
from generator.campaign_report.figure import Figure, account_count, median, number, percent, quartiles
from generator.campaign_report.selection import Crowd, Portrait
from generator.campaign_report.svg import OURS, THEIRS

RASTER_COLUMNS = 480
THINGS = 60  # shared things of each kind that a graph shows
DAY = "day of the window (UTC)"

# Title, unit, measure, whether the axis is logarithmic.
HABITS: tuple[tuple[str, str, Callable[[Crowd], Any], bool], ...] = (
    ("requests per account and active day", "requests", measures.per_day, True),
    ("input per request", "tokens", lambda c: measures.column(c, "input_tokens"), True),
    ("output per request", "tokens", lambda c: measures.column(c, "output_tokens"), True),
    ("gap between an account's requests", "seconds", measures.gaps, True),
    ("hour of the day (UTC)", "hour", measures.hours, False),
)


def activity(p: Portrait) -> Figure:
    """Accounts by time, and requests per hour of the whole crowd.

    Parameters
    ----------
    p : Portrait
        The campaign and those beside it.
    """
    days = p.split.source.days
    step = max(1, round(days / 14))
    ours, theirs = (measures.rate(c.requests, days, step) for c in (p.members, p.benign))
    serving = p.members.requests.filter(pl.col("is_extraction"))
    caption = (
        f"{account_count(p.members)} sent {len(p.members.requests):,} requests, "
        f"{percent(len(serving) / max(1, len(p.members.requests)))} of them for the extraction (orange; ordinary "
        f"traffic is blue), beside {len(p.benign.accounts):,} benign accounts with about as many requests each. "
        "Look for rows that start, pause and stop together, and for a sum that stays steady while members come "
        f"and go: its standard deviation is {number(measures.unsteadiness(ours))} times its mean, against "
        f"{number(measures.unsteadiness(theirs))} in the benign sample."
    )
    figure = Figure("activity", "Activity", caption)
    for crowd, name in ((p.members, "campaign"), (p.benign, "benign, matched")):
        alt = f"Activity raster, {name}: {len(crowd.accounts)} accounts by {days} days"
        with svg.axes(figure.panels, alt, name, DAY, "account, by first request") as ax:
            svg.raster(ax, *measures.grid(crowd, days, RASTER_COLUMNS), days)
    alt = "Requests per hour over time, campaign and benign"
    with svg.axes(figure.panels, alt, "sum of all accounts", DAY, "requests per hour", wide=True) as ax:
        edges = np.arange(len(ours) + 1) * step / 24
        part = measures.rate(serving, days, step)
        ax.stairs(part, edges, fill=True, alpha=0.3, label="campaign: for the extraction", **OURS)
        ax.stairs(ours, edges, label="campaign: all requests", **OURS)
        ax.stairs(theirs, edges, label="benign, matched", **THEIRS)
        ax.set(xlim=(0, days), ylim=(0, None))
        svg.legend(ax)
    return figure


def links(p: Portrait) -> Figure:
    """What the accounts share, beside benign ones by the same rule.

    Parameters
    ----------
    p : Portrait
        The campaign and those beside it.
    """
    crowds = {"campaign": p.members, "benign, matched": p.benign} | {c.title: c for c in p.groups[:2]}
    by_crowd = dict(zip(crowds, linking.links(p.split, tuple(crowds.values())), strict=True))
    parts = [f"{link.largest} of {link.accounts} accounts ({name})" for name, link in by_crowd.items()]
    caption = (
        "Dots are accounts, small coloured marks are things that at least two of them share; what more than "
        f"{linking.limit(p.split):,} accounts of the split hold is left out, and of each kind the {THINGS} most "
        "shared are drawn. Look for one part that holds most accounts, and by which kind of link: the largest "
        f"connected part has {', '.join(parts)}. Benign groups share too, so that a link alone proves nothing."
    )
    figure = Figure("links", "Links", caption, ("Kind of link", *by_crowd))
    for name, link in by_crowd.items():
        alt = f"Link graph, {name}: {link.accounts} accounts, {len(link.things)} shared things"
        with svg.axes(figure.panels, alt, name, "", "", (4.4, 4.0)) as ax:
            shown = link.top(THINGS)
            svg.graph(ax, shown, linking.layout(shown))
            svg.legend(ax, columns=4)
    for kind in linking.KINDS:
        cells = (link.counts(kind) for link in by_crowd.values())
        figure.rows.append(
            (
                kind,
                *(
                    f"{held} accounts, {pairs:,} {'pair' if pairs == 1 else 'pairs'}" if held else "-"
                    for held, pairs in cells
                ),
            )
        )
    return figure


def habits(p: Portrait) -> Figure:
    """Each account alone: rates, sizes, gaps, hours.

    Parameters
    ----------
    p : Portrait
        The campaign and those beside it.
    """
    values = [(title, unit, log, measure(p.members), measure(p.benign)) for title, unit, measure, log in HABITS]
    notes = [f"{title} {median(a)} against {median(b)}" for title, _, log, a, b in values if log]
    caption = (
        f"Medians, campaign against the benign sample: {', '.join(notes)}. Where the outlines lie on each other "
        "no threshold on one account tells them apart; a narrow peak that benign accounts lack is a tell."
    )
    head = ("Measure", "Campaign: median", "quartiles", "Benign, matched: median", "quartiles")
    figure = Figure("habits", "Rates, sizes, gaps and hours", caption, head)
    for title, unit, log, ours, theirs in values:
        y = "density per decade" if log else "share per hour"
        alt = f"Histogram of {title}, campaign and benign"
        with svg.axes(figure.panels, alt, title, unit, y, wide=not log) as ax:
            curves = [("campaign", ours, OURS), ("benign, matched", theirs, THEIRS)]
            svg.densities(ax, curves, log)
        if log:
            cells = (median(ours), quartiles(ours), median(theirs), quartiles(theirs))
            figure.rows.append((f"{title}, {unit}", *cells))
    return figure
