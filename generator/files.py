"""Files and folders that are whole whenever they are there: written under another name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.errors import UserError

PRIVATE = 0o700
"""Permissions of a folder that its owner alone can enter."""
PARTIAL = ".partial"
"""What stands behind the name of something unfinished; a killed process may leave one behind."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors that a full disk, or a used-up quota, gives."""

_KEPT = 60  # letters of a name that its unfinished file has too: the whole must fit a file system's 255 bytes
_UNFINISHED = {".partial", ".release", ".release.partial", ".lock.partial"}  # inside a folder, see `staging`
_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", "lost+found", ".Trashes", ".Spotlight-V100"}


@contextmanager
def atomic_file(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Write a file beside its place; it takes its place when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where the file belongs; its folder must exist. What is there already is replaced.
    mode : int, optional
        Permissions, from the first byte on; left out, the process's usual ones.

    Yields
    ------
    Path
        Where to write it: a file of another name, empty if `mode` was given, else not there yet.

    Raises
    ------
    OSError
        If it can't be written; nothing stays then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_file(Path(folder, "a.txt")) as partial:
    ...         _ = partial.write_text("whole")
    ...     Path(folder, "a.txt").read_text(), len(list(Path(folder).iterdir()))
    ('whole', 1)
    """
    # Two who write the same file at once do not meet: each has a name of its own.
    partial = path.with_name(f".{path.name[:_KEPT]}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        if mode is not None:
            partial.unlink(missing_ok=True)
            partial.touch(mode=mode, exist_ok=False)
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int | None = None) -> Path:
    """Write a text file as UTF-8, see `atomic_file`.

    Parameters
    ----------
    path : Path
        Where it belongs.
    text : str
        All of it.
    mode : int, optional
        Permissions.

    Returns
    -------
    Path
        The same path.
    """
    with atomic_file(path, mode) as partial:
        partial.write_text(text, "utf-8")
    return path


def private_folder(path: Path) -> Path:
    """Make a folder that its owner alone can enter; one that is there stays as it is.

    Parameters
    ----------
    path : Path
        Where it belongs; folders above it are made, too.

    Returns
    -------
    Path
        The same path.
    """
    path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    return path


def leave_out_of_git(folder: Path) -> None:
    """Keep a folder that holds secrets out of any repository that it lies in.

    Parameters
    ----------
    folder : Path
        Gets a .gitignore.
    """
    (folder / ".gitignore").write_text("*\n", "utf-8")


def check_writable(path: Path, option: str = "--out") -> None:
    """Whether a file can be written, to be asked before the work that gives what it holds.

    Parameters
    ----------
    path : Path
        Where it belongs; folders that are missing are no hindrance.
    option : str
        What the user gave it by.

    Raises
    ------
    UserError
        If a folder is there, or nothing can be written.
    """
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder; name a file in it")
    there = next(p for p in path.absolute().parents if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "can't be written to" if there.is_dir() else "is no folder"
        raise UserError(
            f"{option} {path} can't be written: {there} {why}; choose another, or mend its permissions"
        )


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder beside its place; it takes its place when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where the folder belongs; what is there already is replaced.

    Yields
    ------
    Path
        An empty folder to fill.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def staging(out: Path, end: str = PARTIAL) -> Path:
    """Where a folder is made, until all of it is there and it takes its place.

    That is beside its place, where one rename moves it. A folder that is there already and can't be replaced (a
    mounted volume, the working folder, one in a folder that is not ours, one in which the system keeps files) is
    filled from inside.

    Parameters
    ----------
    out : Path
        Place of the folder; empty if it is there.
    end : str
        What stands behind the name of the unfinished one.

    Examples
    --------
    >>> staging(Path("/data/nano")).as_posix()
    '/data/nano.partial'
    """
    within = out / end
    if out.is_dir() and (
        out.is_mount()
        or Path.cwd().is_relative_to(out)
        or not os.access(out.parent, os.W_OK)
        or within.exists()
        or any(out.iterdir())
    ):
        return within
    return out.with_name(out.name + end)


def occupants(out: Path) -> list[Path]:
    """What a folder holds beside what the system keeps there and what was left unfinished, see `staging`.

    Parameters
    ----------
    out : Path
        Folder that exists.
    """
    return [p for p in out.iterdir() if p.name not in _UNFINISHED and not is_foreign(Path(p.name))]


def take_place(unfinished: Path, out: Path, last: str) -> None:
    """Give a folder that is complete its place, see `staging`.

    Parameters
    ----------
    unfinished : Path
        What `staging` gave.
    out : Path
        Place of the folder.
    last : str
        Name of the entry that comes last where they are moved one by one: with it, all is there.
    """
    if unfinished.parent != out:
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
        return
    for entry in sorted(unfinished.iterdir(), key=lambda p: p.name == last):
        entry.rename(out / entry.name)
    unfinished.rmdir()


def sweep(root: Path) -> None:
    """Remove the unfinished files that killed processes have left in a folder and below.

    Parameters
    ----------
    root : Path
        A folder that nobody writes to at the moment.
    """
    for left in root.rglob(f".*{PARTIAL}"):
        if left.is_file():
            left.unlink(missing_ok=True)


def is_foreign(path: Path) -> bool:
    """Whether an operating system has put a file there by itself, as macOS does beside what it copies.

    Parameters
    ----------
    path : Path
        Relative to the folder that is looked at.

    Examples
    --------
    >>> is_foreign(Path("train/._accounts.parquet")), is_foreign(Path("train/accounts.parquet"))
    (True, False)
    """
    return any(part in _SYSTEMS or part.startswith("._") for part in path.parts)


def no_space(path: Path) -> str:
    """What is to be said of a full disk: which one it is, and how much is free there.

    Parameters
    ----------
    path : Path
        What could not be written; it need not exist.
    """
    there = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    disk = next(p for p in (there, *there.parents) if p.is_mount())
    return f"{shutil.disk_usage(there).free / 1e6:,.0f} MB are free on {disk}"
