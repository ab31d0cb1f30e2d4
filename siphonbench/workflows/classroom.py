"""Classes and the worlds of their students, composed of generator and leaderboard: for the commands alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from siphonbench.workflows import seasons

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from generator.pipeline.sealed_worlds import Seal
    from leaderboard.seasons.attempt_scoring import ScoredSplit
    from leaderboard.seasons.grades import GradeLine
    from leaderboard.seasons.roster import Student
    from leaderboard.seasons.rules import Rules, Season
    from leaderboard.seasons.submissions import SeasonService

FILE, SECRET, HANDOUT = "class.json", "class.secret", "hand-out"
BOARDS = ("private", "nicknames")
_SPLITS = ("train", "validation", "test")
_README = """{title}, world of {nickname}

data/       Your own world: train and validation with labels, test without.
token.txt   Yours alone: whoever has it hands in as you.

Score every account of test, and write account_id and score to predictions.parquet or predictions.csv; then
hand that file in with your token. {attempts} attempts a day, until {closes}.
Start with: siphonbench baselines run volume --data data --out entries

Hand in by giving the file to your instructor or, at the address they name, with

    curl -T predictions.csv -H "Authorization: Bearer $(cat token.txt)" http://ADDRESS/api/v1/season/tasks/{task}

The answer holds an id; your score is at http://ADDRESS/api/v1/season/attempts/ID, with the same header.
"""


@dataclass(frozen=True)
class Class:
    """A class, in a folder that only its instructor can enter.

    Attributes
    ----------
    folder : Path
        Of the class.
    rules : Rules
        What students may do.
    board : str
        One of `BOARDS`.
    same : bool
        Whether all students have the same world.
    students : tuple of Student
        With nicknames.
    tokens : dict of str to str
        SHA-256 of each student's token, by nickname.
    """

    folder: Path
    rules: Rules
    board: str
    same: bool
    students: tuple[Student, ...] = ()
    tokens: dict[str, str] | None = None

    @cached_property
    def seal(self) -> Seal:
        """The secret of the class."""
        from generator.pipeline import sealed_worlds

        return sealed_worlds.read(self.folder / SECRET)

    def seal_of(self, nickname: str) -> Seal:
        """What a student's world is made from."""
        from generator.rng import keyed_streams

        who = "everybody" if self.same else nickname
        config = replace(self.seal.config, secret=keyed_streams.derive(self.seal.config.secret, "student", who))
        return replace(self.seal, config=config)

    def who(self, token: str) -> str | None:
        """Nickname of the student of a token; None for one that is none."""
        mine, found = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest(), None
        for nickname, known in (self.tokens or {}).items():
            if hmac.compare_digest(mine, known):
                found = nickname
        return found

    def save(self) -> None:
        """Write class.json under a temporary name, then rename it."""
        from leaderboard.records.moments import moment

        plain = asdict(replace(self, folder=Path()))
        plain["rules"] |= {k: moment(getattr(self.rules, k)) for k in ("opens", "closes")}
        temporary = self.folder / (FILE + ".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({k: v for k, v in plain.items() if k != "folder"}, indent=1), "utf-8")
        temporary.rename(self.folder / FILE)


def opened(folder: Path) -> Class:
    """Class of a folder.

    Raises
    ------
    UserError
        If it holds none.
    """
    from datetime import datetime

    from leaderboard.seasons.roster import Student
    from leaderboard.seasons.rules import Rules

    try:
        plain: dict[str, Any] = json.loads((folder / FILE).read_text("utf-8"))
        rules = plain["rules"]
        times = {k: datetime.fromisoformat(rules[k]) for k in ("opens", "closes")}
        plain["rules"] = Rules(**rules | times | {"tasks": tuple(rules["tasks"])})
        plain["students"] = tuple(Student(**s) for s in plain["students"])
        return Class(folder, **plain)
    except OSError as error:
        raise UserError(
            f"{folder} holds no class ({error.strerror}): make one with siphonbench class new"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder / FILE} is no class ({error!r}): take the file as it was written") from error


def new(folder: Path, rules: Rules, config: Config, board: str, same: bool) -> Class:
    """A class without students, in a new folder."""
    from generator.pipeline import sealed_worlds

    folder.mkdir(mode=0o700)
    with seasons.removed_on_failure(folder):
        sealed_worlds.write(sealed_worlds.new(config, seasons.evaluator(), _SPLITS), folder / SECRET)
        made = Class(folder, rules, board, same, (), {})
        made.save()
    return made


def enrol(room: Class, roster: Path, tick: seasons.Tick) -> list[Student]:
    """Put a roster's new students into a class: a world, a folder to hand out and a token for each; or nothing."""
    from leaderboard.seasons import roster as rosters

    fresh = rosters.read(roster, room.students)
    numbers: Iterator[int] = (secrets.randbelow(1 << 30) for _ in repeat(None))
    students = rosters.nicknames(fresh, (s.nickname for s in room.students), numbers)
    tokens: dict[str, str] = {}
    made = [room.folder / part / s.nickname for s in students for part in ("worlds", HANDOUT)]
    with seasons.removed_on_failure(*made):
        for done, student in enumerate(students, 1):
            tokens[student.nickname] = _furnish(room, student)
            tick(done, len(students))
        everybody = (*room.students, *students)
        replace(room, students=everybody, tokens=(room.tokens or {}) | tokens).save()
    return students


def _furnish(room: Class, student: Student) -> str:
    """Make what a student gets; the hash of the token."""
    from generator.pipeline import sealed_publication, sealed_worlds
    from leaderboard.records.moments import moment

    sealed, world = room.seal_of(student.nickname), _world(room, student.nickname)
    out = room.folder / HANDOUT / student.nickname
    for stale in (out, *([] if room.same else [world])):  # of an import that was cut off
        shutil.rmtree(stale, ignore_errors=True)
    if not world.exists():
        world.parent.mkdir(mode=0o700, exist_ok=True)
        sealed_worlds.world(sealed, world)
    out.mkdir(parents=True)
    sealed_publication.publish(world, out / "data", f"{room.rules.name}-{student.nickname}", sealed.commitment)
    token = secrets.token_urlsafe(32)
    (out / "token.txt").write_text(token + "\n", "utf-8")
    told = {"attempts": room.rules.attempts, "closes": moment(room.rules.closes), "title": room.rules.name}
    told["task"] = room.rules.tasks[0]
    (out / "README.txt").write_text(_README.format(nickname=student.nickname, **told), "utf-8")
    return hashlib.sha256(token.encode()).hexdigest()


def _world(room: Class, nickname: str) -> Path:
    return room.folder / "worlds" / ("_everybody" if room.same else nickname)  # no nickname begins so


def service(room: Class) -> SeasonService:
    """Where the students of a class hand in."""
    from leaderboard.seasons import attempts_table, submissions
    from leaderboard.seasons.blob_store import BlobStore

    def world(nickname: str) -> ScoredSplit:
        return seasons.scored_split(_world(room, nickname), room.seal_of(nickname))

    engine = attempts_table.engine(f"sqlite:///{(room.folder / 'class.db').resolve()}")
    store = BlobStore(room.folder / "entries")
    return submissions.SeasonService(room.rules, world, engine, store, room.seal.commitment)


def season(room: Class) -> Season:
    """What is told of a class over HTTP."""
    from leaderboard.seasons.rules import Season

    config = room.seal.config
    start = config.window("test").replace(tzinfo=None).isoformat()
    shown = Season(room.rules, room.seal.commitment, "", room.seal.evaluator, config.accounts, config.days, start)
    return shown.committed()


def lines(room: Class, full: float) -> list[GradeLine]:
    """What every student has reached, in the order of the roster; all that waits is judged first."""
    from leaderboard.seasons import grades

    grades.check_full(full)
    at = service(room)
    at.score_waiting()
    best: dict[str, dict[str, float]] = {s.nickname: {} for s in room.students}
    attempts = dict.fromkeys(best, 0)
    for task in room.rules.tasks:
        for standing in at.standings(task, float("inf")):
            best[standing.team][task] = standing.score
            attempts[standing.team] += standing.attempts
    make: Callable[[Student], GradeLine] = lambda s: grades.GradeLine(  # noqa: E731
        s, best[s.nickname], attempts[s.nickname], grades.points(best[s.nickname], room.rules.tasks, full)
    )
    return list(map(make, room.students))
