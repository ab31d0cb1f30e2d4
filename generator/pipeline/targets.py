"""Where a dataset is written: a folder, or an address that fsspec opens; every file whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from generator import integrity, remote
from generator.dataset import MANIFEST
from generator.errors import UserError

WORK = "_work"  # what an unfinished dataset remembers: its configuration, and a receipt per finished shard
_LOCAL = ("file", "local")


class Target(Protocol):
    """A dataset in the making; paths are below it, with slashes."""

    @property
    def name(self) -> str:
        """Where the unfinished dataset is."""

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Put a file there, whole or not at all; an older one of the same name is replaced."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None if it is not there."""

    def sizes(self) -> dict[str, int]:
        """Bytes of every file that is there."""

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """Whether a file is what its entry of the manifest says."""

    def free(self) -> int | None:
        """Bytes that fit; None if nobody knows."""

    def clear(self) -> None:
        """Remove what is unfinished."""

    def publish(self) -> None:
        """Give the complete dataset, manifest included, its name."""


@dataclass(frozen=True)
class Folder:
    """A folder on disk, which is `out` + ".partial" until it is complete."""

    out: Path

    @property
    def root(self) -> Path:
        """The unfinished folder."""
        return self.out.with_name(self.out.name + ".partial")

    @property
    def name(self) -> str:
        """See `Target`."""
        return str(self.root)

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Target`. Two who write the same file at once do not meet: each has a temporary name of its own.

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
        temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, path: str) -> bytes | None:
        """See `Target`."""
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def sizes(self) -> dict[str, int]:
        """See `Target`."""
        files = (f for f in self.root.rglob("*") if f.is_file() and f.suffix != ".tmp")
        return {f.relative_to(self.root).as_posix(): f.stat().st_size for f in files}

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """See `Target`. A power cut can leave a file of the right size that holds zeros: all of it is read."""
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
        for left in self.root.rglob("*.tmp"):
            left.unlink(missing_ok=True)
        if self.out.exists():
            self.out.rmdir()
        self.root.rename(self.out)


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

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `Target`: object stores show a file when all of it has arrived."""
        system, root = remote.file_system(self.name, self.options)
        with remote.told(f"{self.name}/{path}", "written"):
            system.pipe_file(f"{root}/{path}", bytes(content))

    def read(self, path: str) -> bytes | None:
        """See `Target`."""
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
        """See `Target`. Only the size is compared: to read all again would cost as much as to make it again."""
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
    """The target that a path or address means."""
    where = remote.address(out)
    if not where:
        return Folder(out.absolute())
    kind, _, rest = where.partition("://")
    return Folder(Path("/" + rest.lstrip("/"))) if kind in _LOCAL else Address(where, options or {})


def check_free(out: Path) -> None:
    """Whether a folder can be made there.

    Raises
    ------
    UserError
        If it exists and is not empty, or is no folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        n = len(list(out.iterdir())) if out.is_dir() else 1
        raise UserError(f"--out {out} holds {n} entries already: choose a new folder, or empty this one")
