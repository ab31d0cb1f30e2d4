"""Receives a file: nothing before the token, nothing beyond the cap, nothing from those who dawdle."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import os
import secrets
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from generator import files
from generator.files import PARTIAL
from leaderboard.intake.problems import Problem
from leaderboard.intake.refusals import TooManyError, UnavailableError

_PARQUET = b"PAR1"
_SPARE_BYTES = 64 << 20  # of disk, which must stay free
_AT_ONCE = 64  # uploads of all teams
_AT_ONCE_PER_TEAM = 2
_SLOT_SECONDS = 10.0  # that an upload waits for its turn
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Received:
    """A file that has come in whole, under a temporary name."""

    path: Path
    digest: str
    suffix: str
    size: int


class Uploads:
    """Takes files into a folder: so many at once, each in a bounded time.

    Parameters
    ----------
    folder : Path
        Made on first use.
    seconds, idle_seconds : float
        A whole upload, and a pause in it, may take so long.
    """

    def __init__(self, folder: Path, seconds: float = 300.0, idle_seconds: float = 15.0) -> None:
        self.folder, self.seconds, self.idle_seconds = folder, seconds, idle_seconds
        self._running: Counter[object] = Counter()

    def clear(self) -> None:
        """Remove what uploads left that a crash cut off: their senders know."""
        for partial in self.folder.glob(f"*{PARTIAL}"):
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)

    async def receive(self, request: Request, team: object, cap: int) -> Received:
        """Write the body of a request to disk and hash it on the way.

        Parameters
        ----------
        request : Request
            Its body is the file.
        team : hashable
            Who sends it: nobody takes the slots of others.
        cap : int
            Bytes; nothing beyond them is read.

        Raises
        ------
        Problem
            413 over the cap, 408 if slow, 400 if it breaks off, 415 if it is no table, 507 without room on disk.
        TooManyError, UnavailableError
            Without a slot of the team, or of the server.
        """
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > cap:
            raise _too_large(cap)
        async with self._slot(team):
            path = self.folder / f"{secrets.token_hex(16)}{PARTIAL}"
            try:
                return await self._write(request, cap, path)
            except BaseException as error:
                path.unlink(missing_ok=True)
                if (problem := self._problem(error)) is not None:
                    raise problem from error
                raise

    @asynccontextmanager
    async def _slot(self, team: object) -> AsyncIterator[None]:
        """Wait for a slot of the team and of the server, and hold both."""
        until = asyncio.get_running_loop().time() + _SLOT_SECONDS
        while self._running[team] >= _AT_ONCE_PER_TEAM or self._running.total() >= _AT_ONCE:
            if asyncio.get_running_loop().time() > until:
                if self._running[team] >= _AT_ONCE_PER_TEAM:
                    raise TooManyError(f"Your team is sending {self._running[team]} files already", _SLOT_SECONDS)
                raise UnavailableError("Too many files come in at once", _SLOT_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)
        self._running[team] += 1
        try:
            yield
        finally:
            self._running[team] -= 1
            if not self._running[team]:
                del self._running[team]

    async def _write(self, request: Request, cap: int, path: Path) -> Received:
        files.private_folder(self.folder)
        if shutil.disk_usage(self.folder).free < cap + _SPARE_BYTES:
            raise Problem(507, "The disk of the server is full: tell its operator, and send the file again later.")
        with path.open("xb") as file:
            async with asyncio.timeout(self.seconds):
                return await self._copy(request, cap, file, path)

    async def _copy(self, request: Request, cap: int, file: BinaryIO, path: Path) -> Received:
        digest, size, head = hashlib.sha256(), 0, b""
        body = request.stream().__aiter__()
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds):
                    chunk = await anext(body)
            except StopAsyncIteration:
                break
            size += len(chunk)
            if size > cap:
                raise _too_large(cap)
            head = (head + chunk)[:512] if len(head) < 512 else head
            digest.update(chunk)
            file.write(chunk)
        if not size:
            raise Problem(400, "The body is empty: send the predictions as the body of the request.")
        await run_in_threadpool(_flush, file)
        return Received(path, digest.hexdigest(), _suffix(head), size)

    def _problem(self, error: BaseException) -> Problem | None:
        if isinstance(error, TimeoutError):
            seconds = f"{self.seconds:.0f} s, or paused for {self.idle_seconds:.0f} s"
            return Problem(408, f"The file took more than {seconds}: send it again.")
        if isinstance(error, ClientDisconnect):
            return Problem(400, "The file broke off: send it again.")
        if isinstance(error, OSError):
            return Problem(507, "The server can't write the file: tell its operator, and send it again later.")
        return None


def _suffix(head: bytes) -> str:
    if head.startswith(_PARQUET):
        return ".parquet"
    # Anything that is text may be a table; the scoring process says what is wrong with it.
    text = head.removeprefix(codecs.BOM_UTF8)
    if b"\0" in text or text.lstrip().startswith(b"<") or not text.split(b"\n")[0].isascii():
        raise Problem(415, "The file is neither Parquet nor CSV: no archive, pickle or program is taken.")
    return ".csv"


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(cap: int) -> Problem:
    return Problem(
        413, f"The file is larger than the {cap:,} bytes that fit this board: send the columns of the task only."
    )
