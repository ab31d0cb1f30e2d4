"""Pages made of tables in the code: commands, archetypes, detectors, formats of answers."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from baselines.registry import DETECTORS, SKIPPED, UPPER_BOUNDS
from generator.config.archetypes import archetypes
from generator.config.parameters import DIALS, ParameterRange
from generator.schema import field_groups
from leaderboard.records.task_definitions import TASKS
from siphonbench.cli.common.app import SECTIONS
from siphonbench.cli.main import app
from siphonbench.workflows.sensitivity import groups

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "siphonbench" / "workflows" / "figures" / "nano.json"
BASE = ROOT / "generator" / "presets" / "base.toml"
LABELS = {"benign": "Benign", "grey": "Grey: neither class, never scored", "extraction": "Extraction"}
FIGURE_NAMES = {"ap": "AP", "overt": "overt", "evasive": "evasive", "adaptive": "adaptive"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as Markdown."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in ([*head], *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]])


def commands() -> str:
    """Every command: what it does, its arguments and options with their defaults, an example."""
    root: Any = typer.main.get_command(app)
    rows = ((title, ", ".join(f"[{n}](#{n})" for n in names)) for title, names in SECTIONS.items())
    parts = [table(("group", "commands"), rows)]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        for name in names:
            parts += _described(name, root.commands[name], 3)
    return "\n\n".join(parts)


def _described(name: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}"
    if command.help:
        yield command.help
    parameters = [p for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
    if parameters:
        yield table(("argument or option", "what it is", "if left out"), map(_parameter, parameters))
    if command.epilog:
        yield "\n".join(f"    {line.removeprefix('Example: ').strip()}" for line in _examples(command.epilog))
    for child, inner in getattr(command, "commands", {}).items():
        yield from _described(f"{name} {child}", inner, level + 1)


def _parameter(p: Any) -> tuple[str, str, str]:
    names = (
        p.metavar or p.name.upper() if p.param_type_name == "argument" else ", ".join((*p.opts, *p.secondary_opts))
    )
    default = p.default() if callable(p.default) else p.default
    if p.name == "workers":
        shown = "one a core"
    elif p.required:
        shown = "it must be given"
    elif default in (None, "", False, []):
        shown = "-"
    else:
        shown = f"`{', '.join(map(str, default)) if isinstance(default, (list, tuple)) else default}`"
    return f"`{names}`", p.help or "", shown


def _examples(epilog: str) -> list[str]:
    return re.split(r"\. [A-Z][a-z ]+: (?=siphonbench)", epilog)


def archetype_list(pictures: Mapping[str, str]) -> str:
    """Every archetype: who it is, how common, a picture of its accounts, and each dial that its file sets.

    Parameters
    ----------
    pictures : mapping of str to str
        SVG by archetype.
    """
    shares = tomllib.loads(BASE.read_text("utf-8"))["mix"]
    parts = []
    for label, title in LABELS.items():
        chosen = sorted((a for a in archetypes().values() if a.label == label), key=lambda a: int(a.id[1:]))
        rows = (
            (f"[{a.id}](#{a.id.lower()})", a.title, f"{shares[a.id]:.1%}" if a.id in shares else "-")
            for a in chosen
        )
        parts += [f"## {title}", table(("archetype", "who", "share of accounts, before campaigns"), rows)]
        for a in chosen:
            dials = ((f"`{n}`", _law(r), DIALS[n].unit, DIALS[n].description) for n, r in a.ranges.items())
            parts += [
                f"### {a.id}",
                f"{a.title[0].upper()}{a.title[1:]}.",
                f"<div>{pictures[a.id]}</div>" if a.id in pictures else "No account of it in this small world.",
                table(("dial", "range", "unit", "meaning"), dials),
            ]
    return "\n\n".join(parts)


def _law(dial: ParameterRange) -> str:
    return {
        "lognormal": f"median {dial.low:g}, log SD {dial.high:g}",
        "quantiles": f"{dial.values[0]:g} to {dial.values[-1]:g}, by quantiles",
    }.get(dial.law, f"{dial.low:g} to {dial.high:g}")


def detector_list() -> str:
    """Every detector: what it does, what it reads, where it is from, and its figures on nano."""
    kept = json.loads(FIGURES.read_text("utf-8"))["figures"]
    seed = next(iter(kept)).partition("/")[0]
    rooms: dict[str, list[str]] = {}
    for name in DETECTORS:
        rooms.setdefault(DETECTORS[name].__module__.split(".")[2], []).append(name)
    parts = []
    for room, names in rooms.items():
        text = (ROOT / "baselines" / "detectors" / room / "__init__.py").read_text("utf-8")
        parts += [f"## {room.replace('_', ' ').capitalize()}", text.strip().strip('"').partition("\n")[0]]
        rows = ((f"`{n}`", *_figures(kept, f"{seed}/{n}"), *_told(DETECTORS[n])) for n in names)
        parts.append(table(("detector", *(FIGURE_NAMES.values()), "fields", "what it does", "source"), rows))
    rows = ((f"`{n}`", *_told(UPPER_BOUNDS[n])) for n in UPPER_BOUNDS)
    parts += ["## Upper bounds", "Told part of the truth: they say what can be reached, and stand on no board."]
    parts.append(table(("detector", "fields", "what it does", "source"), rows))
    if SKIPPED:
        parts += ["## Not in this environment", table(("detector", "why"), SKIPPED.items())]
    return "\n\n".join(parts)


def _figures(kept: dict[str, float], start: str) -> list[str]:
    return [f"{kept[f'{start}/{n}']:.3f}" if f"{start}/{n}" in kept else "-" for n in FIGURE_NAMES]


def _told(detector: Any) -> tuple[str, str, str]:
    return field_groups(detector.fields), detector.description, detector.source


def answer_formats() -> str:
    """Each task's columns and an example, as CSV and in words."""
    parts = []
    for name, task in TASKS.items():
        columns = " and ".join(f"`{k}` ({kind})" for k, kind in {**task.keys, task.value: task.kind}.items())
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([(*task.keys, task.value), *task.example])
        example = "\n".join(f"    {line}" for line in text.getvalue().splitlines())
        note = f" {task.note[0].upper()}{task.note[1:]}." if task.note else ""
        card = f' `card.toml` says `labels = "{task.labels}"`, or `"none"`.' if task.labels != "truth" else ""
        parts += [
            f"### Format: {name}",
            f"Columns {columns}, one row for each of the {task.rows}.{note}{card}",
            example,
        ]
    return "\n\n".join(parts)


def changelog() -> str:
    """The changelog, as it stands beside the packages."""
    return (ROOT / "CHANGELOG.md").read_text("utf-8")


def dial_groups() -> str:
    """Groups of assumed dials that a study of sensitivity moves."""
    rows = []
    for name, group in groups.read().items():
        moved = [
            f"`{dial}`" + " (against)" * (power < 0) for dial, power in (group.dials | group.settings).items()
        ]
        moved += [f"shares of {', '.join(group.mix)}"] * bool(group.mix) + ["labels"] * group.observed
        whose = group.archetypes if group.dials else "-"
        rows.append((f"`{name}`", group.title, f"{group.low:g}, {group.high:g}", whose, ", ".join(moved)))
    return table(("group", "what a higher level means", "levels", "whose", "what is moved"), rows)


def results() -> str:
    """The table of results that the README shows."""
    text = (ROOT / "README.md").read_text("utf-8")
    return text.partition("<!-- results: begin -->")[2].partition("<!-- results: end -->")[0].strip()
