"""A study as files: a page in Markdown, the same as CSV and JSON, and the tornado plot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from generator import files
from leaderboard.tracking import text_tables
from siphonbench.workflows.sensitivity import tornado
from siphonbench.workflows.sensitivity.summary import FIRST, SettingOutcome, StudySummary, words

HEAD = ("group", "levels", "tau low", "tau high", f"first {FIRST} kept")
NAMES = ("sensitivity.md", "sensitivity.csv", "sensitivity.json", "tornado.svg")


def write(summary: StudySummary, folder: Path) -> list[Path]:
    """Write all files of a study.

    Parameters
    ----------
    summary : StudySummary
        What it says.
    folder : Path
        Which exists.
    """
    page, table, document, plot = (folder / name for name in NAMES)
    files.write_text(page, text(summary))
    files.write_text(table, _csv(summary))
    files.write_text(document, json.dumps(summary.as_dict(), indent=1) + "\n")
    tornado.write(summary, plot)
    return [page, table, document, plot]


def text(summary: StudySummary) -> str:
    """The page.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    """
    design = summary.design
    seeds = ", ".join(map(str, design.seeds))
    titles = "\n".join(f"* `{name}`: {group.title}" for name, group in design.groups.items())
    return "\n".join(
        [
            f"# Sensitivity of {design.preset}, seed{'s' * (len(design.seeds) > 1)} {seeds}",
            "",
            words(summary),
            "",
            "Change of average precision (*accounts*, mean of the tiers) at the low and at the high level, in "
            "brackets what it is as published; tau is Kendall's, between their order there and as published.",
            "",
            text_tables.as_markdown(head(summary), rows(summary)),
            "What is more at a higher level:",
            "",
            titles,
            "",
        ]
    )


def head(summary: StudySummary) -> tuple[str, ...]:
    """Heads of the table: its first columns, and the first detectors with what they reach as published.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    """
    shifts = summary.outcomes[0].shifts
    return (*HEAD, *(f"{name} ({shifts[name].published:.3f})" for name in summary.order[:FIRST]))


def rows(summary: StudySummary) -> Iterator[tuple[str, ...]]:
    """Rows of the table: one for each group, the most moving first, and one for the joint settings.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    """
    first = summary.order[:FIRST]
    for group in ranked(summary):
        ends = summary.of(group)
        pair = [ends.get(end) for end in ("low", "high")]
        levels = " / ".join("-" if o is None else f"{o.levels[group]:g}" for o in pair)
        kept = " / ".join("-" if o is None else "yes" if o.kept else "no" for o in pair)
        changes = (" / ".join("-" if o is None else f"{o.shifts[d].change:+.3f}" for o in pair) for d in first)
        yield (group, levels, *map(_tau, pair), kept, *changes)
    if joint := summary.joint:
        taus = [o.tau for o in joint if o.tau is not None]
        spans = ([o.shifts[d].change for o in joint] for d in first)
        yield (
            f"all together, {len(joint)} times",
            "between",
            f"{min(taus):.2f} at least" if taus else "-",
            f"{sum(taus) / len(taus):.2f} in the mean" if taus else "-",
            f"{sum(o.kept for o in joint)} of {len(joint)}",
            *(f"{min(span):+.3f} to {max(span):+.3f}" for span in spans),
        )


def ranked(summary: StudySummary) -> list[str]:
    """Groups that are made, by the largest change of the first detector.

    Parameters
    ----------
    summary : StudySummary
        What the study says.
    """
    leader = summary.order[0]
    swing = {g: [abs(o.shifts[leader].change) for o in summary.of(g).values()] for g in summary.design.groups}
    return sorted((g for g, changes in swing.items() if changes), key=lambda g: -max(swing[g]))


def _tau(outcome: SettingOutcome | None) -> str:
    return "-" if outcome is None or outcome.tau is None else f"{outcome.tau:.2f}"


def _csv(summary: StudySummary) -> str:
    """One row for each setting and detector, in full precision."""
    columns = ("value", "published", "change", "low", "high")
    cells = (
        (
            o.setting,
            levels,
            len(o.seeds),
            "" if o.tau is None else o.tau,
            o.kept,
            detector,
            *(getattr(shift, c) for c in columns),
        )
        for o in summary.outcomes
        for levels in [" ".join(f"{name}={level:g}" for name, level in o.levels.items())]
        for detector, shift in o.shifts.items()
    )
    head = ("setting", "levels", "seeds", "tau", "kept", "detector", *columns)
    return text_tables.as_csv(head, (map(str, row) for row in cells))
