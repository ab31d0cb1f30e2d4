"""The queue of submissions: rows of a table, and a file for each; a killed server loses none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leaderboard.intake import queue_records
from leaderboard.intake.queue_records import FAILED, FINISHED, QUEUED, RUNNING, TRIES, QueuedSubmission
from leaderboard.records.card import Card
from leaderboard.tracking.database import SENDS, SUBMISSIONS, TEAMS, now, retrying, writing

LEASE_SECONDS = 15.0  # a worker that says nothing for so long is dead
_UNLIMITED = 1 << 30
_FILE = re.compile(r"[0-9a-f]{32}\.(parquet|csv)", re.ASCII)
WORKER = f"{socket.gethostname()[:60]}:{os.getpid()}"
_S = SUBMISSIONS.c


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

        Parameters
        ----------
        id_, suffix : str
            Of the submission.

        Raises
        ------
        ValueError
            If it is no id, or no suffix of predictions.
        """
        if not _FILE.fullmatch(id_ + suffix):
            raise ValueError(f"{id_[:80]!r}{suffix[:20]!r} is no id and suffix")
        return self.folder / f"{id_}{suffix}"

    def check(self, team: int, hourly: int) -> None:
        """Refuse what `put` would refuse whatever it is, before anything is received.

        Parameters
        ----------
        team : int
            Whose token sent it.
        hourly : int
            Submissions that a team may send in an hour.

        Raises
        ------
        TooManyError
            If that many were sent.
        """
        with self.engine.connect() as connection:
            queue_records.check_hour(connection, team, hourly)

    def put(
        self,
        team: int,
        world: str,
        task: str,
        card: Card,
        file: str,
        suffix: str,
        size: int,
        source: Path,
        hourly: int = _UNLIMITED,
    ) -> tuple[str, bool]:
        """Move a file into its place and queue it; its id, and whether it is new.

        The same submission is queued once. One that failed is queued again, a few times in an hour.

        Parameters
        ----------
        team : int
            Whose token sent it.
        world, task, card
            What it answers, and what its sender writes about it.
        file, suffix, size
            SHA-256, kind and bytes of the predictions.
        source : Path
            The predictions, complete and on the disk of `folder`; gone afterwards.
        hourly : int
            Submissions that a team may send in an hour.

        Raises
        ------
        TooManyError
            If that many were sent, or this one has failed too often.
        """
        text = json.dumps(asdict(card), sort_keys=True)
        id_ = hashlib.sha256("|".join((str(team), world, task, text, file)).encode()).hexdigest()[:32]
        row = {"id": id_, "team_id": team, "world": world, "task": task, "card": text, "file": file}
        row |= {"suffix": suffix, "bytes": size, "state": QUEUED, "progress": "", "tries": 0}

        def insert() -> bool:
            # Limits hold for what is taken: they are checked where nobody else of the team puts anything.
            with writing(self.engine) as connection:
                connection.execute(sa.select(TEAMS.c.id).where(TEAMS.c.id == team).with_for_update())
                state = connection.execute(sa.select(_S.state).where(_S.id == id_)).scalar_one_or_none()
                if state not in (None, FAILED):
                    return False
                queue_records.check_hour(connection, team, hourly)
                queue_records.check_again(connection, id_)
                if source.exists():  # else an earlier try has moved it
                    source.replace(self.path(id_, suffix))
                moment = now()
                if state is None:
                    connection.execute(SUBMISSIONS.insert().values(**row, created=moment))
                else:
                    again = {"state": QUEUED, "progress": "", "error": None, "tries": 0, "created": moment}
                    connection.execute(SUBMISSIONS.update().where(_S.id == id_).values(**again))
                connection.execute(SENDS.insert().values(team_id=team, submission=id_, moment=moment))
            return True

        try:
            return id_, retrying(insert)
        finally:
            source.unlink(missing_ok=True)

    def claim(self) -> QueuedSubmission | None:
        """The submission whose turn it is, now running in this process; None if none waits.

        The next turn is that of the team that has waited longest for one; each team's submissions run in the
        order in which they came.
        """
        self._take_back()
        following = (
            sa.select(_S.id)
            .where(_S.state == QUEUED)
            .order_by(queue_records.last_turn(_S.team_id), _S.created, _S.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # which SQLite does not know, nor need
            .scalar_subquery()
        )
        claimed = {
            "state": RUNNING,
            "progress": "starting",
            "worker": WORKER,
            "beat": now(),
            "tries": _S.tries + 1,
        }

        def update() -> str | None:
            with self.engine.begin() as connection:
                statement = SUBMISSIONS.update().where(_S.id == following, _S.state == QUEUED)
                return connection.execute(statement.values(**claimed).returning(_S.id)).scalar_one_or_none()

        id_ = retrying(update)
        return self.get(id_) if id_ else None

    def progress(self, id_: str, text: str = "") -> None:
        """Note that a running submission is alive, and how far it is.

        Parameters
        ----------
        id_ : str
            Of the submission.
        text : str
            What is being done; what stood there stays if empty.
        """
        self._change(id_, beat=now(), **({"progress": text[:200]} if text else {}))

    def finish(self, id_: str, entry: str) -> None:
        """Note that a submission is on the board.

        Parameters
        ----------
        id_ : str
            Of the submission.
        entry : str
            Its run.
        """
        self._change(id_, state=FINISHED, progress="", entry=entry, error=None, finished=now())

    def fail(self, id_: str, error: str) -> None:
        """Note that a submission was refused or could not be scored.

        Parameters
        ----------
        id_ : str
            Of the submission.
        error : str
            Why, for its sender.
        """
        self._change(id_, state=FAILED, progress="", error=error[:4000], finished=now())

    def get(self, id_: str) -> QueuedSubmission | None:
        """One submission; None if there is no such id.

        Parameters
        ----------
        id_ : str
            Of the submission.
        """
        with self.engine.connect() as connection:
            row = connection.execute(queue_records.SELECT.where(_S.id == id_)).one_or_none()
            if row is None:
                return None
            return queue_records.submission_of(
                row, queue_records.ahead_of(connection, id_) if row.state == QUEUED else 0
            )

    def listed(self, state: str | None = None) -> list[QueuedSubmission]:
        """Submissions, oldest first.

        Parameters
        ----------
        state : str, optional
            One of `STATES`; all if left out.
        """
        wanted = queue_records.SELECT if state is None else queue_records.SELECT.where(_S.state == state)
        with self.engine.connect() as connection:
            return [
                queue_records.submission_of(row) for row in connection.execute(wanted.order_by(_S.created, _S.id))
            ]

    def give_back(self, id_: str | None = None) -> int:
        """Queue again what this process was running, without counting it as a try.

        Parameters
        ----------
        id_ : str, optional
            Of one submission; all if left out.
        """
        mine = _S.worker == WORKER
        return self._requeue(mine if id_ is None else mine & (_S.id == id_), tries=_S.tries - 1)

    def release(self, id_: str) -> int:
        """Queue again one that this process was running; it counts as a try.

        Parameters
        ----------
        id_ : str
            Of the submission.
        """
        return self._requeue((_S.worker == WORKER) & (_S.id == id_))

    def _take_back(self) -> None:
        """Queue again what a dead worker was running; what killed its worker time after time fails."""
        lost = _S.beat < now() - LEASE_SECONDS
        worn = (_S.state == RUNNING) & lost & (_S.tries >= TRIES)
        outcome = {"state": FAILED, "error": f"scoring it ended the scorer {TRIES} times; ask the operator"}

        def update() -> None:
            with self.engine.begin() as connection:
                connection.execute(SUBMISSIONS.update().where(worn).values(finished=now(), **outcome))

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
