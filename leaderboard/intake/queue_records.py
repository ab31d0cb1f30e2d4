"""A submission on its way to the board: its row, whose turn it is, and how many a team may send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from leaderboard.intake.refusals import TooManyError
from leaderboard.records.card import Card
from leaderboard.tracking.database import SENDS, SUBMISSIONS, TEAMS, now

QUEUED, RUNNING, FINISHED, FAILED = STATES = ("queued", "running", "finished", "failed")
TRIES = 3
"""How often a file may end its worker, or fail in an hour, before it is given up."""
_HOUR = 3600.0  # seconds
_S = SUBMISSIONS.c


@dataclass(frozen=True)
class QueuedSubmission:
    """One submission on its way to the board.

    Attributes
    ----------
    id : str
        Names it in addresses; the same file with the same card has the same one.
    team : str
        Team whose token sent it.
    world, task : str
        Digest of the dataset, and the task.
    card : Card
        What the submitter says about it.
    file, suffix : str
        SHA-256 of the predictions, and ".parquet" or ".csv".
    state : str
        One of `STATES`.
    progress : str
        What is being done, for people.
    error : str or None
        Why it failed.
    entry : str or None
        Run of the entry, once it is finished.
    ahead : int
        Submissions that are scored before it.
    """

    id: str
    team: str
    world: str
    task: str
    card: Card
    file: str
    suffix: str
    bytes: int
    state: str
    progress: str
    error: str | None
    entry: str | None
    tries: int
    created: datetime
    finished: datetime | None
    ahead: int = 0


def check_hour(connection: sa.Connection, team: int, most: int) -> None:
    """Refuse more than so many submissions of a team in an hour.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of the queue.
    team : int
        Its number.
    most : int
        Submissions that it may send.

    Raises
    ------
    TooManyError
        If it has sent that many.
    """
    mine = (SENDS.c.team_id == team) & (SENDS.c.moment > now() - _HOUR)
    moments = connection.execute(sa.select(SENDS.c.moment).where(mine).order_by(SENDS.c.moment)).scalars().all()
    if len(moments) >= most:
        wait = moments[-most] + _HOUR - now()
        raise TooManyError(f"Your team has sent {len(moments)} submissions in an hour", wait)


def check_again(connection: sa.Connection, id_: str) -> None:
    """Refuse what has been sent and failed again and again.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of the queue.
    id_ : str
        Of a submission that is not waiting.

    Raises
    ------
    TooManyError
        If it was sent `TRIES` times in an hour.
    """
    same = (SENDS.c.submission == id_) & (SENDS.c.moment > now() - _HOUR)
    moments = connection.execute(sa.select(SENDS.c.moment).where(same).order_by(SENDS.c.moment)).scalars().all()
    if len(moments) >= TRIES:
        raise TooManyError(
            f"This file has failed {len(moments)} times in an hour", moments[-TRIES] + _HOUR - now()
        )


def last_turn(team: sa.ColumnElement[int]) -> sa.ScalarSelect[float]:
    """When a team last had a turn, seconds since 1970; 0 if never.

    Parameters
    ----------
    team : sqlalchemy.ColumnElement
        Number of a team, in a query.
    """
    other = SUBMISSIONS.alias()
    return (
        sa.select(sa.func.coalesce(sa.func.max(other.c.beat), 0.0))
        .where(other.c.team_id == team)
        .scalar_subquery()
    )


def ahead_of(connection: sa.Connection, id_: str) -> int:
    """Submissions whose turn comes before that of one that waits.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of the queue.
    id_ : str
        Of the one that waits.
    """
    number = sa.func.row_number().over(partition_by=_S.team_id, order_by=(_S.created, _S.id))
    waiting = sa.select(_S.id, _S.created, number.label("number"), last_turn(_S.team_id).label("last"))
    order = sorted(
        connection.execute(waiting.where(_S.state == QUEUED)).all(),
        key=lambda row: (row.number, row.last, row.created, row.id),
    )
    return next((place for place, row in enumerate(order) if row.id == id_), 0)


SELECT = sa.select(SUBMISSIONS, TEAMS.c.name.label("team")).join(TEAMS, TEAMS.c.id == _S.team_id)


def submission_of(row: sa.Row[Any], ahead: int = 0) -> QueuedSubmission:
    """Submission of a row of `SELECT`.

    Parameters
    ----------
    row : sqlalchemy.Row
        With all of its columns.
    ahead : int
        Submissions that are scored before it.
    """
    return QueuedSubmission(
        id=row.id,
        team=row.team,
        world=row.world,
        task=row.task,
        card=Card(**json.loads(row.card)),
        file=row.file,
        suffix=row.suffix,
        bytes=row.bytes,
        state=row.state,
        progress=row.progress,
        error=row.error,
        entry=row.entry,
        tries=row.tries,
        created=_time(row.created),
        finished=_time(row.finished) if row.finished else None,
        ahead=ahead,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
