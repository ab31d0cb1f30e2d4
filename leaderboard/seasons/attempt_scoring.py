"""Reads what teams hand in and scores what waits, both in processes that may die."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from generator import dataset
from generator.dataset import Dataset, Split
from generator.errors import UserError
from leaderboard.intake.queue_records import TRIES
from leaderboard.intake.refusals import UnavailableError
from leaderboard.intake.scorer import Limits, Scorer
from leaderboard.intake.worker import Worker
from leaderboard.seasons.attempts_table import ATTEMPTS
from leaderboard.seasons.blob_store import BlobStore
from leaderboard.tasks import parts
from leaderboard.tasks.parts import FEEDBACK, Parts
from leaderboard.tracking.database import retrying

_READ_SECONDS, _BUSY_SECONDS = 60.0, 10.0
_LOG = logging.getLogger(__name__)
_FAULT = "it could not be judged: ask the organiser"


@dataclass(frozen=True)
class ScoredSplit:
    """What a team is asked about.

    Attributes
    ----------
    folder : Path
        A dataset, labels included: only the scoring process looks at them.
    name : str
        Its split that is scored.
    parts : Parts
        Which accounts give feedback, and which count.
    """

    folder: Path
    name: str
    parts: Parts = field(default_factory=Parts)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset of the folder."""
        return dataset.load(self.folder)

    @cached_property
    def split(self) -> Split:
        """With its labels."""
        return self.dataset.reveal(self.name)

    @cached_property
    def public(self) -> Split:
        """What the team may see."""
        return self.split.without_labels()

    @property
    def digest(self) -> str:
        """Of the public tables."""
        return self.dataset.digest

    @property
    def place(self) -> dict[str, str]:
        """What the scoring process must know of it."""
        return {"world": str(self.folder.absolute()), "split": self.name}

    def score(self, task: str, rows: pl.DataFrame, part: str = FEEDBACK) -> float:
        """The metric that ranks entries of a task, on one part of the accounts; for the owner of the labels.

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


class AttemptScoring:
    """Reads files and scores attempts of a season or class.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        See `attempts_table.engine`.
    blobs : BlobStore
        Where rows are kept.
    world : callable
        From a team to what it is asked about.
    limits : Limits
        Of each file.
    """

    def __init__(
        self, engine: sa.Engine, blobs: BlobStore, world: Callable[[str], ScoredSplit], limits: Limits
    ) -> None:
        self.engine, self.blobs, self.world, self.limits = engine, blobs, world, limits
        # Two, so that no upload waits for a score.
        self._reader, self._scorer = Scorer(limits.memory), Scorer(limits.memory)
        self._closed = threading.Event()
        self._turns: dict[str, int] = {}
        self._turn = count(1)

    def keep(self, team: str, task: str, path: Path, day: int | None = None) -> str:
        """Validate a file by public tables, and keep its rows.

        Parameters
        ----------
        team, task : str
            Who answers what.
        path : Path
            Folder or predictions file.
        day : int, optional
            Counted from the window's first, if it is about the world as of a day.

        Returns
        -------
        str
            Digest of the rows, see `BlobStore`.

        Raises
        ------
        UserError
            With all faults of the file.
        UnavailableError
            If it can't be read or kept now.
        """
        partial = self.blobs.partial()
        order = {"order": "read", "file": str(path.absolute()), "task": task, "day": day}
        order |= {"out": str(partial.absolute())} | self.world(team).place
        try:
            outcome = self._reader.score(order, _READ_SECONDS)
            if "rows" in outcome:
                return self.blobs.take(partial)
        finally:
            partial.unlink(missing_ok=True)
        if "retry" in outcome:
            room = f"{shutil.disk_usage(self.blobs.folder).free / 1e6:,.0f} MB are free for it"
            raise UnavailableError(f"{path.name} can't be kept now ({outcome['retry']}, {room})", _BUSY_SECONDS)
        error = outcome.get("error") or f"{path}: {outcome['died']}"
        raise UserError(error.replace(str(path.absolute()), str(path)))

    def score_waiting(self) -> int:
        """Score all attempts that wait, whether their answers are due or not, a turn per team.

        Returns
        -------
        int
            How many now have a score or a fault; what can't be scored now waits for the next call.
        """
        scored = 0
        while not self._closed.is_set() and (attempt := self._next()) is not None:
            outcome = self._outcome(attempt)
            if outcome is None:
                break
            retrying(lambda id_=attempt.id, values=outcome: self._set(id_, values))  # type: ignore[misc]
            scored += 1
        return scored

    def close(self) -> None:
        """End the scoring processes; nothing is scored any more."""
        self._closed.set()
        self._reader.close()
        self._scorer.close()

    def _next(self) -> sa.Row[Any] | None:
        """The oldest waiting attempt of the team whose turn it is."""
        a = ATTEMPTS.c
        waiting = sa.select(ATTEMPTS).where(a.score.is_(None), a.fault.is_(None)).order_by(a.made, a.id)
        with self.engine.connect() as connection:
            rows = connection.execute(waiting).all()
        return min(rows, key=lambda row: self._turns.get(row.team, 0), default=None)

    def _outcome(self, attempt: sa.Row[Any]) -> dict[str, float | str] | None:
        """Score or fault of an attempt; None if it can't be scored now."""
        self._turns[attempt.team] = next(self._turn)
        file, world = str(self.blobs.path(attempt.file).absolute()), self.world(attempt.team)
        order = {"order": "score", "file": file, "task": attempt.task, "part": FEEDBACK}
        order |= {"parts": asdict(world.parts)} | world.place
        for _ in range(TRIES):
            outcome = self._scorer.score(order, self.limits.seconds)
            if "died" not in outcome or self._closed.is_set():
                break
        if "score" in outcome:
            return {"score": outcome["score"]}
        if self._closed.is_set() or "retry" in outcome:
            return None
        # What the labels made of it is for nobody: neither the team nor the log is told more.
        _LOG.warning("an attempt at %s could not be judged: %s", attempt.task, outcome.get("error", "died"))
        return {"fault": _FAULT}

    def _set(self, id_: str, values: dict[str, float | str]) -> None:
        with self.engine.begin() as connection:
            connection.execute(ATTEMPTS.update().where(ATTEMPTS.c.id == id_).values(**values))


class AttemptWorker(Worker):
    """A thread that scores what waits.

    Parameters
    ----------
    scoring : AttemptScoring
        Of a season or class.
    """

    def __init__(self, scoring: AttemptScoring) -> None:
        super().__init__()
        self._scoring = scoring

    def step(self) -> bool:
        """Score what waits; whether anything did."""
        return self._scoring.score_waiting() > 0

    def interrupt(self) -> None:
        """End the scoring processes."""
        self._scoring.close()
