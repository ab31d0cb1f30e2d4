"""Takes submissions from the queue one by one, and has each scored by a process that may die."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaderboard.intake.queue import Queue, QueuedSubmission
from leaderboard.tracking.store import Store

_LOG = logging.getLogger(__name__)
_BEAT_SECONDS = 3.0
_TRIES = 3
_HOME = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONHASHSEED")


@dataclass(frozen=True)
class Limits:
    """What scoring one submission may take.

    Attributes
    ----------
    memory : int
        Bytes of address space of the scoring process.
    seconds : float
        Wall time, after which it is killed.
    """

    memory: int = 8 << 30
    seconds: float = 600.0


class Worker(threading.Thread):
    """A thread that empties the queue.

    Parameters
    ----------
    queue, store
        Where submissions come from, and where entries go.
    place : callable
        From a job to what the scorer must know of its world: world (folder), split.
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
        super().__init__(name="siphonbench-worker", daemon=True)
        self.queue, self.store, self.place, self.limits, self.done = queue, store, place, limits, done
        self.wake, self._stopping = threading.Event(), threading.Event()
        self._scorer: Scorer | None = None

    def run(self) -> None:
        """Score what waits until `stop`; a fault of the store is waited out."""
        while not self._stopping.is_set():
            try:
                job = self.queue.claim()
                if job is None:
                    self.wake.wait(1.0)
                    self.wake.clear()
                else:
                    self._take(job)
            except Exception:
                # Whatever it was, the submission stays in the queue: its lease ends.
                _LOG.exception("the queue can't be worked on; trying again")
                self._stopping.wait(2.0)

    def stop(self) -> None:
        """End the thread and its process; what runs goes back into the queue."""
        self._stopping.set()
        self.wake.set()
        if self._scorer:
            self._scorer.kill()
        self.join(timeout=10)
        self.queue.give_back()

    def _take(self, job: QueuedSubmission) -> None:
        if self._scorer is None or not self._scorer.alive:
            self._scorer = Scorer(self.limits.memory)
        where = {"folder": str(self.store.folder.resolve())}
        where |= {"tracking": self.store.tracking, "tables": self.store.tables}
        file = self.queue.path(job.id, job.suffix)
        order = {"file": str(file), "task": job.task, "card": asdict(job.card), "store": where} | self.place(job)
        outcome = self._scorer.score(order, self.limits.seconds, lambda text: self.queue.progress(job.id, text))
        if self._stopping.is_set():
            return
        if "retry" in outcome or ("died" in outcome and job.tries < _TRIES):
            self.queue.give_back(job.id) if "retry" in outcome else self.queue.release(job.id)
            self._stopping.wait(2.0)
        elif "entry" in outcome:
            self.done(job)
            file.unlink(missing_ok=True)
            self.queue.finish(job.id, outcome["entry"])
        else:
            file.unlink(missing_ok=True)
            self.queue.fail(job.id, outcome.get("error") or outcome["died"])


class Scorer:
    """The scoring process; see `leaderboard.intake.scoring_process`."""

    def __init__(self, memory: int) -> None:
        environment = {k: os.environ[k] for k in _PASSED_ON if k in os.environ}
        environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MALLOC_ARENA_MAX": "2"}
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "leaderboard.intake.scoring_process", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_HOME,
            env=environment,
        )
        self._rest = b""

    @property
    def alive(self) -> bool:
        """Whether it takes another submission."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def score(self, order: dict[str, Any], seconds: float, beat: Callable[[str], None]) -> dict[str, str]:
        """Have one submission scored: {"entry": run}, or why not: "error", "retry" or "died".

        Parameters
        ----------
        order : dict
            See `scorer.score`.
        seconds : float
            After which it is killed.
        beat : callable
            Told what is being done, or "", every few seconds.
        """
        until = time.monotonic() + seconds
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            while time.monotonic() < until:
                line = self._line(min(_BEAT_SECONDS, until - time.monotonic()))
                said = json.loads(line) if line else {}
                if said.keys() & {"entry", "error", "retry"}:
                    return dict(said)
                beat(said.get("progress", ""))
        except (EOFError, BrokenPipeError):
            code = self._process.wait()
            return {"died": f"the scoring process ended ({code}): the file is damaged, or needs too much memory"}
        except BaseException:
            self.kill()  # what it is doing is nobody's any more
            raise
        self.kill()
        return {"error": f"scoring took more than {seconds:.0f} s and was stopped"}

    def _line(self, seconds: float) -> bytes | None:
        """The next whole line; None if none came in time."""
        assert self._process.stdout is not None
        descriptor, until = self._process.stdout.fileno(), time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            read = os.read(descriptor, 1 << 16)
            if not read:
                raise EOFError
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line
