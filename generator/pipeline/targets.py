"""Where a dataset is written: a folder, or an address that fsspec opens; every file whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from generator import files, integrity, remote
from generator.errors import UserError
from generator.manifest import MANIFEST
from generator.pipeline.folder_lock import locked

WORK = "_work"  # what an unfinished dataset remembers: its configuration, and a receipt per finished shard


class Target(Protocol):
    """A dataset in the making; paths are below it, with slashes."""

    @property
    def name(self) -> str:
        """Where the unfinished dataset is."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep others from writing there, as far as that can be done."""

    def prepare(self) -> None:
        """Make the place that files are written to."""

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Put a file there, whole or not at all; an older one of the same name is replaced.

        Parameters
        ----------
        path : str
            Below the dataset, with slashes.
        content : bytes or memoryview
            All of it.
        """

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None if it is not there.

        Parameters
        ----------
        path : str
            Below the dataset.
        """

    def sizes(self) -> dict[str, int]:
        """Bytes of every file that is there."""

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Whether a file is what its entry of the manifest says.

        Parameters
        ----------
        path : str
            Below the dataset.
        entry : mapping
            With its bytes and sha256.
        sizes : mapping of str to int
            Of all files, see `sizes`.
        """

    def free(self) -> int | None:
        """Bytes that fit; None if nobody knows."""

    def clear(self) -> None:
        """Remove what is unfinished."""

    def publish(self) -> None:
        """Give the complete dataset, manifest included, its name."""


@dataclass(frozen=True)
class Folder:
    """A folder on disk.

    Attributes
    ----------
    out : Path
        Its place once it is complete.
    root : Path
        Where it is until then, see `files.staging`.
    """

    out: Path
    root: Path

    @property
    def name(self) -> str:
        """See `Target`."""
        return str(self.root)

    def lock(self) -> AbstractContextManager[None]:
        """See `Target`; a folder is written by one run at a time."""
        return locked(self.out)

    def prepare(self) -> None:
        """See `Target`."""
        self.root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Target`.

        Parameters
        ----------
        path : str
            Below the dataset.
        content : bytes or memoryview
            All of it.

        Raises
        ------
        UserError
            If the folder is gone, or was never seen from here.
        """
        if not self.root.is_dir():
            raise UserError(
                f"{self.root} is not there for this worker: share the folder with all workers, write to an "
                "address such as s3://BUCKET/NAME, or, if somebody removed it, start again"
            )
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_file(file) as partial:
            partial.write_bytes(content)

    def read(self, path: str) -> bytes | None:
        """See `Target`.

        Parameters
        ----------
        path : str
            Below the dataset.
        """
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def sizes(self) -> dict[str, int]:
        """See `Target`."""
        there = (f for f in self.root.rglob("*") if f.is_file() and f.suffix != files.PARTIAL)
        return {f.relative_to(self.root).as_posix(): f.stat().st_size for f in there}

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """See `Target`. A power cut can leave a file of the right size that holds zeros: all of it is read.

        Parameters
        ----------
        path : str
            Below the dataset.
        entry : mapping
            With its bytes and sha256.
        sizes : mapping of str to int
            Of all files.
        """
        if sizes.get(path) != entry["bytes"]:
            return False
        return bool(integrity.file_digest(self.root / path) == entry["sha256"])

    def free(self) -> int:
        """See `Target`."""
        there = next(p for p in self.root.absolute().parents if p.exists())
        return shutil.disk_usage(there).free

    def clear(self) -> None:
        """See `Target`. The manifest goes first and the record last: a kill may come between."""
        (self.root / MANIFEST).unlink(missing_ok=True)
        for entry in self.root.iterdir() if self.root.is_dir() else ():
            if entry.name != WORK:
                shutil.rmtree(entry, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def publish(self) -> None:
        """See `Target`."""
        shutil.rmtree(self.root / WORK, ignore_errors=True)
        files.sweep(self.root)
        files.take_place(self.root, self.out, last=MANIFEST)


@dataclass(frozen=True)
class Address:
    """A place in an object store; a dataset is complete there when its manifest is, which comes last.

    Attributes
    ----------
    name : str
        As `remote.address` gives it.
    options : dict
        What fsspec's file system is opened with; workers get them too.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict, repr=False)

    def lock(self) -> AbstractContextManager[None]:
        """See `Target`; object stores know no locks, but what holds files already is refused."""
        return nullcontext()

    def prepare(self) -> None:
        """See `Target`; object stores know no folders."""

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Target`: object stores show a file when all of it has arrived.

        Parameters
        ----------
        path : str
            Below the address.
        content : bytes or memoryview
            All of it.
        """
        system, root = remote.file_system(self.name, self.options)
        with remote.told(f"{self.name}/{path}", "written"):
            system.pipe_file(f"{root}/{path}", bytes(content))

    def read(self, path: str) -> bytes | None:
        """See `Target`.

        Parameters
        ----------
        path : str
            Below the address.
        """
        system, root = remote.file_system(self.name, self.options)
        with remote.told(f"{self.name}/{path}", "read"):
            try:
                return bytes(system.cat_file(f"{root}/{path}"))
            except FileNotFoundError:
                return None

    def sizes(self) -> dict[str, int]:
        """See `Target`."""
        system, root = remote.file_system(self.name, self.options)
        with remote.told(self.name, "listed"):
            system.invalidate_cache()
            try:
                found = system.find(root, detail=True)
            except FileNotFoundError:
                return {}
        return {
            path.removeprefix("/").removeprefix(f"{root.removeprefix('/')}/"): about["size"] or 0
            for path, about in found.items()
        }

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """See `Target`. Only the size is compared: to read all again would cost as much as to make it again.

        Parameters
        ----------
        path : str
            Below the address.
        entry : mapping
            With its bytes.
        sizes : mapping of str to int
            Of all files.
        """
        return bool(sizes.get(path) == entry["bytes"])

    def free(self) -> None:
        """See `Target`."""
        return

    def clear(self) -> None:
        """See `Target`; the record of the configuration goes last."""
        self._remove(sorted(self.sizes(), key=lambda path: (path != MANIFEST, path.startswith(WORK + "/"))))

    def publish(self) -> None:
        """See `Target`."""
        self._remove([path for path in self.sizes() if path.startswith(WORK + "/")])

    def _remove(self, paths: list[str]) -> None:
        system, root = remote.file_system(self.name, self.options)
        with remote.told(self.name, "tidied"):
            for path in paths:
                system.rm_file(f"{root}/{path}")


def at(out: Path, options: dict[str, Any] | None = None) -> Target:
    """The target that a path or address means.

    Parameters
    ----------
    out : Path
        Folder, or an address that fsspec opens.
    options : dict, optional
        For addresses: what the file system is opened with.
    """
    address = remote.address(out)
    if address:
        return Address(address, options or {})
    # A link stays a link: the folder that it names is filled.
    folder = Path(os.path.realpath(remote.local(out)))
    return Folder(folder, files.staging(folder))


def check_free(out: Path) -> None:
    """Whether a folder can be made there.

    Parameters
    ----------
    out : Path
        Folder on disk.

    Raises
    ------
    UserError
        If it exists and is not empty, or is no folder.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out} holds 1 entries already: choose a new folder, or empty this one")
    if entries := files.occupants(out):
        raise UserError(
            f"--out {out} holds {len(entries)} entries already: choose a new folder, or empty this one"
        )
