"""Files that were handed in, each under the name of its own digest."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import polars as pl

from generator.errors import UserError

SUFFIX = ".rows"  # Parquet by another name: no table of the world, which `verify` would look for in vain
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BlobStore:
    """A folder of tables.

    Parameters
    ----------
    folder : Path
        Made if missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def keep(self, table: pl.DataFrame) -> str:
        """Digest of a table that is kept by now; an equal one is kept once."""
        temporary = self.folder / f".{secrets.token_hex(8)}.tmp"
        table.write_parquet(temporary)
        name = hashlib.sha256(temporary.read_bytes()).hexdigest()
        temporary.rename(self.path(name))
        return name

    def path(self, name: str) -> Path:
        """File of a digest; nothing else is a name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no digest")
        return self.folder / f"{name}{SUFFIX}"

    def checked(self, name: str) -> pl.DataFrame:
        """A table whose bytes are those that its name promises.

        Raises
        ------
        UserError
            If they are others.
        """
        if hashlib.sha256(self.path(name).read_bytes()).hexdigest() != name:
            raise UserError(f"{self.path(name).name} is not the file that was handed in: its SHA-256 is another")
        return self.read(name)

    def read(self, name: str) -> pl.DataFrame:
        """A table that was kept."""
        return pl.read_parquet(self.path(name))
