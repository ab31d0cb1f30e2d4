"""Datasets at an address: hf://, s3://, gs:// and whatever else fsspec opens, read file by file into a cache."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.errors import UserError
from generator.files import atomic_file

CACHE = "SIPHONBENCH_CACHE"
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.+)", re.IGNORECASE)  # one letter before the colon is a disk
_LOCAL = ("file", "local")  # what fsspec calls a folder on this machine
_EXTRAS = {"hf": "hf", "s3": "cloud", "s3a": "cloud"}


@dataclass(frozen=True)
class RemoteStore:
    """A folder at an address, and the folder on disk that its files are copied to when they are needed.

    Attributes
    ----------
    address : str
        Where it is.
    folder : Path
        Where its copies are; another version of the dataset has another.
    get : callable
        Bytes of a path below the address.
    """

    address: str
    folder: Path
    get: Callable[[str], bytes]

    def fetch(self, files: Iterable[tuple[str, str]]) -> list[Path]:
        """Copies of files, given as path and SHA-256, that were fetched now or before.

        Parameters
        ----------
        files : iterable of (str, str)
            Path below the address, and SHA-256.

        Raises
        ------
        UserError
            If one can't be read, or is not what its SHA-256 says.
        """
        copies = []
        for path, digest in files:
            copy = self.folder / path
            if not copy.is_file():
                content = self.get(path)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise UserError(f"{self.address}/{path} is not what the manifest says: its SHA-256 differs")
                _write(copy, content)
            copies.append(copy)
        return copies

    def keep(self, path: str) -> None:
        """Copy a file that has no SHA-256 to compare with, as it is now.

        Parameters
        ----------
        path : str
            Below the address.
        """
        _write(self.folder / path, self.get(path))


def address(path: str | Path) -> str | None:
    """Address, if it is one; a `Path` that was made of one has lost a slash, which comes back here.

    Parameters
    ----------
    path : str or Path
        What a user gave.

    Examples
    --------
    >>> address("s3:/bucket/nano/"), address("data/nano"), address("file:///data/nano")
    ('s3://bucket/nano', None, None)
    """
    parts = _ADDRESS.fullmatch(str(path))
    return f"{parts[1].lower()}://{parts[2].rstrip('/')}" if parts and parts[1].lower() not in _LOCAL else None


def local(path: str | Path) -> Path:
    """Folder on disk that a path means, which may be written as file:///folder.

    Nothing in it is a pattern or a query: brackets, question marks and %20 are parts of names.

    Parameters
    ----------
    path : str or Path
        What is no address.

    Examples
    --------
    >>> local("file:///data/nano").as_posix(), local("data/a%20[1]?").as_posix()
    ('/data/nano', 'data/a%20[1]?')
    """
    parts = _ADDRESS.fullmatch(str(path))
    return Path("/" + parts[2]) if parts and parts[1].lower() in _LOCAL else Path(path)


def open_store(where: str, manifest: str, options: dict[str, Any] | None = None) -> RemoteStore:
    """Reach an address, and copy its manifest.

    Parameters
    ----------
    where : str
        As `address` gives it.
    manifest : str
        Name of the file that says what else there is.
    options : dict, optional
        What fsspec's file system is opened with: endpoint, key, token.

    Raises
    ------
    UserError
        If nothing can open it, or there is no dataset.
    """
    system, root = file_system(where, options)

    def get(path: str) -> bytes:
        with readable_errors(f"{where}/{path}", "read"):
            return bytes(system.cat_file(f"{root}/{path}"))

    content = get(manifest)
    folder = _cache() / hashlib.sha256(content).hexdigest()[:32]
    store = RemoteStore(where, folder, get)
    if not (folder / manifest).is_file():
        _write(folder / manifest, content)
    return store


def file_system(where: str, options: dict[str, Any] | None = None) -> tuple[Any, str]:
    """What opens an address, and the path that it has there.

    Parameters
    ----------
    where : str
        As `address` gives it.
    options : dict, optional
        What fsspec's file system is opened with.

    Raises
    ------
    UserError
        If nothing can open it, or a package is missing.
    """
    import fsspec  # type: ignore[import-untyped]

    kind = where.partition(":")[0]
    try:
        system, root = fsspec.core.url_to_fs(where, **(options or {}))
    except ImportError as error:
        extra = f": pip install 'siphonbench[{_EXTRAS[kind]}]'" if kind in _EXTRAS else f" ({error})"
        raise UserError(f"{where} needs one more package{extra}") from error
    except ValueError as error:
        raise UserError(f"{where} can't be opened: {error}; write hf://, s3://, gs:// or a folder") from error
    return system, str(root).rstrip("/")


@contextmanager
def readable_errors(where: str, done: str) -> Iterator[None]:
    """What a file system raises becomes one sentence; each raises its own, of network, permission, absence.

    Parameters
    ----------
    where : str
        What is read or written.
    done : str
        What can't be done to it, such as "read".
    """
    try:
        yield
    except Exception as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{where} can't be {done}: {why}; check address, network and permission") from error


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(home) / "siphonbench")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as partial:
        partial.write_bytes(content)
