"""Files that were handed in, each under the name of its own digest."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import polars as pl

from generator.errors import UserError
from generator.files import PARTIAL

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

    def partial(self) -> Path:
        """A new name to write a table under, for `take`."""
        return self.folder / f".{secrets.token_hex(8)}{PARTIAL}"

    def take(self, partial: Path) -> str:
        """Keep a table that was written under a name of `partial`; an equal one is kept once.

        Parameters
        ----------
        partial : Path
            Moved to its place.

        Returns
        -------
        str
            SHA-256 of its bytes, which names it from now on.
        """
        name = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(self.path(name))
        return name

    def keep(self, table: pl.DataFrame) -> str:
        """Keep a table; an equal one is kept once.

        Parameters
        ----------
        table : polars.DataFrame
            Of any columns.

        Returns
        -------
        str
            SHA-256 of its file, which names it from now on.
        """
        partial = self.partial()
        try:
            table.write_parquet(partial)
            return self.take(partial)
        finally:
            partial.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """File of a digest; nothing else is a name.

        Parameters
        ----------
        name : str
            Digest that `keep` or `take` gave.

        Raises
        ------
        ValueError
            If it is none.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no digest")
        return self.folder / f"{name}{SUFFIX}"

    def checked(self, name: str) -> pl.DataFrame:
        """A table whose bytes are those that its name promises.

        Parameters
        ----------
        name : str
            Digest that `keep` or `take` gave.

        Raises
        ------
        UserError
            If they are others.
        """
        if hashlib.sha256(self.path(name).read_bytes()).hexdigest() != name:
            raise UserError(f"{self.path(name).name} is not the file that was handed in: its SHA-256 is another")
        return self.read(name)

    def read(self, name: str) -> pl.DataFrame:
        """A table that was kept.

        Parameters
        ----------
        name : str
            Digest that `keep` or `take` gave.
        """
        return pl.read_parquet(self.path(name), glob=False)
