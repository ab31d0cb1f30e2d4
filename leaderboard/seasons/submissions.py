"""The desk of a season: takes submissions, judges them unseen, and answers rounded and at set times.

What a team learns before the end is whether its file is sound, which public tables decide alone; when its answer
comes, which the clock decides alone; and then one rounded number. Judging is done beside requests, so that no
request waits for it.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from generator.dataset import Split
from generator.errors import UserError
from leaderboard.records.moments import moment
from leaderboard.seasons import receipts, standings
from leaderboard.seasons.attempts_table import ATTEMPTS, writing
from leaderboard.seasons.blob_store import BlobStore
from leaderboard.seasons.receipts import ChainLink
from leaderboard.seasons.rules import Rules
from leaderboard.seasons.standings import Standing
from leaderboard.tasks import parts, scoring
from leaderboard.tasks.parts import FEEDBACK, Parts
from leaderboard.tracking.database import now, retrying

_DAY = 86400
_LOG = logging.getLogger(__name__)
_FAULT = "it could not be judged: ask the organiser"
_A = ATTEMPTS.c


@dataclass(frozen=True)
class ScoredSplit:
    """What a team is asked about.

    Attributes
    ----------
    split : Split
        With open labels: only `leaderboard.tasks` looks at them.
    digest : str
        Of the public tables.
    parts : Parts
        Which accounts give feedback, and which count.
    """

    split: Split
    digest: str
    parts: Parts = field(default_factory=Parts)

    @property
    def public(self) -> Split:
        """What the team may see."""
        return self.split.without_labels()

    def score(self, task: str, rows: pl.DataFrame, part: str = FEEDBACK) -> float:
        """The metric that ranks entries of a task, on one part of the accounts.

        Parameters
        ----------
        task : str
            Key of `rules.TASKS`.
        rows : polars.DataFrame
            Of a valid submission.
        part : str
            `parts.FEEDBACK` or `parts.COUNTING`.
        """
        return parts.primary(task, rows, self.split, self.digest, self.parts, part).value


@dataclass(frozen=True)
class Receipt:
    """What a team holds of an attempt.

    Attributes
    ----------
    id : str
        Names it; 128 random bits.
    due : datetime
        When its answer comes.
    left : int
        Attempts that are left today for this task.
    link : ChainLink
        Its place in the chain of all attempts.
    """

    id: str
    due: datetime
    left: int
    link: ChainLink


@dataclass(frozen=True)
class SeasonAnswer:
    """What is said about an attempt.

    Attributes
    ----------
    score : float or None
        Rounded; None while it is not out.
    said : str
        For people.
    """

    task: str
    score: float | None
    said: str


class SeasonService:
    """Where teams hand in.

    Parameters
    ----------
    rules : Rules
        What is allowed.
    world : callable
        World that a team is asked about.
    engine : sqlalchemy.Engine
        See `ledger.engine`.
    shelf : BlobStore
        Where files are kept.
    commitment : str
        What the chain of attempts stands on.
    """

    def __init__(
        self,
        rules: Rules,
        world: Callable[[str], ScoredSplit],
        engine: sa.Engine,
        shelf: BlobStore,
        commitment: str = "",
    ) -> None:
        self.rules, self.world, self.engine, self.shelf = rules, world, engine, shelf
        self.commitment = commitment

    def submit(self, team: str, task: str, path: Path, when: float | None = None) -> Receipt:
        """Take a submission; one that is refused uses no attempt.

        Raises
        ------
        UserError
            Outside of the season, for a task that is not asked, without an attempt left, or with all faults
            of the file.
        """
        made = now() if when is None else when
        self.check_open(made)
        self._check_task(task)
        if self.rules.daily:
            raise UserError(
                f"{self.rules.name} takes the scores of one day after the other, no file for all of them"
            )
        with self.engine.connect() as connection:
            self._number(connection, team, task, made)
        table = scoring.read_submission(self.world(team).public, task, path).predictions
        file = self.shelf.keep(table)
        id_, due = secrets.token_hex(16), self.rules.due(made)

        def insert() -> tuple[int, ChainLink]:
            # Limits hold for what is taken: they are checked where nobody else takes anything.
            with writing(self.engine) as connection:
                number = self._number(connection, team, task, made)
                row = {"id": id_, "team": team, "task": task, "utc_day": int(made // _DAY), "number": number}
                row |= {"made": made, "due": due, "file": file}
                return number, receipts.append(connection, self.commitment, row)

        number, link = retrying(insert, lambda error: isinstance(error, sa.exc.SQLAlchemyError))
        return Receipt(id_, _time(due), self.rules.attempts - number - 1, link)

    def check_open(self, when: float) -> None:
        """Refuse what comes too early, too late, or once the season is closed.

        Parameters
        ----------
        when : float
            Seconds since 1970.

        Raises
        ------
        UserError
            If it does.
        """
        self.rules.check_open(when)
        with self.engine.connect() as connection:
            receipts.check_not_closed(connection)

    def settle(self) -> int:
        """Judge all attempts that wait, whether their answers are due or not; how many there were."""
        waiting = sa.select(ATTEMPTS).where(_A.score.is_(None), _A.fault.is_(None)).order_by(_A.made, _A.id)
        with self.engine.connect() as connection:
            rows = connection.execute(waiting).all()
        for row in rows:
            values = self._judged(row.team, row.task, row.file)
            retrying(lambda id_=row.id, values=values: self._set(id_, values))  # type: ignore[misc]
        return len(rows)

    def answer(self, team: str, id_: str, when: float | None = None) -> SeasonAnswer:
        """What is said about an attempt of the team by now.

        Raises
        ------
        UserError
            If the team has no such attempt.
        """
        with self.engine.connect() as connection:
            row = connection.execute(ATTEMPTS.select().where(_A.id == id_, _A.team == team)).one_or_none()
        if row is None:
            raise UserError("you have no such attempt: take the id from its receipt")
        if (now() if when is None else when) < row.due:
            return SeasonAnswer(row.task, None, f"comes at {moment(_time(row.due))}")
        if row.fault or row.score is None:
            return SeasonAnswer(row.task, None, row.fault or "is being judged: come back soon")
        return SeasonAnswer(row.task, round(row.score, self.rules.decimals), "judged")

    def standings(self, task: str, when: float | None = None) -> list[Standing]:
        """Each team's best answer among those that are out, best first; see `standings.table`.

        Raises
        ------
        UserError
            If the task is not asked.
        """
        self._check_task(task)
        asked = sa.select(ATTEMPTS).where(_A.task == task, _A.due <= (now() if when is None else when))
        with self.engine.connect() as connection:
            rows = connection.execute(asked.where(_A.score.is_not(None)).order_by(_A.sequence)).all()
            closed = receipts.closing(connection) is not None
        return standings.table(rows, self.rules.decimals, closed)

    def _check_task(self, task: str) -> None:
        if task not in self.rules.tasks:
            raise UserError(f"task {task[:40]!r} is not asked in {self.rules.name}: {', '.join(self.rules.tasks)}")

    def _number(self, connection: sa.Connection, team: str, task: str, made: float) -> int:
        mine = sa.select(sa.func.count()).where((_A.team == team) & (_A.task == task))
        if connection.execute(mine).scalar_one() >= self.rules.total:
            raise UserError(
                f"all {self.rules.total} attempts at {task} of {self.rules.name} are used: no more come"
            )
        used = connection.execute(mine.where(_A.utc_day == int(made // _DAY))).scalar_one()
        if used >= self.rules.attempts:
            raise UserError(
                f"all {self.rules.attempts} attempts at {task} of this day are used: come back after midnight UTC"
            )
        return int(used)

    def _judged(self, team: str, task: str, file: str) -> dict[str, float | str]:
        world = self.world(team)
        try:
            score = world.score(task, self.shelf.read(file))
        except (UserError, pl.exceptions.PolarsError, OSError) as error:
            # What the labels made of it is for nobody: neither the team nor the log is told more.
            _LOG.warning("an attempt at %s could not be judged: %s", task, type(error).__name__)
            return {"fault": _FAULT}
        return {"score": score} if math.isfinite(score) else {"fault": _FAULT}

    def _set(self, id_: str, values: dict[str, float | str]) -> None:
        with self.engine.begin() as connection:
            connection.execute(ATTEMPTS.update().where(_A.id == id_).values(**values))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
