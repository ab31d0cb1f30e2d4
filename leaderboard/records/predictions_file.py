"""Files of predictions, as people write them: CSV or Parquet, checked before anything large is decoded."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leaderboard.records import parquet_guard
from leaderboard.records.card import LONGEST
from leaderboard.records.task_definitions import Task

NAMES = ("predictions.parquet", "predictions.csv")
_BYTES_PER_ROW, _BYTES_SPARE = 128, 1 << 16
_HEADER_BYTES = 256
_TEXT = (pa.string(), pa.large_string(), pa.string_view())
_WHOLE = (pa.int64(), pa.int32(), pa.int16(), pa.int8(), pa.uint64(), pa.uint32(), pa.uint16(), pa.uint8())
_FLOAT = (pa.float64(), pa.float32())
_ALLOWED = {
    "string": _TEXT,
    "label": (*_TEXT, *_WHOLE, *_FLOAT),  # pandas makes floats of whole numbers beside missing ones
    "integer": _WHOLE,
    "number": (*_FLOAT, *_WHOLE),
}
_WANTED = {"string": "string", "label": "string", "integer": "int64", "number": "double"}
POLARS = {"string": pl.String, "label": pl.String, "integer": pl.Int64, "number": pl.Float64}


def columns(task: Task) -> dict[str, str]:
    """Kind of each column of a task's submission.

    Parameters
    ----------
    task : Task
        What is asked.
    """
    return {**task.keys, task.value: task.kind}


def read(file: Path, n: int, task: Task, faults: list[str]) -> pl.DataFrame | None:
    """Rows of a file; None if it can't be read.

    Parameters
    ----------
    file : Path
        CSV or Parquet, as a stranger wrote it.
    n : int
        Rows that are expected.
    task : Task
        What is asked.
    faults : list of str
        What is wrong with it is added.
    """
    size, cap = file.stat().st_size, n * _BYTES_PER_ROW + _BYTES_SPARE
    if size > cap:
        faults.append(
            f"{file.name}: {size:,} bytes, at most {cap:,} fit {n:,} {task.rows}; "
            f"keep {' and '.join(columns(task))} only"
        )
        return None
    try:
        frame = _parquet(file, n, task, faults) if file.suffix.lower() == ".parquet" else _csv(file, task)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        kind = "Parquet" if file.suffix.lower() == ".parquet" else "CSV"
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        faults.append(f"{file.name}: can't be read as {kind} ({reason}); write it again")
        return None
    if frame is not None and task.kind == "label":
        frame = frame.with_columns(pl.col(task.value).replace("", None))
    return frame


def _parquet(file: Path, n: int, task: Task, faults: list[str]) -> pl.DataFrame | None:
    kinds = columns(task)
    # Footer and page headers are checked before a page is decoded: a small file can decode to gigabytes.
    with pq.ParquetFile(file) as parquet:
        schema, metadata = parquet.schema_arrow, parquet.metadata
    if sorted(schema.names) != sorted(kinds) or not all(_fits(f.type, kinds[f.name]) for f in schema):
        wanted = " and ".join(f"{name}: {_WANTED[kind]}" for name, kind in kinds.items())
        faults.append(
            f"{file.name}: has columns {', '.join(f'{f.name}: {f.type}' for f in list(schema)[:6])[:200]}; "
            f"write exactly {wanted}"
        )
        return None
    most, groups = 10 * (n * _BYTES_PER_ROW + _BYTES_SPARE), range(metadata.num_row_groups)
    if metadata.num_rows > 2 * n or sum(metadata.row_group(i).total_byte_size for i in groups) > most:
        faults.append(f"{file.name}: {metadata.num_rows:,} rows for {n:,} {task.rows}; give each one row")
        return None
    if fault := parquet_guard.check(file, metadata, most, max(2 * n, 1)):
        faults.append(f"{file.name}: {fault}; give each of the {n:,} {task.rows} one row")
        return None
    # Dictionaries stay dictionaries: one long name repeated in every row would decode to gigabytes.
    text = [f.name for f in schema if f.type in _TEXT or pa.types.is_dictionary(f.type)]
    read = pq.read_table(file, read_dictionary=text, memory_map=False)
    # Neither metadata nor text that is no UTF-8 goes on to Polars, which would end the process.
    table = pa.table(dict(zip(read.column_names, read.columns, strict=True)))
    table.validate(full=True)
    for name in text:
        lengths = (pc.max(pc.binary_length(c.dictionary)).as_py() or 0 for c in table[name].chunks)
        if (longest := max(lengths, default=0)) > LONGEST:
            faults.append(f"{file.name}: {name}: up to {longest:,} bytes long; at most {LONGEST} are allowed")
            return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if frame.schema[task.value].is_float() and task.kind == "label":
        labels = frame[task.value].fill_nan(None)
        if not (labels == labels.floor()).all():
            raise ValueError(f"{task.value} holds fractions, and names no group")
        frame = frame.with_columns(labels.cast(pl.Int64))
    return frame.select(pl.col(name).cast(POLARS[kind]) for name, kind in kinds.items())


def _fits(kept: pa.DataType, kind: str) -> bool:
    return (kept.value_type if pa.types.is_dictionary(kept) and kind in ("string", "label") else kept) in _ALLOWED[
        kind
    ]


def _csv(file: Path, task: Task) -> pl.DataFrame:
    """Rows as R, spreadsheets and people write them: a byte order mark, quoted names, spaces, blank lines."""
    kinds = columns(task)
    with file.open("rb") as lines:
        header = lines.readline(_HEADER_BYTES).decode("utf-8-sig").strip()
    names = [name.strip() for name in next(csv.reader([header], skipinitialspace=True), [])]
    if sorted(names) != sorted(kinds):
        raise ValueError(f"its header is {header[:80]!r}, not {','.join(kinds)}")
    cells = pl.read_csv(file, infer_schema=False, new_columns=names, glob=False)
    # Before a cell stands the space after a comma; what stands behind is shown where it makes a difference.
    cells = cells.with_columns(pl.all().str.strip_chars_start(" \t").replace("", None))
    cells = cells.filter(~pl.all_horizontal(pl.all().is_null()))
    for name, kind in kinds.items():
        longest = int(cells[name].str.len_bytes().max() or 0)  # type: ignore[arg-type]
        if kind in ("string", "label") and longest > LONGEST:
            raise ValueError(f"{name}: up to {longest:,} bytes long, at most {LONGEST} are allowed")
    numbers = {n: pl.col(n).str.strip_chars() for n, kind in kinds.items() if kind in ("integer", "number")}
    return cells.with_columns(**numbers).select(pl.col(n).cast(POLARS[kind]) for n, kind in kinds.items())
