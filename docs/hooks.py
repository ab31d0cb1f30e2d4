"""Pages that are made of the code when the site is built: columns, tasks, limits, the map, pictures of a world.

Beside this file stands `reference.py`, with commands, archetypes, detectors and formats.
"""

from __future__ import annotations

import ast
import atexit
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import portraits
import reference
from mkdocs.structure.files import File, Files

import siphonbench
from benchmarks import house_map
from benchmarks.house import PACKAGES, House
from generator import schema
from generator.audit.physics.invariants import INVARIANTS, fields
from generator.campaign_report import behaviour, selection
from generator.dataset import Dataset
from leaderboard.records.task_definitions import TASKS
from siphonbench.cli.datasets import columns as columns_command

ROOT = Path(__file__).parent.parent


def on_files(files: Files, config: Any) -> Files:
    """Put the generated pages among the written ones."""
    pages = {
        "columns.md": columns(),
        "limits.md": (ROOT / "data_card.md").read_text("utf-8"),
        "changelog.md": reference.changelog(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the tables and pictures that a page asks for."""
    parts = {
        "tasks": tasks,
        "activity": lambda: pictures()["activity"],
        "habits": lambda: pictures()["habits"],
        "map": lambda: f"<div>{house_map.draw(House.at(ROOT))}</div>",
        "rooms": rooms,
        "invariants": invariants,
        "commands": reference.commands,
        "archetypes": lambda: reference.archetype_list(archetype_pictures()),
        "detectors": reference.detector_list,
        "formats": reference.answer_formats,
        "results": reference.results,
        "groups": reference.dial_groups,
    }
    for name, part in parts.items():
        if (place := f"{{{{ {name} }}}}") in markdown:
            markdown = markdown.replace(place, part())
    return markdown


def on_post_page(output: str, **_: Any) -> str:
    """Name the theme's search dialog for screen readers."""
    dialog = 'data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def columns() -> str:
    """Every column of every table, from the schema that the generator writes by."""
    parts = [
        "# Every column",
        "Made from the schema that the generator writes and the reading side checks by; in a terminal: "
        f"`siphonbench columns`. A detector declares the columns it uses, by name. "
        f"{columns_command.NOTE} Field groups:",
        "\n".join(f"* `{letter}`: {what}" for letter, what in schema.GROUPS.items()),
    ]
    for name in schema.TABLES:
        rows = [f"| `{column}` | {' | '.join(others)} |" for column, *others in columns_command.rows(name)]
        head = [f"| {' | '.join(columns_command.HEAD)} |", "|---" * len(columns_command.HEAD) + "|"]
        parts += [f"## {name}", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def tasks() -> str:
    """Every task, what to hand in, and every metric with its chance level and tie rule."""
    parts = []
    for name, task in TASKS.items():
        keys = ", ".join(f"`{k}` ({kind})" for k, kind in task.keys.items())
        rows = [f"| {m.title} | {m.chance} | {m.ties} |" for m in task.metrics.values()]
        parts += [
            f"## {name}",
            f"{task.question} Rows: {keys}, `{task.value}` ({task.kind}). Ranked by {task.title}.",
            "\n".join(["| metric | chance | ties |", "|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts)


def rooms() -> str:
    """Every room, and the first line of its docstring."""
    house, rows = House.at(ROOT), []
    for package in PACKAGES:
        for name, tree in house.trees.items():
            if name.startswith(package + ".") and name.count(".") == 1 and house.files[name].name == "__init__.py":
                summary = (ast.get_docstring(tree) or "").partition("\n")[0]
                rows.append(f"| `{name.replace('.', '/')}` | {summary} |")
    return "\n".join(["| room | idea |", "|---|---|", *rows])


def invariants() -> str:
    """Every invariant of the log, what must hold, and the columns it reads."""
    rows = [f"| {i.name} | {i.law} | {', '.join(f'`{f}`' for f in fields(i))} |" for i in INVARIANTS]
    return "\n".join(["| invariant | what must hold | reads |", "|---|---|---|", *rows])


@cache
def archetype_pictures() -> dict[str, str]:
    """When accounts of each archetype send, in `nano`."""
    return portraits.portraits(world().train)


@cache
def pictures() -> dict[str, str]:
    """Activity and habits of an evasive campaign of `nano`, the largest, as `inspect` draws them."""
    split = selection.survey(world(), "train")
    evasive = split.roster.filter(split.roster["tier"].cast(str) == "evasive")["campaign"][0]
    portrait = selection.gather(split, evasive)
    drawn = {"activity": behaviour.activity(portrait), "habits": behaviour.habits(portrait)}
    return {
        name: "<div>" + "\n".join(p.svg for p in figure.panels) + f"</div>\n\n{figure.caption}"
        for name, figure in drawn.items()
    }


@cache
def world() -> Dataset:
    """The world that pictures are of, kept until the build ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return siphonbench.generate("nano", 7, folder.name, 1)
