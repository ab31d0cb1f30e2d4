"""The documentation builds without a warning or a dead link, and every block of code on it runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from baselines.registry import DETECTORS, UPPER_BOUNDS
from generator.config.archetypes import archetypes
from leaderboard.records.task_definitions import TASKS
from siphonbench.cli.main import app
from tests.conftest import Once

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
# What readers looked for, and the page that search must lead to.
WORDS = {
    "cite": "cite",
    "bibtex": "cite",
    "docker": "deploy",
    "systemd": "deploy",
    "nginx": "deploy",
    "backup": "deploy",
    "upgrade": "deploy",
    "leiden": "detectors",
    "xgboost": "detectors",
    "slurm": "cluster",
    "dask": "cluster",
    "season": "season",
    "token": "season",
    "curl": "season",
    "croissant": "researcher",
    "relbench": "researcher",
    "licence": "cite",
    "windows": "faq",
    "gpu": "faq",
    "memory": "faq",
    "resume": "cluster",
    "completion": "commands",
    "no_color": "commands",
    "null": "tasks",
    "as_of": "tasks",
    "unverified": "faq",
    "reproduced": "faq",
    "nbgrader": "instructor",
    "grades": "instructor",
    "seed": "cite",
    "datasheet": "datasheet",
    "checklist": "datasheet",
    "archetype": "archetypes",
    "shortcut": "maintenance",
}
SHOWN = {"bibtex", "ini"}  # read by other programs: nothing to run
# Begins several pages: each such command is run once, and its folder is copied to where the next page wants it.
MAKE = re.compile(r"^siphonbench generate --preset nano --seed (\d+) --out (\S+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


def test_there_is_something_to_run() -> None:
    assert len(PAGES) >= 9
    assert sum(len(blocks(page)) for page in PAGES) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in [README, *PAGES] if blocks(p)], ids=lambda p: p.stem)
def test_every_block_runs(page: Path, tmp_path: Path, once: Once) -> None:
    # The commands of this environment come first, and they find this checkout, installed or not.
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }
    run = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}

    def runs(language: str, code: str) -> None:
        done = subprocess.run([*run[language], code], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{page.name}: {code}\n{done.stdout[-800:]}\n{done.stderr[-2000:]}"

    def copied(command: re.Match[str]) -> str:
        line, seed, out = command[0], command[1], command[2]
        made = once(f"docs-nano-{seed}", lambda to: runs("bash", line.replace(f"--out {out}", f"--out '{to}'")))
        return f"cp -r '{made}' {out}"

    for language, code in blocks(page):
        if language in SHOWN:
            continue
        assert language in run, f"{page.name}: a block in {language or 'no language'}"
        runs(language, MAKE.sub(copied, code))


def commands(command: Any, name: str = "") -> Iterator[str]:
    for child, inner in getattr(command, "commands", {}).items():
        yield f"{name} {child}".strip()
        yield from commands(inner, f"{name} {child}")


def assert_references_are_whole(site: Path) -> None:
    """Every command, archetype, detector and task has its place, and search finds what readers look for."""
    expected = {
        "commands": [f">{name}<a" for name in commands(typer.main.get_command(app))],
        "archetypes": [f'id="{name.lower()}"' for name in archetypes()],
        "detectors": [f"<code>{name}</code>" for name in (*DETECTORS, *UPPER_BOUNDS)],
        "tasks": [f"Format: {name}" for name in TASKS],
        "results": ["xgboost-relational"],
    }
    for page, parts in expected.items():
        text = (site / page / "index.html").read_text("utf-8")
        assert [part for part in parts if part not in text] == []
    assert_search_finds(json.loads((site / "search" / "search_index.json").read_text("utf-8")))


def assert_search_finds(index: Any) -> None:
    """Each word leads to its page: a token that the search box makes of the page begins with it."""
    tokens: dict[str, set[str]] = {}
    for part in index["docs"]:
        page = part["location"].partition("#")[0].strip("/")
        text = re.sub("<[^>]*>", " ", f"{part['title']} {part['text']}").casefold()
        words = re.split(index["config"]["separator"], text)
        tokens.setdefault(page, set()).update(words)
    lost = {word: page for word, page in WORDS.items() if not any(t.startswith(word) for t in tokens[page])}
    assert lost == {}


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    for page in PAGES:
        folder = tmp_path / "site" / ("" if page.stem == "index" else page.stem)
        assert (folder / "index.html").is_file()
    assert_references_are_whole(tmp_path / "site")
    text = (tmp_path / "site" / "columns" / "index.html").read_text("utf-8")
    assert "output_tokens" in text
    assert 'role="dialog" aria-label="Search"' in text
    assert not re.search(r'(src|href)="https?://(fonts|cdn|unpkg)', text)
