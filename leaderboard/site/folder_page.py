"""`board.html` of a board's folder: one page without outside resources, with the boards of every dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from generator import files
from leaderboard.records.task_definitions import DEFAULT, TASKS
from leaderboard.site import templating
from leaderboard.tracking.board import RANK_RULE, Board


def render(boards: Sequence[Board]) -> str:
    """HTML of the boards of one task; every text of a submission is escaped.

    Parameters
    ----------
    boards : sequence of Board
        One for each dataset; the first is the one that was asked for.
    """
    task = TASKS[boards[0].task]
    template = templating.environment().get_template("folder.html.j2")
    return template.render(boards=boards, task=task, rule=RANK_RULE)


def path(folder: Path, task: str) -> Path:
    """Where the page of a task is kept.

    Parameters
    ----------
    folder : Path
        Of the board.
    task : str
        Key of `task_definitions.TASKS`.

    Examples
    --------
    >>> [path(Path("siphonbench-board"), task).name for task in ("accounts", "early")]
    ['board.html', 'board-early.html']
    """
    return folder / ("board.html" if task == DEFAULT else f"board-{task}.html")


def write(boards: Sequence[Board], file: Path) -> Path:
    """Write the page; it appears under its name only when it is complete.

    Parameters
    ----------
    boards : sequence of Board
        As for `render`.
    file : Path
        Replaced if it is there; its folder is made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    return files.write_text(file, render(boards))
