"""The figures of a page: what is drawn, and one or two sentences with the numbers to look for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from generator.portrait import links as linking
from generator.portrait import measures, pictures
from generator.portrait.gather import Crowd, Portrait
from generator.portrait.pictures import EXTRACTION, GROUP_COLOURS, ORDINARY, Panel

RASTER_COLUMNS = 480
POINTS = 3000  # prompts of a topic map
PROMPTS = 1200  # prompts of a distance histogram
TOP = 8  # templates in a bar chart
CURVE = 400  # points of a growth curve

OURS: dict[str, Any] = {"color": EXTRACTION}
THEIRS: dict[str, Any] = {"color": ORDINARY, "linestyle": "--"}


@dataclass(frozen=True)
class Figure:
    """Panels that belong together.

    Attributes
    ----------
    key : str
        Anchor on the page.
    says : str
        What to look for, with numbers.
    head, rows : tuple of str, list of tuple of str
        Table of the same numbers; the first column names the row.
    """

    key: str
    title: str
    says: str
    panels: list[Panel] = field(default_factory=list)
    head: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)


def draw(portrait: Portrait) -> list[Figure]:
    """All figures, in the order of the page."""
    return [figure(portrait) for figure in (activity, links, habits, content, coverage)]


def activity(p: Portrait) -> Figure:
    """Who sends when, and what the crowd sends in sum."""
    days = p.world.split.days
    step = max(1, round(days / 14))
    sums = {c.title: measures.rate(c.requests, days, step) for c in (p.members, p.benign)}
    ours, theirs = sums.values()
    serving = p.members.requests["is_extraction"].mean()
    says = (
        f"{_of(p.members)} sent {len(p.members.requests):,} requests, of which {_percent(serving)} serve the "
        f"extraction; {len(p.benign.accounts):,} benign accounts with about as many requests each stand beside "
        "them on the same axes. Look for rows that start, pause and stop together, and for a sum that stays "
        f"steady while members come and go: the hourly sum varies by {_number(measures.unsteadiness(ours))} "
        f"times its mean here, by {_number(measures.unsteadiness(theirs))} in the benign sample."
    )
    made = Figure("activity", "Activity", says)
    for crowd, name in ((p.members, "campaign"), (p.benign, "benign, matched")):
        alt = f"Activity raster, {name}: {len(crowd.accounts)} accounts by {days} days"
        labels = {"title": name, "xlabel": "day of the window (UTC)", "ylabel": "account, by first request"}
        with pictures.axes(made.panels, alt, **labels) as ax:
            pictures.raster(ax, *measures.grid(crowd, days, RASTER_COLUMNS), days)
    labels = {"title": "sum of all accounts", "xlabel": "day of the window (UTC)", "ylabel": "requests per hour"}
    extraction = measures.rate(p.members.requests.filter(pl.col("is_extraction")), days, step)
    with pictures.axes(made.panels, "Requests per hour over time, campaign and benign", (9, 2.6), **labels) as ax:
        edges = np.arange(len(ours) + 1) * step / 24
        ax.stairs(extraction, edges, fill=True, alpha=0.25, label="campaign: serves extraction", **OURS)
        ax.stairs(ours, edges, label="campaign: all requests", **OURS)
        ax.stairs(theirs, edges, label="benign, matched", **THEIRS)
        ax.set(xlim=(0, days), ylim=(0, None))
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.22), ncols=3)
    return made


def links(p: Portrait) -> Figure:
    """What the accounts share, beside benign ones by the same rule."""
    shown = [c for c in (p.members, p.benign, *p.groups[:1])]
    found = linking.links(p.world, tuple(shown))
    names = ["campaign", "benign, matched", *(c.title for c in p.groups[:1])]
    limit = max(linking.COMMON_FLOOR, int(linking.COMMON_SHARE * len(p.world.people)))
    parts = [f"{link.largest} of {link.accounts} ({name})" for name, link in zip(names, found, strict=True)]
    says = (
        f"Dots are accounts, small marks are things that at least two of them share; what more than {limit:,} "
        "accounts of the world hold is left out, for it binds nobody. Look for one part that holds most accounts, "
        f"and by which kind of link: the largest connected part has {'; '.join(parts)}. Benign groups share as "
        "well, so a link alone proves nothing."
    )
    made = Figure("links", "Links", says, head=("kind of link", *names))
    for name, link in zip(names, found, strict=True):
        alt = f"Link graph, {name}: {link.accounts} accounts, {len(link.things)} shared things"
        with pictures.axes(made.panels, alt, (4.4, 4.2), title=name) as ax:
            pictures.graph(ax, link, linking.layout(link))
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.14), ncols=4, columnspacing=1, handletextpad=0.2)
    for kind in linking.KINDS:
        cells = (link.counts(kind) for link in found)
        made.rows.append((kind, *(f"{a} accounts, {pairs:,} pairs" if a else "-" for _, a, pairs in cells)))
    return made


def habits(p: Portrait) -> Figure:
    """Each account alone: rates, sizes, gaps, hours."""
    made = Figure("habits", "Rates, sizes, gaps and hours", "")
    drawn: tuple[tuple[str, str, Callable[[Crowd], Any], bool], ...] = (
        ("requests per account and active day", "requests", measures.per_day, True),
        ("input", "tokens", lambda c: _column(c, "input_tokens"), True),
        ("output", "tokens", lambda c: _column(c, "output_tokens"), True),
        ("gap between an account's requests", "seconds", measures.gaps, True),
        ("hour of the day (UTC)", "hour", measures.hours, False),
    )
    made = Figure("habits", made.title, "", head=("median", "campaign", "benign, matched", "quartiles", "quartiles"))
    notes = []
    for title, unit, measure, log in drawn:
        ours, theirs = measure(p.members), measure(p.benign)
        labels = {"title": title, "xlabel": unit, "ylabel": "density per decade" if log else "density"}
        with pictures.axes(made.panels, f"Histogram of {title}, campaign and benign", **labels) as ax:
            curves = [("campaign", ours, OURS), ("benign, matched", theirs, THEIRS)]
            pictures.densities(ax, curves, log, bins=40 if log else 24)
            ax.legend()
        if log and len(ours) and len(theirs):
            (a, b), spread = (np.median(x) for x in (ours, theirs)), [_quartiles(x) for x in (ours, theirs)]
            made.rows.append((f"{title} ({unit})", f"{a:,.3g}", f"{b:,.3g}", *spread))
            notes.append(f"{title}: {a:,.3g} against {b:,.3g}")
    says = (
        f"Medians, campaign against the benign sample: {'; '.join(notes)}. Where the outlines lie on each other "
        "no threshold on one account can tell them apart; a narrow peak that benign accounts lack is a tell."
    )
    return Figure(made.key, made.title, says, made.panels, made.head, made.rows)


def content(p: Portrait) -> Figure:
    """Templates, topics and near-duplicates."""
    crowds = (("campaign", p.members, EXTRACTION), ("benign, matched", p.benign, ORDINARY))
    tops = [measures.templates(c.requests) for _, c, _ in crowds]
    prompts = [measures.sample(c.requests, PROMPTS, i) for i, (_, c, _) in enumerate(crowds)]
    within = [measures.nearest(part, part) for part in prompts]
    between = measures.nearest(prompts[0], prompts[1])
    points, held = measures.plane([measures.sample(c.requests, POINTS, i) for i, (_, c, _) in enumerate(crowds)])
    lead = tops[0].drop_nulls("template").head(1)
    says = (
        f"The campaign's commonest system prompt is in {_percent(lead['share'].sum())} of its requests, on "
        f"{lead['accounts'].sum():,} accounts. From a prompt to the nearest one of another account the median "
        f"SimHash distance is {_median(within[0])} bits inside the campaign, {_median(within[1])} inside the "
        f"benign sample, and {_median(between)} from the campaign to it (32 is chance for a random pair). Look "
        "for few templates on many accounts, and for tight clusters of topics where the benign map is spread."
    )
    made = Figure("content", "Content", says)
    for (name, crowd, colour), top in zip(crowds, tops, strict=True):
        alt = f"Share of requests of the {TOP} commonest system prompts, {name}"
        most = max(float(t["share"].head(TOP).max() or 0) for t in tops)  # type: ignore[arg-type]
        labels = {"title": f"system prompts, {name}", "xlabel": "share of requests", "xlim": (0, 1.25 * most or 1)}
        with pictures.axes(made.panels, alt, **labels) as ax:
            shown = top.head(TOP)
            names = ["none" if t is None else f"no. {i}" for i, t in enumerate(shown["template"], 1)]
            ax.barh(names, shown["share"].to_numpy(), color=colour, height=0.7)
            ax.invert_yaxis()
            for i, (share, n) in enumerate(shown.select("share", "accounts").iter_rows()):
                ax.text(share, i, f" {n} of {len(crowd.accounts)} accounts", va="center", fontsize=7)
    limits = {f"{x}lim": _limits(np.concatenate(points)[:, i]) for i, x in enumerate("xy")}
    for (name, _, colour), at in zip(crowds, points, strict=True):
        labels = {"title": f"topic map, {name}", "xlabel": f"two main axes, {held:.0%} of the variance", **limits}
        with pictures.axes(made.panels, f"Prompt embeddings on a plane, {name}", **labels) as ax:
            ax.plot(*at.T, ".", color=colour, markersize=2.5, alpha=0.35, rasterized=True, markeredgewidth=0)
    labels = {"title": "nearest prompt of another account", "xlabel": "SimHash bits that differ", "ylabel": "share"}
    with pictures.axes(made.panels, "Histogram of SimHash distances to the nearest prompt", (9, 2.6), **labels) as ax:
        named = ((within[0], "inside the campaign", OURS), (within[1], "inside the benign sample", THEIRS))
        for values, label, style in (*named, (between, "campaign to benign", {"color": "#808080", "linestyle": ":"})):
            ax.stairs(np.bincount(values, minlength=40)[:40] / max(len(values), 1), label=label, **style)
        ax.legend()
    return made


def coverage(p: Portrait) -> Figure:
    """How much of what is asked is new: a partitioned work list never repeats."""
    serving = p.members.requests.filter(pl.col("is_extraction"))
    named = [("campaign, extraction", serving, OURS), ("benign, matched", p.benign.requests, THEIRS)]
    for crowd, colour, dash in zip(p.groups, GROUP_COLOURS, pictures.DASHES, strict=False):
        named.append((crowd.title, crowd.requests, {"color": colour, "linestyle": dash}))
    found = [(name, measures.coverage(requests), style) for name, requests, style in named]
    ours = found[0][1]
    says = (
        f"The campaign's {len(ours.growth):,} answered extraction requests hold "
        f"{int(ours.growth.max(initial=0)):,} distinct prompts: {_percent(ours.fresh)} were new, "
        f"{_percent(ours.own)} repeat a prompt of the same account and {_percent(ours.other)} one of another "
        "account. A work list that is partitioned over the accounts rises along the diagonal and hardly repeats "
        "across accounts; benign groups with shared material (hand-outs, nightly tests) bend away from it."
    )
    head = ("crowd", "answered requests", "distinct prompts", "new", "repeats own", "repeats another's")
    made = Figure("coverage", "Coverage of the work list", says, head=head)
    reach = max(len(ours.growth), 10)
    labels = {"title": "distinct prompts", "xlabel": "answered requests so far", "ylabel": "distinct prompts so far"}
    with pictures.axes(made.panels, "Growth of distinct prompts with requests", (4.4, 3.6), **labels) as ax:
        ax.plot([1, reach * 1.1], [1, reach * 1.1], color="#808080", linewidth=0.7, label="every prompt new")
        for name, curve, style in reversed(found):
            at = np.unique(np.linspace(0, max(len(curve.growth) - 1, 0), CURVE).astype(int)) if len(curve.growth) else []
            ax.plot(np.asarray(at) + 1, curve.growth[at], label=name, **style)
        ax.set(xlim=(0, reach * 1.1), ylim=(0, reach * 1.1))
    with pictures.axes(made.panels, "Share of repeated prompts per crowd", (4.4, 3.6), title="repeats") as ax:
        names = [name for name, _, _ in found]
        own, other = (np.array([getattr(c, part) for _, c, _ in found]) for part in ("own", "other"))
        ax.barh(names, own, color="#808080", height=0.6, label="of the same account")
        ax.barh(names, other, left=own, color=EXTRACTION, height=0.6, label="of another account")
        ax.invert_yaxis()
        ax.set(xlabel="share of answered requests")
        ax.legend(loc="lower right")
    for name, c, _ in found:
        sizes = (f"{len(c.growth):,}", f"{int(c.growth.max(initial=0)):,}")
        made.rows.append((name, *sizes, *(_percent(x) for x in (c.fresh, c.own, c.other))))
    return made


def _of(crowd: Crowd) -> str:
    n = len(crowd.accounts)
    return f"{n:,} accounts" if n == crowd.of else f"{n:,} of {crowd.of:,} accounts, drawn at random,"


def _column(crowd: Crowd, name: str) -> Any:
    return crowd.requests[name].to_numpy().astype(float)


def _quartiles(values: Any) -> str:
    low, high = np.quantile(values, (0.25, 0.75))
    return f"{low:,.3g} to {high:,.3g}"


def _limits(values: Any) -> tuple[float, float]:
    low, high = np.quantile(values, (0.002, 0.998)) if len(values) else (0, 1)
    return float(low - 0.05 * (high - low) - 1e-6), float(high + 0.05 * (high - low) + 1e-6)


def _median(values: Any) -> str:
    return f"{np.median(values):.0f}" if len(values) else "-"


def _percent(share: Any) -> str:
    return f"{float(share or 0):.1%}"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
