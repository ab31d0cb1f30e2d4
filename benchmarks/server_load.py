"""What a server stands: it is killed amid many files, asked again and again, and served with idle connections.

    python -m benchmarks.server_load --server class

Eight senders hand in at once, and send again while nobody answers. Kills (SIGKILL, then a new server on the same
folder) are spread evenly over what is taken and scored. Then come requests, some of them faulty files, and
connections that never send a byte while others ask. It ends with 1 if a bound is missed. Linux only: handles and
peaks of memory are read from /proc.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil  # type: ignore[import-untyped]

from benchmarks.served_places import PLACES, Place
from tests.served_process import ServedProcess, taken

SENDERS = 8
FAULTY, FAULTY_EVERY = b"account_id,score\nx,1\n", 100
"""A faulty file, and (a) one request of so many hands it in."""
ANSWER_SECONDS, HANG_UP_SECONDS = 30.0, 60.0
"""(a) What an answer beside idle connections, and hanging up on these, may take."""
PATIENCE = 120.0
"""(a) Seconds without one more score after which the rest counts as lost."""


@dataclass(frozen=True)
class Figures:
    """What was seen.

    Attributes
    ----------
    files, kills, requests, idle : int
        What the server had to stand.
    lost, twice : int
        Files that were taken and have no score, and scores beyond one a file.
    errors : int
        Answers of 500 and above.
    handles_before, handles_after : int
        Open handles of the server and its processes, before and after the requests.
    held : int
        Connections that were still there when a read had been answered.
    read_seconds, take_seconds : float
        Until the answers to that read, and then to a file, came.
    left : int
        Idle connections that were never hung up on.
    peak_mib, peak_scorer_mib : float
        Most memory of the server, and of the largest process that reads files for it.
    """

    files: int
    kills: int
    requests: int
    idle: int
    lost: int
    twice: int
    errors: int
    handles_before: int
    handles_after: int
    held: int
    read_seconds: float
    take_seconds: float
    left: int
    peak_mib: float
    peak_scorer_mib: float

    def missed(self) -> list[str]:
        """Names of the bounds that are missed."""
        bounds = {
            "no file lost": self.lost == 0,
            "no file twice": self.twice == 0,
            "no error of the server": self.errors == 0,
            f"at most {SENDERS} handles more": self.handles_after <= self.handles_before + SENDERS,
            f"answers within {ANSWER_SECONDS:.0f} s": max(self.read_seconds, self.take_seconds) <= ANSWER_SECONDS,
            "idle connections are held while others ask": self.held == self.idle,
            f"and hung up on within {HANG_UP_SECONDS:.0f} s": self.left == 0,
        }
        return [name for name, kept in bounds.items() if not kept]


def measure(place: Place, files: int, kills: int, requests: int, idle: int) -> Figures:
    """Let a server stand all of it.

    Parameters
    ----------
    place : Place
        Where it is started.
    files, kills, requests, idle : int
        See `Figures`.
    """
    jobs: list[Future[str]] = []

    def send(i: int) -> str:
        return str(taken(lambda: place.put(i), PATIENCE).json()["id"])

    def progress() -> int:
        return sum(job.done() for job in jobs) + place.recorded()

    with ThreadPoolExecutor(SENDERS) as pool:
        for kill in range(1, kills + 1):
            with place.serve() as server:
                jobs = jobs or [pool.submit(send, i) for i in range(files)]
                _wait(progress, 2 * files * kill / (kills + 1))
                server.kill()
        with place.serve() as server:
            jobs = jobs or [pool.submit(send, i) for i in range(files)]
            ids = dict(enumerate(job.result() for job in jobs))

            def scored() -> int:
                return sum(place.scored(i, id_) for i, id_ in ids.items())

            _wait(scored, files)  # an entry is on the board a moment before its submission says so
            lost = files - scored()
            twice = place.recorded() - (files - lost)
            seen = _requests(place, server, requests) | _idle(place, server, idle, files)
            peaks = [_peak(process) for process in _processes(server)]
    return Figures(
        *(files, kills, requests, idle, lost, twice), **seen, peak_mib=peaks[0], peak_scorer_mib=max(peaks[1:])
    )


def _wait(progress: Callable[[], int], goal: float) -> None:
    """Until it has got so far, or no further for so long."""
    seen, until = -1, time.monotonic() + PATIENCE
    while (now := progress()) < goal and time.monotonic() < until:
        if now != seen:
            seen, until = now, time.monotonic() + PATIENCE
        time.sleep(0.1)


def _processes(server: ServedProcess) -> list[psutil.Process]:
    whole = psutil.Process(server.process.pid)
    return [whole, *whole.children(recursive=True)]


def _handles(server: ServedProcess) -> int:
    return sum(process.num_fds() for process in _processes(server))


def _peak(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)


def _requests(place: Place, server: ServedProcess, requests: int) -> dict[str, Any]:
    with ThreadPoolExecutor(SENDERS) as pool, httpx.Client(base_url=server.address, timeout=60) as client:

        def ask(i: int) -> int:
            if i % FAULTY_EVERY == 0:
                return place.put(i // FAULTY_EVERY, FAULTY).status_code
            return client.get(place.reads[i % len(place.reads)]).status_code

        list(pool.map(ask, range(requests // 10)))
        before = _handles(server)
        codes = list(pool.map(ask, range(requests)))
        until = time.monotonic() + 20  # what has just been hung up on is closed in a moment
        while (after := _handles(server)) > before + SENDERS and time.monotonic() < until:
            time.sleep(0.1)
    return {"errors": sum(c >= 500 for c in codes), "handles_before": before, "handles_after": after}


def _idle(place: Place, server: ServedProcess, idle: int, fresh: int) -> dict[str, Any]:
    address = urlsplit(server.address)
    open_ = [socket.create_connection((address.hostname, address.port), timeout=30) for _ in range(idle)]
    began = time.monotonic()
    httpx.get(server.address + place.reads[0], timeout=60).raise_for_status()
    read, held = time.monotonic(), sum(map(_is_open, open_))
    place.put(fresh).raise_for_status()
    took = time.monotonic()
    until = took + HANG_UP_SECONDS
    while (left := sum(map(_is_open, open_))) and time.monotonic() < until:
        time.sleep(0.5)
    for connection in open_:
        connection.close()
    return {"held": held, "read_seconds": read - began, "take_seconds": took - read, "left": left}


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def table(columns: dict[str, Figures]) -> str:
    """Figures of servers beside each other.

    Parameters
    ----------
    columns : dict of str to Figures
        By the name of the server.
    """
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for field in fields(Figures):
        values = " | ".join(f"{getattr(figures, field.name):,.6g}" for figures in columns.values())
        lines.append(f"| {field.name.replace('_', ' ')} | {values} |")
    return "\n".join(lines)


def main() -> None:
    """Print the figures, and end with 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=PLACES, action="append", help="site or class; both if left out")
    parser.add_argument("--files", type=int, default=120, help="handed in while the server is killed")
    parser.add_argument("--kills", type=int, default=6, help="of the server while it takes and scores files")
    parser.add_argument("--requests", type=int, default=2000, help="after which handles are counted")
    parser.add_argument("--idle", type=int, default=500, help="connections that never send anything")
    given = parser.parse_args()
    columns = {}
    for name in given.server or PLACES:
        with tempfile.TemporaryDirectory() as folder:
            place = PLACES[name](Path(folder))
            columns[name] = measure(place, given.files, given.kills, given.requests, given.idle)
    print(table(columns))
    if missed := [f"{name}: {bound}" for name, figures in columns.items() for bound in figures.missed()]:
        raise SystemExit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
