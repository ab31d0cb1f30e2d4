"""Rows put aside by buckets of accounts as they come, so that no more than one bucket is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from generator.schema import DAY_MS

_BYTES = 512 << 20  # of a source, packed or not, that a bucket is made for (a)
_MOST_BUCKETS = 64


@dataclass
class Spill:
    """Rows put aside.

    Attributes
    ----------
    folder : Path
        Where to; exists.
    buckets : int
        How many parts accounts are sorted into.
    rows : int
        Rows so far.
    days : set of int
        Days with a row, since 1970.
    present : set of str
        Columns in which a row says something.
    """

    folder: Path
    buckets: int
    rows: int = 0
    days: set[int] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    _writers: dict[int, pq.ParquetWriter] = field(default_factory=dict, repr=False)

    def add(self, frame: pl.DataFrame) -> None:
        """Put rows aside.

        Parameters
        ----------
        frame : polars.DataFrame
            Columns of `rows.SPILL`.
        """
        self.rows += len(frame)
        self.days |= set((frame["ts"] // DAY_MS).unique())
        self.present |= {name for name in frame.columns if frame[name].null_count() < len(frame)}
        bucket = pl.col("account_id").str.tail(4).str.to_integer(base=16) % self.buckets
        for (number,), part in frame.with_columns(bucket=bucket).partition_by("bucket", as_dict=True).items():
            table = part.drop("bucket").to_arrow()
            if number not in self._writers:
                self._writers[number] = pq.ParquetWriter(self._file(number), table.schema, compression="zstd")
            self._writers[number].write_table(table)

    def close(self) -> None:
        """End writing."""
        for writer in self._writers.values():
            writer.close()

    def parts(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Number and rows of each bucket, in the order in which they came."""
        for number in sorted(self._writers):
            yield number, pl.read_parquet(self._file(number), glob=False)

    def _file(self, number: int) -> Path:
        return self.folder / f"spill-{number:04d}.parquet"


def buckets_for(source_bytes: int) -> int:
    """How many buckets a source is put aside in.

    Parameters
    ----------
    source_bytes : int
        Size of its files.
    """
    return min(1 + source_bytes // _BYTES, _MOST_BUCKETS)
