"""The board as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.records.task_definitions import TASKS
from leaderboard.tracking.board import RANK_RULE, Board, warning

if TYPE_CHECKING:
    from rich.table import Table

_MOST = 4  # columns beside the primary metric that 80 characters hold; the page has every number


def table(board: Board) -> Table:
    """The board for a terminal.

    Parameters
    ----------
    board : Board
        What is shown.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    task, columns = TASKS[board.task], board.columns[:_MOST]
    title = f"{board.task} on {board.dataset} ({board.digest[:12]}), evaluator {board.evaluator}"
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    head, rows = cells(board, _MOST)
    for name in head:
        left = name in ("entry", "fields")
        shown.add_column(name, justify="left" if left else "right", no_wrap=True, overflow="ellipsis")
    for rank, label, *others in rows:
        shown.add_row(rank, Text(label), *others)
    notes = [f"{task.short}: {task.title}; chance {board.entries[0].chance:.3f}."]
    notes += [f"{c.short}: {c.title[0].lower()}{c.title[1:]}." for c in columns if "/" not in c.number]
    notes += [f"{c.short}: {c.title}, all tiers together." for c in columns if c.number.startswith("overall/")]
    notes += ["s: seconds for training and scoring."] * board.timed
    shown.caption = " ".join([*notes, RANK_RULE, warning(board.dataset)]).strip()
    return shown


def cells(board: Board, most: int | None = None) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a board, as text.

    Parameters
    ----------
    board : Board
        What is shown.
    most : int, optional
        Columns beside the primary metric; all of the task's if left out.

    Returns
    -------
    head : list of str
        Names of the columns.
    rows : list of list of str
        Cells of each entry, best first.
    """
    columns = board.columns[:most]
    timed = ["s"] * board.timed
    head = ["#", "entry", "fields", TASKS[board.task].short, "95 %", *(c.short for c in columns), *timed]
    rows = [
        [
            str(e.rank),
            label,
            e.field_groups,
            f"{e.primary:.3f}",
            f"{e.low:.3f}-{e.high:.3f}",
            *(e.cell(c) for c in columns),
            *["-" if e.seconds is None else f"{e.seconds:.1f}"] * board.timed,
        ]
        for e, label in zip(board.entries, board.labels, strict=True)
    ]
    return head, rows
