"""Figures of content: templates, topics, near-duplicates, and how a list of work is covered."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import polars as pl

from generator.arrays import F64
from generator.campaign_report import measures, svg
from generator.campaign_report.figure import Figure, median, percent
from generator.campaign_report.selection import Crowd, Portrait
from generator.campaign_report.svg import EXTRACTION, NEUTRAL, ORDINARY, OURS, THEIRS

POINTS = 3000  # prompts of a topic map
PROMPTS = 1200  # prompts of a distance histogram
TOP = 8  # templates in a bar chart
STEPS = 300  # points of a growth curve
FARTHEST = 40  # bits that a distance histogram shows

Named = list[tuple[str, Crowd, str]]


def content(p: Portrait) -> Figure:
    """Templates, topics and near-duplicates.

    Parameters
    ----------
    p : Portrait
        The campaign and those beside it.
    """
    crowds = [("campaign", p.members, EXTRACTION), ("benign, matched", p.benign, ORDINARY)]
    prompts = [measures.sample(c.requests, PROMPTS, i) for i, (_, c, _) in enumerate(crowds)]
    inside = [measures.nearest(part, part) for part in prompts]
    between = measures.nearest(*prompts)
    first = measures.templates(p.members.requests).drop_nulls("template").head(1)
    caption = (
        f"The campaign's commonest system prompt is in {percent(float(first['share'].sum()))} of its requests, on "
        f"{first['accounts'].sum():,} of {len(p.members.accounts):,} accounts; the nearest prompt of another "
        f"account is {median(inside[0])} SimHash bits away (median) inside the campaign, {median(inside[1])} "
        f"inside the benign sample and {median(between)} from one to the other, with about "
        f"{measures.chance_distance(len(prompts[1]))} by chance. Look for few templates on many accounts, and for "
        "tight clusters of topics where the benign map is spread."
    )
    figure = Figure("content", "Content", caption)
    _templates(figure, crowds)
    _topics(figure, crowds)
    title, x = "nearest prompt of another account", "SimHash bits that differ"
    with svg.axes(figure.panels, "Histogram of SimHash distances", title, x, "share", wide=True) as ax:
        styles = (OURS, THEIRS, {"color": NEUTRAL, "linestyle": ":"})
        names = ("inside the campaign", "inside the benign sample", "from the campaign to the benign sample")
        for values, name, style in zip((*inside, between), names, styles, strict=True):
            share = np.bincount(values, minlength=FARTHEST)[:FARTHEST] / max(len(values), 1)
            ax.stairs(share, np.arange(FARTHEST + 1) - 0.5, label=name, **style)
        ax.set(xlim=(-1, FARTHEST), ylim=(0, None))
        svg.legend(ax)
    return figure


def coverage(p: Portrait) -> Figure:
    """How much of what is asked is new: a partitioned work list never repeats.

    Parameters
    ----------
    p : Portrait
        The campaign and those beside it.
    """
    serving = p.members.requests.filter(pl.col("is_extraction"))
    named = {"campaign, extraction": serving, "benign, matched": p.benign.requests}
    coverages = {
        name: measures.coverage(rows) for name, rows in (named | {c.title: c.requests for c in p.groups}).items()
    }
    ours = coverages["campaign, extraction"]
    caption = (
        f"The campaign's {len(ours.growth):,} answered extraction requests hold {ours.distinct:,} distinct "
        f"prompts: {percent(ours.fresh)} of the requests asked something new, {percent(ours.own)} repeat a prompt "
        f"of the same account and {percent(ours.other)} one of another account. Look for a curve along the "
        "diagonal, which is a work list "
        "partitioned over the accounts; benign groups with shared material (hand-outs, nightly tests) bend away."
    )
    head = ("Crowd", "Answered requests", "Distinct prompts", "New", "Repeat own", "Repeat another's")
    figure = Figure("coverage", "Coverage of the work list", caption, head)
    _growth(figure, coverages)
    _repeats(figure, coverages)
    for name, c in coverages.items():
        shares = (percent(c.fresh), percent(c.own), percent(c.other))
        figure.rows.append((name, f"{len(c.growth):,}", f"{c.distinct:,}", *shares))
    return figure


def _templates(figure: Figure, crowds: Named) -> None:
    tops = [measures.templates(c.requests).head(TOP) for _, c, _ in crowds]
    reach = 1.35 * max([0.01, *(share for top in tops for share in top["share"])])
    for (name, crowd, colour), top in zip(crowds, tops, strict=True):
        alt = f"Share of requests of the commonest system prompts, {name}"
        with svg.axes(figure.panels, alt, f"system prompts, {name}", "share of requests") as ax:
            numbers = top["template"].is_not_null().cum_sum()
            labels = ["none" if t is None else f"no. {i}" for t, i in zip(top["template"], numbers, strict=True)]
            ax.barh(labels, top["share"].to_numpy(), color=colour, height=0.7)
            ax.invert_yaxis()
            ax.set(xlim=(0, reach), xticks=svg.ticks(min(1, reach)))
            for i, (share, n) in enumerate(top.select("share", "accounts").iter_rows()):
                text = f"{n} of {len(crowd.accounts)} accounts"
                ax.text(share + reach / 80, i, text, va="center", fontsize=7.5)


def _topics(figure: Figure, crowds: Named) -> None:
    points, held = measures.plane([measures.sample(c.requests, POINTS, i) for i, (_, c, _) in enumerate(crowds)])
    x, y = (_reach(np.concatenate(points)[:, i]) for i in (0, 1))
    for (name, _, colour), at in zip(crowds, points, strict=True):
        alt, under = f"Prompt embeddings on a plane, {name}", f"two main axes, {held:.0%} of the variance"
        with svg.axes(figure.panels, alt, f"topic map, {name}", under) as ax:
            ax.plot(*at.T, ".", color=colour, markersize=3, alpha=0.55, rasterized=True, markeredgewidth=0)
            ax.set(xlim=x, ylim=y, xticks=[], yticks=[])


def _growth(figure: Figure, coverages: dict[str, measures.Coverage]) -> None:
    reach = 1.05 * max(10, len(coverages["campaign, extraction"].growth))
    styles: list[dict[str, Any]] = [OURS, THEIRS, *svg.GROUPS]
    alt, y = "Growth of distinct prompts with requests", "distinct prompts so far"
    with svg.axes(figure.panels, alt, "distinct prompts", "answered requests so far", y, (4.4, 4.2)) as ax:
        ax.plot([0, reach], [0, reach], color=NEUTRAL, linewidth=0.6, label="every prompt new")
        for (name, c), style in zip(coverages.items(), styles, strict=False):
            n = min(len(c.growth), int(reach))
            at = np.unique(np.linspace(1, n, STEPS).astype(int)) if n else np.zeros(0, int)
            ax.plot(at, c.growth[at - 1], label=textwrap.shorten(name, 34, placeholder=" ..."), **style)
        ax.set(xlim=(0, reach), ylim=(0, reach))
        svg.plain(ax.xaxis, ax.yaxis)
        svg.legend(ax, columns=2)


def _repeats(figure: Figure, coverages: dict[str, measures.Coverage]) -> None:
    alt = "Share of repeated prompts per crowd"
    with svg.axes(figure.panels, alt, "repeated prompts", "share of answered requests", size=(4.4, 4.2)) as ax:
        names = [textwrap.fill(name, 18) for name in coverages]
        own, other = (np.array([getattr(c, part) for c in coverages.values()]) for part in ("own", "other"))
        ax.barh(names, own, color=NEUTRAL, height=0.6, label="of the same account")
        ax.barh(names, other, left=own, color=svg.OTHER, height=0.6, label="of another account")
        ax.invert_yaxis()
        reach = max(0.01, 1.05 * float((own + other).max()))
        ax.set(xlim=(0, reach), xticks=svg.ticks(reach))
        svg.legend(ax)


def _reach(values: F64) -> tuple[float, float]:
    """Limits of an axis that a few far points don't stretch."""
    low, high = np.quantile(values, (0.002, 0.998)) if len(values) else (0.0, 1.0)
    edge = 0.05 * float(high - low) + 1e-6
    return float(low) - edge, float(high) + edge
