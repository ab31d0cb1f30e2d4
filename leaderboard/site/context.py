"""What the operations of one server share: settings, boards, the queue and the worker that empties it."""

from __future__ import annotations

import re

from leaderboard.intake.problems import Problem
from leaderboard.intake.queue import Queue
from leaderboard.intake.queue_records import FINISHED, QueuedSubmission
from leaderboard.intake.upload import Uploads
from leaderboard.intake.worker import QueueWorker
from leaderboard.site.live_boards import Boards, LiveBoard
from leaderboard.site.pages import Pages
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking import database
from leaderboard.tracking.board import RankedEntry

_ID = re.compile(r"[0-9a-f]{16,64}", re.ASCII)


class Site:
    """What the operations of one server share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = settings.store.engine()
        self.queue = Queue(self.engine, settings.store.waiting)
        self.uploads = Uploads(self.queue.folder, settings.upload_seconds, settings.idle_seconds)
        self.boards = Boards(settings.store, [(w.digest, t) for w in settings.worlds for t in w.tasks])
        self.pages = Pages(settings, self.boards)
        self.now = database.now
        self._worker: QueueWorker | None = None

    def start(self) -> None:
        """Read the boards, and begin to empty the queue."""
        for world in self.settings.worlds:
            for task in world.tasks:
                self.boards.refresh(world.digest, task)
        self.uploads.clear()
        if self.settings.scoring:
            self._worker = QueueWorker(
                self.queue, self.settings.store, self._order, self.settings.limits, self._done
            )
            self._worker.start()

    def stop(self) -> None:
        """Give what is being scored back to the queue."""
        if self._worker:
            self._worker.stop()

    def wake(self) -> None:
        """Tell the worker that something waits."""
        if self._worker:
            self._worker.wake.set()

    def place(self, world: str | None, task: str) -> ServedDataset:
        """Dataset of a key, if the task is one of its.

        Parameters
        ----------
        world : str or None
            Key in addresses; the first dataset without.
        task : str
            Key of `task_definitions.TASKS`.

        Raises
        ------
        Problem
            404 if there is no such board.
        """
        dataset = self.settings.world(world)
        if dataset is None or task not in dataset.tasks:
            known = "; ".join(f"{', '.join(w.tasks)} on {w.key}" for w in self.settings.worlds)
            raise Problem(404, f"There is no such board; there are {known}.")
        return dataset

    def entry(self, id_: str) -> tuple[LiveBoard, RankedEntry]:
        """An entry and its board.

        Parameters
        ----------
        id_ : str
            As a stranger sent it.

        Raises
        ------
        Problem
            404 if there is none.
        """
        if not _ID.fullmatch(id_) or not (shown := self.boards.find(id_[:16])):
            raise Problem(404, "There is no such entry: it may be on another board.")
        return shown

    def job(self, id_: str) -> QueuedSubmission:
        """A submission.

        Parameters
        ----------
        id_ : str
            As a stranger sent it.

        Raises
        ------
        Problem
            404 if there is none.
        """
        if not _ID.fullmatch(id_) or not (job := self.queue.get(id_)):
            raise Problem(404, "There is no such submission: send the file again.")
        return job

    def entry_of(self, job: QueuedSubmission) -> RankedEntry | None:
        """Entry of a finished submission, once the board shows it.

        Parameters
        ----------
        job : QueuedSubmission
            Of any state.
        """
        views = [v for v in self.boards.all() if (v.digest, v.task) == (job.world, job.task)]
        return next((e for v in views for e in v.entries if job.state == FINISHED and e.run_id == job.entry), None)

    def _order(self, job: QueuedSubmission) -> dict[str, str]:
        world = self.settings.world(job.world)
        if world is None:
            raise LookupError(f"submission {job.id} is for a dataset that is not served: {job.world[:12]}")
        return {"world": str(world.folder), "split": world.split}

    def _done(self, job: QueuedSubmission) -> None:
        self.boards.refresh(job.world, job.task)
