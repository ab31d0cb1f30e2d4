"""Folders on which servers are started again and again, a board's and a class's, and what their clients do."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "leaderboard"))
import lb_site

import siphonbench
from tests import served_class
from tests.served_process import ServedProcess, free_port


class Place(Protocol):
    """A folder on which a server can be started again and again, and what its clients do."""

    reads: tuple[str, ...]

    def serve(self) -> AbstractContextManager[ServedProcess]:
        """A server on the folder, always at the same port."""

    def put(self, i: int, content: bytes | None = None) -> httpx.Response:
        """What is answered to the sound file of a number, or to other content."""

    def scored(self, i: int, id_: str) -> bool:
        """Whether a file has its score."""

    def recorded(self) -> int:
        """How many scores are shown."""


class Site:
    """A board's site with two teams.

    Parameters
    ----------
    folder : Path
        Where its board is made.
    data : Path, optional
        Dataset that it serves; nano is made if left out.
    """

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self._data = data or siphonbench.generate("nano", 7, folder / "nano").path
        self._board, self._port, self._tokens = folder / "board", free_port(), dict[str, str]()
        board = f"/boards/{siphonbench.load(self._data).digest[:12]}/accounts/"
        self._ids, self._entries = lb_site.accounts(self._data), f"{board}board.json"
        self.reads: tuple[str, ...] = ("/", board, "/api/v1/boards", "/api/v1/submissions/none", "/nowhere")
        self._server: lb_site.Served

    @contextmanager
    def serve(self) -> Iterator[ServedProcess]:
        """See `Place`."""
        limits = {"team_hour": 10_000, "address_minute": 100_000}
        with lb_site.served(self._data, self._board, self._port, **limits) as self._server:
            self._tokens = self._tokens or self._server.tokens
            yield self._server

    def put(self, i: int, content: bytes | None = None) -> httpx.Response:
        """See `Place`."""
        body = content or lb_site.body(lb_site.predictions(self._ids, i))
        return self._server.put(body, self._tokens["red" if i % 2 else "blue"], name=f"entry {i}")

    def scored(self, i: int, id_: str) -> bool:
        """See `Place`."""
        found = httpx.get(f"{self._server.address}/api/v1/submissions/{id_}", timeout=60)
        return bool(found.json()["state"] == "finished")

    def recorded(self) -> int:
        """See `Place`."""
        return len(httpx.get(self._server.address + self._entries, timeout=60).json()["entries"])


class Class:
    """A class with two students.

    Parameters
    ----------
    folder : Path
        Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        with contextlib.chdir(folder):
            self._folder = served_class.new_class(folder, ["ada", "bob"], "--attempts", 100, "--total", 1000)
        self._port = free_port()
        # Nothing that needs a token: wrong ones are slowed down.
        self.reads = tuple(served_class.BASE + path for path in ("", "/standings/accounts", "/nowhere"))
        self._server: served_class.ServedClass

    @contextmanager
    def serve(self) -> Iterator[ServedProcess]:
        """See `Place`."""
        with served_class.served(self._folder, self._port) as self._server:
            yield self._server

    def put(self, i: int, content: bytes | None = None) -> httpx.Response:
        """See `Place`."""
        return self._server.put(_student(i), content or served_class.scores(self._folder, _student(i), i))

    def scored(self, i: int, id_: str) -> bool:
        """See `Place`."""
        return self._server.get(f"/attempts/{id_}", _student(i)).json()["score"] is not None

    def recorded(self) -> int:
        """See `Place`."""
        return sum(row["attempts"] for row in self._server.get("/standings/accounts").json())


def _student(i: int) -> str:
    return "bob" if i % 2 else "ada"


PLACES: dict[str, Callable[[Path], Place]] = {"site": Site, "class": Class}
