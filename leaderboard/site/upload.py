"""Receives a file: nothing before the token, nothing beyond the cap, nothing from those who dawdle."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from leaderboard.site.problems import Problem
from leaderboard.site.settings import Settings

_PARQUET = b"PAR1"
_SPARE_BYTES = 64 << 20  # of disk, which must stay free


@dataclass(frozen=True)
class Received:
    """A file that has come in whole, under a temporary name."""

    path: Path
    digest: str
    suffix: str
    size: int


async def receive(request: Request, settings: Settings, cap: int) -> Received:
    """Write the body of a request to disk and hash it on the way.

    Raises
    ------
    Problem
        413 over the cap, 408 if slow, 400 if it breaks off, 415 if it is no table, 507 without room on disk.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > cap:
        raise _too_large(cap)
    folder = settings.store.waiting
    path = folder / f"{secrets.token_hex(16)}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < cap + _SPARE_BYTES:
            raise Problem(507, "The disk of the server is full: tell its operator, and send the file again later.")
        with path.open("xb") as file:
            async with asyncio.timeout(settings.upload_seconds):
                return await _copy(request, settings, cap, file, path)
    except TimeoutError as error:
        path.unlink(missing_ok=True)
        seconds = f"{settings.upload_seconds:.0f} s, or paused for {settings.idle_seconds:.0f} s"
        raise Problem(408, f"The file took more than {seconds}: send it again.") from error
    except ClientDisconnect as error:
        path.unlink(missing_ok=True)
        raise Problem(400, "The file broke off: send it again.") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Problem(
            507, "The server can't write the file: tell its operator, and send it again later."
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _copy(request: Request, settings: Settings, cap: int, file: BinaryIO, path: Path) -> Received:
    digest, size, head = hashlib.sha256(), 0, b""
    body = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(settings.idle_seconds):
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


def _suffix(head: bytes) -> str:
    if head.startswith(_PARQUET):
        return ".parquet"
    # Anything that is text may be a table; the scorer says if it is none.
    if b"\0" in head or b"," not in head or not head.split(b"\n")[0].isascii():
        raise Problem(415, "The file is neither Parquet nor CSV: no archive, pickle or program is taken.")
    return ".csv"


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(cap: int) -> Problem:
    return Problem(
        413, f"The file is larger than the {cap:,} bytes that fit this board: send the columns of the task only."
    )
