"""Threads that score what waits, each file in a process that may die."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leaderboard.intake.queue import Queue
from leaderboard.intake.queue_records import TRIES, QueuedSubmission
from leaderboard.intake.scorer import Limits, Scorer
from leaderboard.tracking.store import Store

_LOG = logging.getLogger(__name__)
_IDLE_SECONDS, _FAULT_SECONDS = 1.0, 2.0


class Worker(threading.Thread, ABC):
    """A thread that does one step after the other until it is stopped; no fault ends it."""

    def __init__(self) -> None:
        super().__init__(name="siphonbench-worker", daemon=True)
        self.wake, self.stopping = threading.Event(), threading.Event()

    @abstractmethod
    def step(self) -> bool:
        """Do what waits; whether there was anything."""

    @abstractmethod
    def interrupt(self) -> None:
        """End the step that runs."""

    def run(self) -> None:
        """Do steps until `stop`; a fault of the store is waited out."""
        while not self.stopping.is_set():
            try:
                if not self.step():
                    self.wake.wait(_IDLE_SECONDS)
                    self.wake.clear()
            except Exception:
                # Whatever it was, nothing is lost: the submission waits until its score is recorded.
                _LOG.exception("what waits can't be scored; trying again")
                self.stopping.wait(_FAULT_SECONDS)

    def stop(self) -> None:
        """End the thread and what it is doing."""
        self.stopping.set()
        self.wake.set()
        self.interrupt()
        self.join(timeout=10)


class QueueWorker(Worker):
    """Empties the queue of a board.

    Parameters
    ----------
    queue, store
        Where submissions come from, and where entries go.
    place : callable
        From a job to what the scoring process must know of its world: world (folder), split.
    limits : Limits
        Of each submission.
    done : callable
        Told the job when its entry stands in the store, before its state says so.
    """

    def __init__(
        self,
        queue: Queue,
        store: Store,
        place: Callable[[QueuedSubmission], dict[str, str]],
        limits: Limits,
        done: Callable[[QueuedSubmission], None],
    ) -> None:
        super().__init__()
        self.queue, self.store, self.place, self.limits, self.done = queue, store, place, limits, done
        self._reader, self._scorer = Scorer(limits.memory), Scorer(limits.memory)

    def step(self) -> bool:
        """Score the submission whose turn it is; whether there was one."""
        job = self.queue.claim()
        if job is None:
            return False
        file = self.queue.path(job.id, job.suffix)
        outcome = self._outcome(job, file)
        if self.stopping.is_set():
            return True
        if "retry" in outcome or ("died" in outcome and job.tries < TRIES):
            self.queue.give_back(job.id) if "retry" in outcome else self.queue.release(job.id)
            self.stopping.wait(_FAULT_SECONDS)
        elif "entry" in outcome:
            self.done(job)
            file.unlink(missing_ok=True)
            self.queue.finish(job.id, outcome["entry"])
        else:
            file.unlink(missing_ok=True)
            self.queue.fail(job.id, outcome.get("error") or outcome["died"])
        return True

    def _outcome(self, job: QueuedSubmission, file: Path) -> dict[str, Any]:
        """What became of a job: what a stranger sent is opened by a process that sees no labels."""
        until, rows = time.monotonic() + self.limits.seconds, file.with_suffix(".rows.parquet")
        where = {"folder": str(self.store.folder.resolve())}
        where |= {"tracking": self.store.tracking, "tables": self.store.tables}
        order = {"task": job.task, "card": asdict(job.card), "store": where} | self.place(job)
        reading = order | {"order": "read", "file": str(file), "out": str(rows)}

        def beat(text: str) -> None:
            self.queue.progress(job.id, text)

        beat("checking the file")
        try:
            outcome = self._reader.score(reading, self.limits.seconds, beat)
            if "rows" in outcome:
                return self._scorer.score(order | {"file": str(rows)}, until - time.monotonic(), beat)
        finally:
            rows.unlink(missing_ok=True)
        return outcome | ({"error": outcome["error"].removeprefix(f"{file}: ")} if "error" in outcome else {})

    def interrupt(self) -> None:
        """End the scoring processes."""
        self._reader.close()
        self._scorer.close()

    def stop(self) -> None:
        """End the thread and its process; what runs goes back into the queue."""
        super().stop()
        self.queue.give_back()
