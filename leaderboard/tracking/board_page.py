"""The board as one HTML page without outside resources."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard.records.task_definitions import TASKS
from leaderboard.tracking.rankings import RANK_RULE, Board


def render(board: Board) -> str:
    """HTML of a board; every text of a submission is escaped."""
    folder = Path(__file__).parents[1] / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("board.html.j2").render(
        board=board,
        named=list(zip(board.entries, board.labels, strict=True)),
        task=TASKS[board.task],
        confounders=any(e.worst_archetype for e in board.entries),
        rule=RANK_RULE,
    )


def path(folder: Path, task: str) -> Path:
    """Where the page of a task is kept."""
    return folder / ("board.html" if task == "accounts" else f"board-{task}.html")


def write(board: Board, path: Path) -> Path:
    """Write the page under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(render(board), "utf-8")
    temporary.rename(path)
    return path
