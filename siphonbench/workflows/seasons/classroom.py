"""Classes and the worlds of their students, composed of generator and leaderboard: for the commands alone."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from generator import files
from siphonbench.workflows.seasons import sealing
from siphonbench.workflows.seasons.class_changes import changing, new_token
from siphonbench.workflows.seasons.class_folder import EVERYBODY, HANDOUT, LOCK, SECRET, SHARED, SPLITS, Class

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from leaderboard.seasons.attempt_scoring import ScoredSplit
    from leaderboard.seasons.roster import Student
    from leaderboard.seasons.rules import Rules, Season
    from leaderboard.seasons.submissions import SeasonService

PRESET = "small"
"""Size at which grades mean something: on nano, six campaigns decide, and half of them count."""
_README = """{title}, world of {nickname}

data/       Your own world: train and validation with labels, test without.
token.txt   Yours alone: whoever has it hands in as you.

Score every account of test, and write account_id and score to predictions.parquet or predictions.csv; then
hand that file in with your token. {attempts} attempts a day, until {closes}, and {total} in all.
Start with: siphonbench baselines run volume --data data --out entries

Hand in by giving the file to your instructor or, at the address they name, with

    curl -T predictions.csv -H "Authorization: Bearer $(cat token.txt)" http://ADDRESS/api/v1/season/tasks/{task}

The answer holds an id; your score is at http://ADDRESS/api/v1/season/attempts/ID, with the same header.
It is about one half of the campaigns; your grade is about the other half, for the attempt with your best score.
"""


def new(folder: Path, rules: Rules, config: Config, board: str, same: bool, shared_test: bool = False) -> Class:
    """A class without students.

    Parameters
    ----------
    folder : Path
        New folder.
    rules, board, same, shared_test
        See `Class`.
    config : Config
        Of all its worlds.
    """
    from generator.pipeline import sealed_worlds
    from leaderboard.seasons import attempts_table

    with sealing.removed_on_failure(folder):
        folder.mkdir(mode=files.PRIVATE)
        files.leave_out_of_git(folder)
        sealed_worlds.write(sealed_worlds.new(config, sealing.evaluator(), SPLITS), folder / SECRET)
        room = Class(folder, rules, board, same, (), {}, shared_test)
        room.save()
        (folder / LOCK).touch(0o600)
        attempts_table.engine(_database(room))
    return room


def enrol(room: Class, roster: Path, tick: sealing.Tick) -> list[Student]:
    """Put a roster's new students into a class: a world, a folder to hand out and a token for each; or nothing.

    Parameters
    ----------
    room : Class
        The class.
    roster : Path
        CSV file.
    tick : callable
        Told (done, total).

    Raises
    ------
    UserError
        With all faults of the roster.
    """
    with changing(room.folder) as now:
        return _enrol(now, roster, tick)


def _enrol(room: Class, roster: Path, tick: sealing.Tick) -> list[Student]:
    from leaderboard.seasons import roster as rosters

    fresh = rosters.read(roster, room.students)
    numbers: Iterator[int] = (secrets.randbelow(1 << 30) for _ in repeat(None))
    students = rosters.nicknames(fresh, (s.nickname for s in room.students), numbers)
    tokens: dict[str, str] = {}
    shared = {room.folder / "worlds" / name for name in (EVERYBODY, SHARED)}
    folders = [room.folder / part / s.nickname for s in students for part in ("worlds", HANDOUT)]
    with sealing.removed_on_failure(*folders, *(folder for folder in shared if not folder.exists())):
        for done, student in enumerate(students, 1):
            tokens[student.nickname] = _furnish(room, student)
            tick(done, len(students))
        everybody = (*room.students, *students)
        replace(room, students=everybody, tokens=(room.tokens or {}) | tokens).save()
    return students


def _furnish(room: Class, student: Student) -> str:
    """Make what a student gets; the hash of the token."""
    from generator.pipeline import sealed_publication
    from leaderboard.records.moments import moment

    train, test = room.trained_on(student.nickname), room.tested_on(student.nickname)
    out = room.folder / HANDOUT / student.nickname
    for stale in (out, room.folder / "worlds" / student.nickname):  # of an import that was cut off
        shutil.rmtree(stale, ignore_errors=True)
    out.mkdir(parents=True)
    others = [room.world(test)] if test != train else []
    name, commitment = f"{room.rules.name}-{student.nickname}", room.seal_of(train).commitment
    sealed_publication.publish(room.world(train), out / "data", name, commitment, True, *others)
    token = new_token(room, student.nickname)
    values = {"attempts": room.rules.attempts, "total": room.rules.total, "closes": moment(room.rules.closes)}
    values |= {"title": room.rules.name, "task": room.rules.tasks[0], "nickname": student.nickname}
    (out / "README.txt").write_text(_README.format(**values), "utf-8")
    return token


def scored_split(room: Class, nickname: str) -> ScoredSplit:
    """What a student is asked about, with its labels.

    Parameters
    ----------
    room : Class
        The class.
    nickname : str
        Of the student.
    """
    name = room.tested_on(nickname)
    return sealing.scored_split(room.world(name), room.seal_of(name))


def service(room: Class) -> SeasonService:
    """Where the students of a class hand in.

    Parameters
    ----------
    room : Class
        The class.
    """
    from leaderboard.seasons import attempts_table, submissions
    from leaderboard.seasons.blob_store import BlobStore

    engine = attempts_table.engine(_database(room))
    store = BlobStore(room.folder / "entries")
    made = submissions.SeasonService(room.rules, partial(scored_split, room), engine, store, room.seal.commitment)
    made.extended = room.deadlines
    return made


def _database(room: Class) -> str:
    return f"sqlite:///{(room.folder / 'class.db').resolve()}"


def season(room: Class) -> Season:
    """What is told of a class over HTTP.

    Parameters
    ----------
    room : Class
        The class.
    """
    from leaderboard.seasons.rules import Season

    config = room.seal.config
    start = config.window("test").replace(tzinfo=None).isoformat()
    shown = Season(room.rules, room.seal.commitment, "", room.seal.evaluator, config.accounts, config.days, start)
    return shown.committed()
