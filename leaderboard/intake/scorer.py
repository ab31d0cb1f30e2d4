"""Has files read and scored by a process that may die, see `leaderboard.intake.scoring_process`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BEAT_SECONDS = 3.0
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


class Scorer:
    """The scoring process: started by the first order, and again after it ended; one order at a time.

    Parameters
    ----------
    memory : int
        Bytes of address space that it may take.
    """

    def __init__(self, memory: int) -> None:
        self._memory, self._lock, self._rest = memory, threading.Lock(), b""
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._end: Callable[[], object] = lambda: None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process, and start none again."""
        self._closed = True
        self.kill()

    def score(
        self, order: dict[str, Any], seconds: float, beat: Callable[[str], None] = lambda text: None
    ) -> dict[str, Any]:
        """Have one order done.

        Parameters
        ----------
        order : dict
            See the functions of `scoring_process`.
        seconds : float
            After which the process is killed.
        beat : callable
            Told what is being done, or "", every few seconds.

        Returns
        -------
        dict
            What the process answers ("entry", "rows" or "score"), or why it does not: "error", "retry" or "died".
        """
        with self._lock:
            if self._closed:
                return {"retry": "closed"}
            if not self.alive:
                self._start()
            return self._order(order, seconds, beat)

    def _start(self) -> None:
        environment = {k: os.environ[k] for k in _PASSED_ON if k in os.environ}
        environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MALLOC_ARENA_MAX": "2"}
        self._end()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "leaderboard.intake.scoring_process", str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_HOME,
            env=environment,
        )
        self._rest = b""
        self._end = weakref.finalize(self, _end, self._process)  # it lives no longer than who orders from it

    def _order(self, order: dict[str, Any], seconds: float, beat: Callable[[str], None]) -> dict[str, Any]:
        process, until = self._process, time.monotonic() + seconds
        assert process is not None
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            while time.monotonic() < until:
                line = self._line(process, min(_BEAT_SECONDS, until - time.monotonic()))
                answer = json.loads(line) if line else {"progress": ""}
                if "progress" not in answer:
                    return dict(answer)
                beat(answer["progress"])
        except (EOFError, BrokenPipeError):
            code = process.wait()
            return {"died": f"the scoring process ended ({code}): the file is damaged, or needs too much memory"}
        except BaseException:
            self.kill()  # what it is doing is nobody's any more
            raise
        self.kill()
        return {"error": f"scoring took more than {seconds:.0f} s and was stopped"}

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """The next whole line; None if none came in time."""
        assert process.stdout is not None
        descriptor, until = process.stdout.fileno(), time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            content = os.read(descriptor, 1 << 16)
            if not content:
                raise EOFError
            self._rest += content
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # of an order that nobody reads any more
            pipe.close()
