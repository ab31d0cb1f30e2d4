"""A server as people meet it: a process of its own, which can be ended as a power cut would."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_HOME = Path(__file__).resolve().parents[1]


@dataclass
class ServedProcess:
    """A running server.

    Attributes
    ----------
    address : str
        Where it is.
    process : subprocess.Popen
        That serves.
    log : Path
        What it says.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def started(command: Sequence[object], port: int, ready: str, folder: Path) -> Iterator[ServedProcess]:
    """What a command of siphonbench serves at a port, once it answers at a path; its log lies in `folder`."""
    log = folder / f"log-{time.monotonic_ns()}"
    whole = [sys.executable, "-m", "siphonbench", *map(str, command), "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(whole, stderr=out, stdout=out, cwd=_HOME)
    server = ServedProcess(f"http://127.0.0.1:{port}", process, log)
    try:
        _until_up(server, ready)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_up(server: ServedProcess, ready: str) -> None:
    until = time.monotonic() + 300  # a machine that is busy with others takes its time
    with httpx.Client(timeout=5) as client:  # to make one takes longer than a request
        while time.monotonic() < until and server.process.poll() is None:
            try:
                client.get(server.address + ready)
                return
            except httpx.TransportError:
                time.sleep(0.1)
    raise AssertionError(server.log.read_text())


def free_port() -> int:
    """A port where nothing is."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def taken(put: Callable[[], httpx.Response], seconds: float = 120) -> httpx.Response:
    """The answer to what is sent again while nobody answers or the server is busy, as a client does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            answer = put()
            if answer.status_code in (200, 202):
                return answer
            assert answer.status_code in (429, 503), answer.text
        except httpx.TransportError:
            pass
        time.sleep(1.0)
    raise TimeoutError(f"nothing was taken within {seconds:.0f} s")
