"""One run at a time in one folder: a lock that names who holds it, and that ends with its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from generator import files
from generator.errors import UserError, printable

_LONGEST = 200  # bytes of the note about the holder
_NO_LOCKS = (
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.ENOSYS,
)  # of file systems that have none: nothing is kept away then


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of a folder that is about to be made.

    The lock is a hidden file beside the folder, which is gone when the block has ended. It is the system's own
    (flock): when a process is killed, its lock ends with it, whatever file it leaves.

    Parameters
    ----------
    out : Path
        Folder, which need not exist; its parents are made.

    Raises
    ------
    UserError
        If another process holds it, which is named, or nothing can be written there.
    """
    file, held = out.with_name(f".{out.name}.lock"), ExitStack()
    if out.is_dir() and not os.access(file.parent, os.W_OK):
        file = out / ".lock.partial"
    try:
        if out.is_dir() and not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(out))
        file.parent.mkdir(parents=True, exist_ok=True)
        ours = held.enter_context(claimed(file))
    except OSError as error:
        remedy = "choose another folder, or mend its permissions"
        if error.errno in files.FULL:
            remedy = f"{files.no_space(file)}; free some, or write to another disk"
        raise UserError(
            f"--out {out} can't be written: {error.strerror or error}: {error.filename or file.parent}; {remedy}"
        ) from error
    if not ours:
        raise UserError(f"--out {out} is being written by {_holder(file)}: wait for it, or choose another folder")
    with held:
        yield


@contextmanager
def claimed(file: Path) -> Iterator[bool]:
    """Hold a lock file, unless somebody else does; the claim ends with the block, or with the process.

    Parameters
    ----------
    file : Path
        In a folder that exists; gone when the block has ended.

    Yields
    ------
    bool
        Whether it is held here.
    """
    handle = _acquired(file)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            file.unlink(missing_ok=True)
            os.close(handle)


def _acquired(file: Path) -> int | None:
    """An open handle that holds the lock; None if somebody else does."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        if file.exists() and os.fstat(handle).st_ino == file.stat().st_ino:
            note = f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            try:
                os.ftruncate(handle, 0)
                os.write(handle, note.encode()[:_LONGEST])
            except OSError:  # a full disk
                file.unlink()
                os.close(handle)
                raise
            return handle
        os.close(handle)  # the one before has just removed it


def _holder(file: Path) -> str:
    try:
        return printable(file.read_bytes()[:_LONGEST].decode("utf-8", "replace")) or "another process"
    except OSError:
        return "another process"
