"""Where a dataset is written: a folder, or an address that fsspec opens; every file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from generator import files, remote
from generator.manifest import MANIFEST
from generator.pipeline.folder_target import WORK, Folder

__all__ = ["WORK", "Address", "Folder", "Target", "open_target"]


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
        with remote.readable_errors(f"{self.name}/{path}", "written"):
            system.pipe_file(f"{root}/{path}", bytes(content))

    def read(self, path: str) -> bytes | None:
        """See `Target`.

        Parameters
        ----------
        path : str
            Below the address.
        """
        system, root = remote.file_system(self.name, self.options)
        with remote.readable_errors(f"{self.name}/{path}", "read"):
            try:
                return bytes(system.cat_file(f"{root}/{path}"))
            except FileNotFoundError:
                return None

    def sizes(self) -> dict[str, int]:
        """See `Target`."""
        system, root = remote.file_system(self.name, self.options)
        with remote.readable_errors(self.name, "listed"):
            system.invalidate_cache()
            try:
                entries = system.find(root, detail=True)
            except FileNotFoundError:
                return {}
        return {
            path.removeprefix("/").removeprefix(f"{root.removeprefix('/')}/"): about["size"] or 0
            for path, about in entries.items()
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
        with remote.readable_errors(self.name, "tidied"):
            for path in paths:
                system.rm_file(f"{root}/{path}")


def open_target(out: Path, options: dict[str, Any] | None = None) -> Target:
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
