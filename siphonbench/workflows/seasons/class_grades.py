"""Grades of a class: each student's attempt on the part that counts, beside references on the same world."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator import files
from siphonbench.workflows.seasons import classroom

if TYPE_CHECKING:
    from leaderboard.seasons.grades import GradeLine, PointScale, TaskResult
    from leaderboard.seasons.submissions import SeasonService
    from siphonbench.workflows.seasons.class_folder import Class

REFERENCES = {
    "accounts": {"xgboost-aggregates": 50.0, "xgboost-relational": 100.0},
    "campaigns": {"leiden-fusion": 100.0},
    "requests": {"xgboost-requests": 100.0},
}
"""(a) Points of the detectors that come with the package, by task; what tells nothing gets none."""


DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class Grades:
    """Grades of a class.

    Attributes
    ----------
    lines : list of GradeLine
        One per student, in the order of the roster.
    notes : list of str
        Sentences on how points come about.
    """

    lines: list[GradeLine]
    notes: list[str]


def grades(room: Class, full: float | None, tick: Callable[[int, int], None]) -> Grades:
    """Grade everybody; all that waits is judged first.

    Parameters
    ----------
    room : Class
        The class.
    full : float or None
        Score that gets all points whatever the world; None: points come from the references on each world.
    tick : callable
        Told (done, total).

    Raises
    ------
    UserError
        If the scale means nothing.
    """
    from leaderboard.seasons.grades import full_scale, line

    fixed = full_scale(full) if full is not None else None
    service = classroom.service(room)
    service.score_waiting()
    results, attempts, late = _results(room, service)
    lines = []
    for done, student in enumerate(room.students, 1):
        name, nickname = room.tested_on(student.nickname), student.nickname
        scales = {task: fixed or reference_scale(room, name, task) for task in room.rules.tasks}
        lines.append(line(student, results.get(nickname, {}), attempts[nickname], scales))
        tick(done, len(room.students))
    return Grades(lines, [*_notes(room, full), *late])


def _results(
    room: Class, service: SeasonService
) -> tuple[dict[str, dict[str, TaskResult]], Counter[str], list[str]]:
    """What each student reached in each task, how many attempts were judged, and a sentence on each late one."""
    import sqlalchemy as sa

    from leaderboard.metrics.resampling import FOLDS
    from leaderboard.seasons import standings
    from leaderboard.seasons.attempts_table import ATTEMPTS
    from leaderboard.seasons.grades import TaskResult
    from leaderboard.tasks import parts

    decimals = room.rules.decimals
    results: dict[str, dict[str, TaskResult]] = {}
    late = []
    with service.engine.connect() as connection:
        judged = sa.select(ATTEMPTS).where(ATTEMPTS.c.score.is_not(None)).order_by(ATTEMPTS.c.sequence)
        rows = connection.execute(judged).all()
    for task in room.rules.tasks:
        for nickname, row in standings.chosen([r for r in rows if r.task == task], decimals).items():
            world, entry = service.world(nickname), service.blobs.read(row.file)
            value = parts.primary(task, entry, world.split, world.digest, world.parts, parts.COUNTING, FOLDS)
            result = TaskResult(round(row.score, decimals), value.value, value.low, value.high)
            results.setdefault(nickname, {})[task] = result
            if (days := late_days(row.made, room.rules.closes.timestamp())) > 0:
                late.append(
                    f"{nickname}, {task}: the attempt that counts came after the deadline; late days: {days}."
                )
    return results, Counter(row.team for row in rows), late


def late_days(received: float, closes: float) -> int:
    """Days begun between a deadline and an attempt.

    Parameters
    ----------
    received, closes : float
        Seconds since 1970.

    Returns
    -------
    int
        0 for an attempt in time.

    Examples
    --------
    >>> late_days(5.0, 5.0), late_days(6.0, 5.0), late_days(2 * 86400 + 6.0, 5.0)
    (0, 1, 3)
    """
    return max(0, math.ceil((received - closes) / DAY))


def reference_scale(room: Class, world: str, task: str) -> PointScale:
    """PointScale of a task on a world of the class: its references are run once and kept.

    Parameters
    ----------
    room : Class
        The class.
    world : str
        Name of the world, see `Class.tested_on`.
    task : str
        Key of `REFERENCES`.
    """
    from leaderboard.records.scorecard import EVALUATOR_VERSION
    from leaderboard.seasons.grades import scale

    file = room.folder / "references" / f"{world}.{task}.json"
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if kept.get("evaluator") != EVALUATOR_VERSION or set(kept["references"]) != set(REFERENCES[task]):
        chance, references = _run_references(room, world, task)
        kept = {"evaluator": EVALUATOR_VERSION, "chance": chance, "references": references}
        file.parent.mkdir(mode=0o700, exist_ok=True)
        files.write_text(file, json.dumps(kept, indent=1))
    return scale(kept["chance"], kept["references"], REFERENCES[task])


def _run_references(room: Class, world: str, task: str) -> tuple[float, dict[str, float]]:
    """Chance and each reference's score on the part of a world that counts."""
    from baselines.base import evaluation
    from baselines.registry import DETECTORS
    from generator import dataset
    from leaderboard.tasks import parts
    from siphonbench.workflows.seasons import sealing

    train = dataset.load(room.world(world)).reveal("train")
    scored = sealing.scored_split(room.world(world), room.seal_of(world))
    chance, references = 0.0, {}
    for name in REFERENCES[task]:
        answer = evaluation.run(DETECTORS[name](), train, scored.split, task).predictions
        value = parts.primary(task, answer, scored.split, scored.digest, scored.parts, parts.COUNTING)
        chance, references[name] = value.chance, value.value
    return chance, references


def _notes(room: Class, full: float | None) -> list[str]:
    notes = [
        "Feedback is about one half of the campaigns; the grade is about the other half, for the attempt with the "
        "best feedback, the latest among equals."
    ]
    if full is not None:
        return [*notes, f"All points are given from a score of {full:g} on, whatever the world."]
    for task in room.rules.tasks:
        worth = ", ".join(f"{name} {points:g}" for name, points in REFERENCES[task].items())
        notes.append(
            f"Points in {task}, on each student's own test world: chance 0, {worth}; straight lines between."
        )
    return notes
