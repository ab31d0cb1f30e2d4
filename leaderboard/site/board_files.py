"""Boards for programs: board.json and board.csv."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from leaderboard.records.spreadsheet_text import neutral
from leaderboard.records.task_definitions import TASKS
from leaderboard.tracking.board import Board, RankedEntry


def document(board: Board) -> dict[str, Any]:
    """A board as one JSON object.

    Parameters
    ----------
    board : Board
        Of one dataset and task.
    """
    return {
        "dataset": board.digest,
        "task": board.task,
        "evaluator": board.evaluator,
        "primary": TASKS[board.task].primary_column.title,
        "entries": [row(e) for e in board.entries],
    }


def row(e: RankedEntry) -> dict[str, Any]:
    """An entry as one JSON object; contacts are the operator's alone.

    Parameters
    ----------
    e : RankedEntry
        Of a board.
    """
    return {
        "id": e.id,
        "rank": e.rank,
        "name": e.name,
        "team": e.team,
        "field_groups": e.field_groups,
        "mark": e.mark,
        "code_url": e.tags.get("card.code_url", ""),
        "paper_url": e.tags.get("card.paper_url", ""),
        "external_data": e.tags.get("card.external_data") == "True",
        "when": e.when.isoformat(),
        "metrics": dict(sorted(e.numbers.items())),
    }


def as_json(board: Board) -> bytes:
    """board.json.

    Parameters
    ----------
    board : Board
        Of one dataset and task.
    """
    return json.dumps(document(board), ensure_ascii=False).encode()


def as_csv(board: Board) -> bytes:
    """board.csv: no cell of it is a formula to a spreadsheet.

    Parameters
    ----------
    board : Board
        Of one dataset and task.
    """
    metrics = sorted({m for e in board.entries for m in e.numbers})
    head = ("rank", "id", "name", "team", "field_groups", "mark", "code_url", "paper_url", "external_data", "when")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*head, *metrics])
    for e in board.entries:
        cells = row(e)
        numbers = [repr(e.numbers[m]) if m in e.numbers else "" for m in metrics]
        writer.writerow([*(neutral(str(cells[h])) for h in head), *numbers])
    return out.getvalue().encode()
