"""One table of a split: what its reader may see of it, read when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from generator import remote, schema
from generator.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_PROCESS = os.getpid()  # a fork keeps the number of the process that it was forked from


class Table:
    """One table of one split, limited to the columns that its reader may see.

    Nothing is read before one of the three verbs is called.

    Parameters
    ----------
    name : str
        Key of `schema.TABLES`.
    parts : sequence of polars.LazyFrame
        One frame per account bucket (one frame in all for tables that are not sharded).
    columns : tuple of str
        Columns that exist for the reader.
    """

    def __init__(self, name: str, parts: Iterable[pl.LazyFrame], columns: tuple[str, ...]) -> None:
        self.name = name
        self.columns = columns
        self._parts = tuple(parts)

    def polars(self) -> pl.LazyFrame:
        """All rows as a lazy Polars frame."""
        import polars as pl

        return pl.concat(list(self.buckets()))

    def buckets(self) -> Iterator[pl.LazyFrame]:
        """Lazy frames, one per account bucket: all rows of an account are in the same one.

        Raises
        ------
        UserError
            In a process that was forked after this module was imported: the threads that read don't survive it.
        """
        if os.getpid() != _PROCESS:
            raise UserError(
                f"{self.name} can't be read in a forked process, which lacks the threads that read: start workers "
                "with the method spawn or forkserver, e.g. DataLoader(..., multiprocessing_context='spawn')"
            )
        return (part.select(self.columns) for part in self._parts)

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self.polars().collect(engine="streaming").to_arrow()

    def pandas(self) -> pd.DataFrame:
        """All rows as a pandas frame; categories stay categories, and whole numbers whole where some are null."""
        numbers = schema.pandas_metadata(self.name, self.columns)
        return cast("pd.DataFrame", self.arrow().replace_schema_metadata(numbers).to_pandas())

    def where(self, predicate: pl.Expr) -> Table:
        """Rows for which a predicate holds.

        Parameters
        ----------
        predicate : polars.Expr
            Over columns of the table.
        """
        return Table(self.name, (part.filter(predicate) for part in self._parts), self.columns)

    def hide(self, fields: Iterable[str]) -> Table:
        """The same rows with nothing but null in some columns.

        Parameters
        ----------
        fields : iterable of str
            As table.column; those that are not there are passed over.
        """
        import polars as pl

        hidden = {f"{self.name}.{c}": c for c in self.columns}
        nulls = [
            pl.when(False).then(pl.col(hidden[f])).alias(hidden[f]) for f in sorted(hidden.keys() & set(fields))
        ]
        return Table(self.name, (part.with_columns(nulls) for part in self._parts), self.columns)

    def restrict(self, columns: Iterable[str]) -> Table:
        """Only the named columns (and keys); the others are not there to be read.

        Parameters
        ----------
        columns : iterable of str
            Names without the table's.
        """
        wanted = set(columns)
        keys = {c.name for c in schema.TABLES[self.name] if c.group == "K"}
        return Table(self.name, self._parts, tuple(c for c in self.columns if c in wanted | keys))

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {len(self.columns)} columns, {len(self._parts)} buckets)"


def scan(
    root: Path,
    store: remote.RemoteStore | None,
    table: str,
    entries: Mapping[str, Mapping[str, Any]],
    files: list[str],
) -> pl.LazyFrame:
    """Scan the files of one bucket of a table, fetched when they are read where they lie at an address.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    store : RemoteStore or None
        What fetches files; None where they are here.
    table : str
        Key of `schema.TABLES`.
    entries : mapping of str to mapping
        Files of the split by path, as in the manifest.
    files : list of str
        Paths of the bucket.
    """
    import polars as pl

    def scanned(paths: list[Path]) -> pl.LazyFrame:
        # Paths are names, whatever stands in them: neither patterns nor columns of partitions.
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False)

    if store is None:
        return scanned([root / f for f in files])
    checksums = [(f, entries[f]["sha256"]) for f in files]
    columns = pl.DataFrame(schema.arrow_schema(table).empty_table()).schema
    later: Any = lambda: scanned(store.fetch(checksums))  # noqa: E731  (typed as if it had to be eager)
    return pl.defer(later, schema=columns)
