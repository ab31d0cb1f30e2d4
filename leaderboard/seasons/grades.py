"""Grades of a class: points on a scale that references on the same world give, as CSV and as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from generator.errors import UserError
from leaderboard.seasons.roster import Student
from leaderboard.site import templating

POINTS = 100


@dataclass(frozen=True)
class PointScale:
    """From scores to points: straight lines between anchors, nothing below the first, all points above the last.

    Attributes
    ----------
    anchors : tuple of (float, float)
        Scores and their points, both rising; two or more.

    Examples
    --------
    >>> PointScale(((0.1, 0), (0.3, 50), (0.8, 100))).points(0.55)
    75.0
    """

    anchors: tuple[tuple[float, float], ...]

    def points(self, score: float) -> float:
        """Points of a score.

        Parameters
        ----------
        score : float
            Of the metric that ranks entries.
        """
        (low, none), (_, most) = self.anchors[0], self.anchors[-1]
        if score <= low:
            return none
        for (left, less), (right, more) in pairwise(self.anchors):
            if score < right:
                return less + (more - less) * (score - left) / (right - left)
        return most


def scale(chance: float, references: Mapping[str, float], worth: Mapping[str, float]) -> PointScale:
    """PointScale of a world: chance gets nothing, each reference detector its points.

    Parameters
    ----------
    chance : float
        Score of an answer that tells nothing.
    references : mapping of str to float
        Score of each reference detector on the same accounts.
    worth : mapping of str to float
        Points of each; the best is worth them all.

    Raises
    ------
    UserError
        If no reference is better than chance, so that points would mean nothing.
    """
    anchors = [(chance, 0.0)]
    for name in sorted(worth, key=lambda name: worth[name]):
        if references[name] > anchors[-1][0]:
            anchors.append((references[name], worth[name]))
    if len(anchors) < 2 or anchors[-1][1] < POINTS:
        scores = ", ".join(f"{name} {score:.3f}" for name, score in references.items())
        raise UserError(
            f"the references ({scores}) don't stand above chance ({chance:.3f}) in their order on this world: it "
            "is too small to grade by them; make the class with --preset small, or give --full SCORE"
        )
    return PointScale(tuple(anchors))


def full_scale(full: float) -> PointScale:
    """Raw scale, whatever the world: points are the share of a full score.

    Parameters
    ----------
    full : float
        Score that gets all points, in (0, 1].

    Raises
    ------
    UserError
        If nobody or everybody would reach it.
    """
    if not 0 < full <= 1:
        raise UserError(f"--full {full:g}: the score that gets all points must be above 0 and at most 1")
    return PointScale(((0.0, 0.0), (full, POINTS)))


@dataclass(frozen=True)
class TaskResult:
    """What a student reached in a task.

    Attributes
    ----------
    feedback : float
        Best score that was told during the term.
    score, low, high : float
        Of the same attempt on the part that counts, with its 95 % interval.
    """

    feedback: float
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class GradeLine:
    """What a student has reached.

    Attributes
    ----------
    student : Student
        Who.
    results : dict of str to TaskResult
        Of each task that was answered.
    attempts : int
        How many were judged.
    points, low, high : float
        Out of `POINTS`, with the interval that the scores' intervals give; references are taken as they are.
    """

    student: Student
    results: dict[str, TaskResult]
    attempts: int
    points: float
    low: float
    high: float


def line(
    student: Student, results: dict[str, TaskResult], attempts: int, scales: Mapping[str, PointScale]
) -> GradeLine:
    """Grade of a student: mean over the tasks; a task without an answer counts 0.

    Parameters
    ----------
    student, results, attempts
        See `GradeLine`.
    scales : mapping of str to PointScale
        Of each task, on the student's world.
    """

    def mean(key: str) -> float:
        reached = [scales[task].points(getattr(result, key)) for task, result in results.items()]
        return round(sum(reached) / len(scales), 1)

    return GradeLine(student, results, attempts, mean("score"), mean("low"), mean("high"))


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
    """CSV of all grades, as a learning management system imports it.

    Parameters
    ----------
    lms : str
        Key of `FORMATS`.
    assignment : str
        Title of the column.
    lines : list of GradeLine
        One per student.

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


def page(
    title: str, closes: str, tasks: tuple[str, ...], lines: list[GradeLine], notes: Iterable[str] = ()
) -> str:
    """The instructor's page: everybody by name; for the instructor alone.

    Parameters
    ----------
    title, closes : str
        Name of the class, and its deadline.
    tasks : tuple of str
        In the order of the columns.
    lines : list of GradeLine
        One per student.
    notes : iterable of str
        Sentences on how points come about.
    """
    kinds = [("Feedback", "feedback"), ("Counts", "score")]
    scores = [(f"{title}, {task}", task, key) for task in tasks for title, key in kinds]
    head = ("Student", "Id", "Nickname", *(title for title, _, _ in scores), "Attempts", "Points", "95 % interval")
    ordered = sorted(lines, key=lambda one: (-one.points, one.student.name))
    rows = [
        (
            *(one.student.name, one.student.id, one.student.nickname),
            *(f"{getattr(one.results[task], key):.3g}" if task in one.results else "-" for _, task, key in scores),
            *(str(one.attempts), f"{one.points:g}", f"{one.low:g} to {one.high:g}"),
        )
        for one in ordered
    ]
    handed = sum(one.attempts > 0 for one in lines)
    environment = templating.environment(Path(__file__).with_name("templates"))
    template = environment.get_template("class.html.j2")
    return template.render(title=title, closes=closes, handed=handed, head=head, rows=rows, notes=list(notes))
