"""Grades of a class: as CSV that learning management systems take, and as the instructor's page."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from html import escape

from generator.errors import UserError
from leaderboard.seasons.roster import Student

POINTS = 100


@dataclass(frozen=True)
class GradeLine:
    """What a student has reached.

    Attributes
    ----------
    student : Student
        Who.
    best : dict of str to float
        Best score of each task that was judged.
    attempts : int
        How many were judged.
    points : float
        Out of `POINTS`.
    """

    student: Student
    best: dict[str, float]
    attempts: int
    points: float


def points(best: dict[str, float], tasks: tuple[str, ...], full: float) -> float:
    """Mean over the tasks of the share of the full score that was reached; a task without an answer counts 0."""
    shares = [min(1.0, max(0.0, best.get(task, 0.0) / full)) for task in tasks]
    return round(POINTS * sum(shares) / len(shares), 1)


def check_full(full: float) -> None:
    """Refuse a full score that nobody or everybody reaches."""
    if not 0 < full <= 1:
        raise UserError(f"--full {full:g}: the score that gets all points must be above 0 and at most 1")


def _canvas(assignment: str, lines: list[GradeLine]) -> list[list[str]]:
    head = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment]]
    head.append(["    Points Possible", "", "", "", "", str(POINTS)])
    rows = [[x.student.name, "", x.student.id, x.student.email, "", f"{x.points:g}"] for x in lines]
    return head + rows


def _moodle(assignment: str, lines: list[GradeLine]) -> list[list[str]]:
    head = ["ID number", "Full name", "Email address", assignment]
    return [head, *([x.student.id, x.student.name, x.student.email, f"{x.points:g}"] for x in lines)]


FORMATS = {"canvas": _canvas, "moodle": _moodle}


def table(lms: str, assignment: str, lines: list[GradeLine]) -> str:
    """CSV of all grades, as a system imports it.

    Raises
    ------
    UserError
        If the system is not known.
    """
    if lms not in FORMATS:
        raise UserError(f"--lms {lms!r} is none of {', '.join(FORMATS)}")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(FORMATS[lms](assignment, lines))
    return out.getvalue()


def page(title: str, closes: str, tasks: tuple[str, ...], lines: list[GradeLine]) -> str:
    """The instructor's page: everybody by name; for the instructor alone."""
    head = ("Student", "Id", "Nickname", *(f"Best, {task}" for task in tasks), "Attempts", "Points")
    ordered = sorted(lines, key=lambda line: (-line.points, line.student.name))
    rows = [
        (
            *(line.student.name, line.student.id, line.student.nickname),
            *(f"{line.best[task]:g}" if task in line.best else "-" for task in tasks),
            *(str(line.attempts), f"{line.points:g}"),
        )
        for line in ordered
    ]
    handed = sum(line.attempts > 0 for line in lines)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; font-family: system-ui, sans-serif }}
body {{ margin: 2rem auto; max-width: 70rem; padding: 0 1rem }} div {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .8rem; text-align: left }}
</style></head>
<body><h1>{escape(title)}</h1>
<p>{handed} of {len(lines)} students have handed in. Closes at {escape(closes)}. For the instructor alone.</p>
<div><table><thead><tr>{"".join(f'<th scope="col">{escape(h)}</th>' for h in head)}</tr></thead>
<tbody>
{body}
</tbody></table></div></body></html>
"""
