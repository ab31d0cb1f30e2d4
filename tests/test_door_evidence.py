"""The page that names a command behind each published number: commands exist, and no benchmark is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from siphonbench.cli.main import app

ROOT = Path(__file__).parent.parent
EVIDENCE = ROOT / "docs" / "evidence.md"
BENCHMARK = re.compile(r"python (?:-m benchmarks\.|benchmarks/)([a-z_]+)(?:\.py)?")
ROW = re.compile(r"^\| [^-].*\|$", re.MULTILINE)


def commands() -> list[str]:
    """What stands in backticks in the column of commands."""
    _, *rows = (row.strip("| ").split(" | ") for row in ROW.findall(EVIDENCE.read_text("utf-8")))
    assert all(len(row) == 5 for row in rows)
    return [command for row in rows for command in re.findall(r"`([^`]+)`", row[2])]


def test_every_command_exists() -> None:
    named = commands()
    assert len(named) > 20
    root: Any = typer.main.get_command(app)
    for command in named:
        if found := BENCHMARK.fullmatch(command):
            source = (ROOT / "benchmarks" / f"{found[1]}.py").read_text("utf-8")
            assert '__name__ == "__main__"' in source, command
            continue
        program, *path = command.split()
        assert program == "siphonbench", command
        level = root
        for name in path:
            assert name in level.commands, command
            level = level.commands[name]
        assert not getattr(level, "commands", None), f"{command} is a group of commands"


def test_every_benchmark_that_is_named_somewhere_stands_there() -> None:
    pages = [ROOT / "README.md", ROOT / "data_card.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = {name for page in pages for name in BENCHMARK.findall(page.read_text("utf-8"))}
    there = {found[1] for command in commands() if (found := BENCHMARK.fullmatch(command))}
    assert named <= there
    assert {"baseline_table", "interval_coverage", "peers"} <= there
