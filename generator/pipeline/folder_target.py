"""A dataset in the making in a folder on disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator import files, integrity
from generator.errors import UserError
from generator.manifest import MANIFEST
from generator.pipeline.folder_lock import locked

WORK = "_work"  # what an unfinished dataset remembers: its configuration, and a receipt per finished shard


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
        """See `targets.Target`."""
        return str(self.root)

    def lock(self) -> AbstractContextManager[None]:
        """See `targets.Target`; a folder is written by one run at a time."""
        return locked(self.out)

    def prepare(self) -> None:
        """See `targets.Target`."""
        self.root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes | memoryview) -> None:
        """See `targets.Target`.

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
        """See `targets.Target`.

        Parameters
        ----------
        path : str
            Below the dataset.
        """
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def sizes(self) -> dict[str, int]:
        """See `targets.Target`."""
        there = (f for f in self.root.rglob("*") if f.is_file() and f.suffix != files.PARTIAL)
        return {f.relative_to(self.root).as_posix(): f.stat().st_size for f in there}

    def intact(self, path: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        """See `targets.Target`. All is read: a power cut can leave a file of the right size that holds zeros.

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
        """See `targets.Target`."""
        there = next(p for p in self.root.absolute().parents if p.exists())
        return shutil.disk_usage(there).free

    def clear(self) -> None:
        """See `targets.Target`. The manifest goes first and the record last: a kill may come between."""
        (self.root / MANIFEST).unlink(missing_ok=True)
        for entry in self.root.iterdir() if self.root.is_dir() else ():
            if entry.name != WORK:
                shutil.rmtree(entry, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def publish(self) -> None:
        """See `targets.Target`."""
        shutil.rmtree(self.root / WORK, ignore_errors=True)
        files.sweep(self.root)
        files.take_place(self.root, self.out, last=MANIFEST)


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
