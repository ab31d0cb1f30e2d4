"""Boards for programs: board.json and board.csv."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from leaderboard.records.scorecard import EVALUATOR_VERSION
from leaderboard.site import board_query
from leaderboard.site.live_boards import EntryPage, View

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%", "＝", "＋", "－", "＠")


def document(view: View) -> dict[str, Any]:
    """A board as one JSON object."""
    return {
        "dataset": view.world,
        "task": view.task,
        "evaluator": EVALUATOR_VERSION,
        "primary": board_query.primary(view.task).title,
        "entries": [row(e) for e in view.entries],
    }


def row(e: EntryPage) -> dict[str, Any]:
    """An entry as one JSON object; contacts are the operator's alone."""
    return {
        "id": e.id,
        "rank": e.rank,
        "name": e.name,
        "team": e.team,
        "field_groups": e.fields,
        "mark": e.mark,
        "code_url": e.tags.get("card.code_url", ""),
        "paper_url": e.tags.get("card.paper_url", ""),
        "external_data": e.tags.get("card.external_data") == "True",
        "when": e.when.isoformat(),
        "metrics": dict(sorted(e.metrics.items())),
    }


def as_json(view: View) -> bytes:
    """board.json."""
    return json.dumps(document(view), ensure_ascii=False).encode()


def as_csv(view: View) -> bytes:
    """board.csv: no cell of it is a formula to a spreadsheet."""
    metrics = sorted({m for e in view.entries for m in e.metrics})
    head = ("rank", "id", "name", "team", "field_groups", "mark", "code_url", "paper_url", "external_data", "when")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*head, *metrics])
    for e in view.entries:
        found = row(e)
        numbers = [repr(e.metrics[m]) if m in e.metrics else "" for m in metrics]
        writer.writerow([*(_cell(found[h]) for h in head), *numbers])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
