"""Files and folders that are whole whenever they are there: written under another name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"
"""What stands behind the name of something unfinished; a killed process may leave one behind."""


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
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
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
