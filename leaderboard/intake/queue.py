"""The queue of submissions: rows of a table, and a file for each; a killed server loses none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leaderboard.records.card import Card
from leaderboard.tracking.database import SUBMISSIONS, TEAMS, now, retrying

QUEUED, RUNNING, FINISHED, FAILED = STATES = ("queued", "running", "finished", "failed")
LEASE_SECONDS = 15.0  # a worker that says nothing for so long is dead
_TRIES = 3
_FILE = re.compile(r"[0-9a-f]{32}\.(parquet|csv)", re.ASCII)
WORKER = f"{socket.gethostname()[:60]}:{os.getpid()}"
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


class Queue:
    """Submissions of a database, with their files in a folder.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        See `database.engine`.
    folder : Path
        Holds the files of submissions; every server on the same database must see the same one.
    """

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder

    def path(self, id_: str, suffix: str) -> Path:
        """Where the file of a submission is kept; nothing in it comes from a client.

        Raises
        ------
        ValueError
            If it is no id, or no suffix of predictions.
        """
        if not _FILE.fullmatch(id_ + suffix):
            raise ValueError(f"{id_[:80]!r}{suffix[:20]!r} is no id and suffix")
        return self.folder / f"{id_}{suffix}"

    def put(
        self, team: int, world: str, task: str, card: Card, file: str, suffix: str, size: int, source: Path
    ) -> tuple[str, bool]:
        """Move a file into its place and queue it; its id, and whether it is new.

        The same submission is queued once. One that failed is queued again.

        Parameters
        ----------
        team : int
            Whose token sent it.
        world, task, card
            What it answers, and what is said about it.
        file, suffix, size
            SHA-256, kind and bytes of the predictions.
        source : Path
            The predictions, complete and on the disk of `folder`.
        """
        text = json.dumps(asdict(card), sort_keys=True)
        id_ = hashlib.sha256("|".join((str(team), world, task, text, file)).encode()).hexdigest()[:32]
        source.replace(self.path(id_, suffix))
        row = {"id": id_, "team_id": team, "world": world, "task": task, "card": text, "file": file}
        row |= {"suffix": suffix, "bytes": size, "state": QUEUED, "progress": "", "tries": 0, "created": now()}
        again = {"state": QUEUED, "progress": "", "error": None, "tries": 0, "created": now()}

        def insert() -> bool:
            try:
                with self.engine.begin() as connection:
                    connection.execute(SUBMISSIONS.insert().values(**row))
            except sa.exc.IntegrityError:
                with self.engine.begin() as connection:
                    failed = (_S.id == id_) & (_S.state == FAILED)
                    return connection.execute(SUBMISSIONS.update().where(failed).values(**again)).rowcount > 0
            return True

        return id_, retrying(insert)

    def claim(self) -> QueuedSubmission | None:
        """The oldest submission that waits, now running in this process; None if none waits."""
        self._take_back()
        oldest = (
            sa.select(_S.id)
            .where(_S.state == QUEUED)
            .order_by(_S.created, _S.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # which SQLite does not know, nor need
            .scalar_subquery()
        )
        taken = {"state": RUNNING, "progress": "starting", "worker": WORKER, "beat": now(), "tries": _S.tries + 1}

        def update() -> str | None:
            with self.engine.begin() as connection:
                statement = SUBMISSIONS.update().where(_S.id == oldest, _S.state == QUEUED)
                return connection.execute(statement.values(**taken).returning(_S.id)).scalar_one_or_none()

        id_ = retrying(update)
        return self.get(id_) if id_ else None

    def progress(self, id_: str, text: str = "") -> None:
        """Say that a running submission is alive, and how far it is."""
        self._change(id_, beat=now(), **({"progress": text[:200]} if text else {}))

    def finish(self, id_: str, entry: str) -> None:
        """The submission is on the board as `entry`."""
        self._change(id_, state=FINISHED, progress="", entry=entry, error=None, finished=now())

    def fail(self, id_: str, error: str) -> None:
        """The submission was refused or could not be scored."""
        self._change(id_, state=FAILED, progress="", error=error[:4000], finished=now())

    def get(self, id_: str) -> QueuedSubmission | None:
        """One submission; None if there is no such id."""
        with self.engine.connect() as connection:
            row = connection.execute(_JOBS.where(_S.id == id_)).one_or_none()
            if row is None:
                return None
            earlier = (_S.state == QUEUED) & (_S.created < row.created)
            waits = row.state == QUEUED
            ahead = connection.execute(sa.select(sa.func.count()).where(earlier)).scalar_one() if waits else 0
        return _job(row, ahead)

    def listed(self, state: str | None = None) -> list[QueuedSubmission]:
        """All submissions, or those in one state, oldest first."""
        wanted = _JOBS if state is None else _JOBS.where(_S.state == state)
        with self.engine.connect() as connection:
            return [_job(row) for row in connection.execute(wanted.order_by(_S.created, _S.id))]

    def recent(self, team: int, seconds: float) -> list[float]:
        """When a team's submissions of the last `seconds` came, oldest first."""
        mine = (_S.team_id == team) & (_S.created > now() - seconds)
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(_S.created).where(mine).order_by(_S.created)).scalars())

    def give_back(self, id_: str | None = None) -> int:
        """Queue again what this process was running, or one of them, without counting it as a try."""
        mine = _S.worker == WORKER
        return self._requeue(mine if id_ is None else mine & (_S.id == id_), tries=_S.tries - 1)

    def release(self, id_: str) -> int:
        """Queue again one that this process was running; it counts as a try."""
        return self._requeue((_S.worker == WORKER) & (_S.id == id_))

    def _take_back(self) -> None:
        """Queue again what a dead worker was running; what killed its worker time after time fails."""
        lost = _S.beat < now() - LEASE_SECONDS
        worn = (_S.state == RUNNING) & lost & (_S.tries >= _TRIES)
        said = {"state": FAILED, "error": f"scoring it ended the scorer {_TRIES} times; ask the operator"}

        def update() -> None:
            with self.engine.begin() as connection:
                connection.execute(SUBMISSIONS.update().where(worn).values(finished=now(), **said))

        with self.engine.connect() as connection:  # read first: a write would lock the file each time
            some = connection.execute(sa.select(_S.id).where(_S.state == RUNNING, lost).limit(1)).first()
        if some:
            retrying(update)
            self._requeue(lost)

    def _requeue(self, which: sa.ColumnElement[bool], **more: Any) -> int:
        def update() -> int:
            with self.engine.begin() as connection:
                statement = SUBMISSIONS.update().where(_S.state == RUNNING, which)
                return connection.execute(
                    statement.values(state=QUEUED, progress="", worker=None, **more)
                ).rowcount

        return retrying(update)

    def _change(self, id_: str, **values: Any) -> None:
        def update() -> None:
            with self.engine.begin() as connection:
                # Only who runs it may speak for it: a worker thought dead must not undo what its heir did.
                mine = (_S.id == id_) & (_S.state == RUNNING) & (_S.worker == WORKER)
                connection.execute(SUBMISSIONS.update().where(mine).values(**values))

        retrying(update)


_JOBS = sa.select(SUBMISSIONS, TEAMS.c.name.label("team")).join(TEAMS, TEAMS.c.id == _S.team_id)


def _job(row: sa.Row[Any], ahead: int = 0) -> QueuedSubmission:
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
