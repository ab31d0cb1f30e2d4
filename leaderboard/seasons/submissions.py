"""The season service: takes submissions, scores them unseen, and answers rounded and at set times.

What a team learns before the end is whether its file is sound, which public tables decide alone; when its answer
comes, which the clock decides alone; and then one rounded number. Scoring is done beside requests, so that no
request waits for it; files are opened by the scoring process alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generator.errors import UserError
from leaderboard.intake.scorer import Limits
from leaderboard.records.moments import moment
from leaderboard.seasons import receipts, standings
from leaderboard.seasons.attempt_scoring import AttemptScoring, ScoredSplit
from leaderboard.seasons.attempts_table import ATTEMPTS
from leaderboard.seasons.blob_store import BlobStore
from leaderboard.seasons.receipts import ChainLink
from leaderboard.seasons.rules import Rules
from leaderboard.seasons.standings import Standing
from leaderboard.tracking.database import now, retrying, writing

_DAY = 86400  # seconds
_A = ATTEMPTS.c


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
    """What is answered about an attempt.

    Attributes
    ----------
    task : str
        What it was an attempt at.
    score : float or None
        Rounded; None while it is not out.
    message : str
        For people.
    """

    task: str
    score: float | None
    message: str


class SeasonService:
    """Where teams hand in.

    Parameters
    ----------
    rules : Rules
        What is allowed.
    world : callable
        From a team to what it is asked about.
    engine : sqlalchemy.Engine
        See `attempts_table.engine`.
    blobs : BlobStore
        Where files are kept.
    commitment : str
        What the chain of attempts stands on.
    limits : Limits
        Of reading and scoring one file.
    """

    def __init__(
        self,
        rules: Rules,
        world: Callable[[str], ScoredSplit],
        engine: sa.Engine,
        blobs: BlobStore,
        commitment: str = "",
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
    ) -> None:
        self.rules, self.world, self.engine, self.blobs = rules, world, engine, blobs
        self.commitment = commitment
        self.extended: Mapping[str, datetime] = {}  # later closing times of single teams
        self.scoring = AttemptScoring(engine, blobs, world, limits)

    def check_open(self, when: float, team: str = "") -> None:
        """Refuse what comes too early, too late, or once the season is closed.

        Parameters
        ----------
        when : float
            Seconds since 1970.
        team : str
            Who hands in; one of `extended` may do so later.

        Raises
        ------
        UserError
            If it does.
        """
        closes = max(self.rules.closes, self.extended.get(team, self.rules.closes))
        replace(self.rules, closes=closes).check_open(when)
        with self.engine.connect() as connection:
            receipts.check_not_closed(connection)

    def check(self, team: str, task: str, when: float | None = None) -> None:
        """Refuse a submission that would not be taken, whatever is in its file.

        Parameters
        ----------
        team, task : str
            Who answers what.
        when : float, optional
            Seconds since 1970; now if left out.

        Raises
        ------
        UserError
            Outside of the season, for a task that is not asked, or without an attempt left.
        """
        received = now() if when is None else when
        self.check_open(received, team)
        self._check_task(task)
        if self.rules.daily:
            raise UserError(
                f"{self.rules.name} takes the scores of one day after the other, no file for all of them"
            )
        with self.engine.connect() as connection:
            self._number(connection, team, task, received)

    def submit(self, team: str, task: str, path: Path, when: float | None = None) -> Receipt:
        """Take a submission; one that is refused uses no attempt.

        Parameters
        ----------
        team, task : str
            Who answers what.
        path : Path
            Folder or predictions file.
        when : float, optional
            Seconds since 1970; now if left out.

        Raises
        ------
        UserError
            Outside of the season, for a task that is not asked, without an attempt left, or with all faults
            of the file.
        """
        received = now() if when is None else when
        self.check(team, task, received)
        file = self.scoring.keep(team, task, path)
        id_, due = secrets.token_hex(16), self.rules.due(received)

        def insert() -> tuple[int, ChainLink]:
            # Limits hold for what is taken: they are checked where nobody else takes anything.
            with writing(self.engine) as connection:
                number = self._number(connection, team, task, received)
                row = {"id": id_, "team": team, "task": task, "utc_day": int(received // _DAY), "number": number}
                row |= {"made": received, "due": due, "file": file}
                return number, receipts.append(connection, self.commitment, row)

        number, link = retrying(insert)
        return Receipt(id_, _time(due), self.rules.attempts - number - 1, link)

    def score_waiting(self) -> int:
        """Score all attempts that wait; how many there were, see `AttemptScoring.score_waiting`."""
        return self.scoring.score_waiting()

    def answer(self, team: str, id_: str, when: float | None = None) -> SeasonAnswer:
        """What there is to say about an attempt of the team.

        Parameters
        ----------
        team : str
            Whose attempt.
        id_ : str
            Of its receipt.
        when : float, optional
            Seconds since 1970; now if left out.

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

    def receipt(self, id_: str) -> dict[str, Any]:
        """What a team keeps of an attempt, see `ChainLink.receipt`.

        Parameters
        ----------
        id_ : str
            Of an attempt that was taken.
        """
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(ATTEMPTS).where(_A.id == id_)).one()
        return receipts.link_of(row).receipt(self.commitment)

    def standings(self, task: str, when: float | None = None) -> list[Standing]:
        """Each team's best answer among those that are out, best first; see `standings.table`.

        Parameters
        ----------
        task : str
            One of the season's.
        when : float, optional
            Seconds since 1970; now if left out.

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

    def _number(self, connection: sa.Connection, team: str, task: str, received: float) -> int:
        mine = sa.select(sa.func.count()).where((_A.team == team) & (_A.task == task))
        if connection.execute(mine).scalar_one() >= self.rules.total:
            raise UserError(
                f"all {self.rules.total} attempts at {task} of {self.rules.name} are used: no more come"
            )
        used = connection.execute(mine.where(_A.utc_day == int(received // _DAY))).scalar_one()
        if used >= self.rules.attempts:
            raise UserError(
                f"all {self.rules.attempts} attempts at {task} of this day are used: come back after midnight UTC"
            )
        return int(used)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
