"""Submissions: parsed, never executed; all faults of a file are told at once, before anything is scored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator import files
from generator.errors import UserError, printable
from leaderboard.records import card as cards
from leaderboard.records.card import Card
from leaderboard.records.task_definitions import TASKS, Task

_BYTES_PER_ROW, _BYTES_SPARE = 128, 1 << 16
_PREDICTIONS = ("predictions.parquet", "predictions.csv")
_TEXT = (pa.string(), pa.large_string())
_WHOLE = (pa.int64(), pa.int32(), pa.int16(), pa.uint32())
_ALLOWED = {
    "string": _TEXT,
    "label": _TEXT,
    "integer": _WHOLE,
    "number": (pa.float64(), pa.float32(), *_WHOLE[:2]),
}
_WANTED = {"string": "string", "label": "string", "integer": "int64", "number": "double"}
_POLARS = {"string": pl.String, "label": pl.String, "integer": pl.Int64, "number": pl.Float64}


@dataclass(frozen=True)
class Submission:
    """A valid submission: its card and one row per key of the task, sorted by it."""

    card: Card
    predictions: pl.DataFrame

    @property
    def digest(self) -> str:
        """SHA-256 of the card and of the scores, whatever file they came in."""
        columns = [self.predictions[c] for c in self.predictions.columns]
        parts = [_bytes(c) for c in columns]
        return hashlib.sha256(f"{self.card!r}\n".encode() + b"".join(parts)).hexdigest()


def _bytes(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        return ("\n".join(column.fill_null("").to_list()) + "\n").encode()
    return column.to_numpy().astype("<i8" if column.dtype.is_integer() else "<f8").tobytes()


def read(path: Path, expected: pl.DataFrame | Iterable[str], task: str = "accounts") -> Submission:
    """Read and validate a submission.

    Parameters
    ----------
    path : Path
        Folder with predictions.parquet (or .csv) and card.toml, or a predictions file alone.
    expected : polars.DataFrame, or iterable of str
        Keys of the rows (see `tasks.scoring.keys`), or ids of the accounts; each must occur exactly once.
    task : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        Lists all faults at once, each with counts, an example and the remedy.
    """
    asked = TASKS[task]
    if not isinstance(expected, pl.DataFrame):
        expected = pl.DataFrame({"account_id": list(expected)}, {"account_id": pl.String})
    keys = expected.select(pl.col(k).cast(_POLARS[kind]) for k, kind in asked.keys.items())
    file, card_file = _files(path)
    faults: list[str] = []
    card = cards.read(card_file, faults) if card_file else Card(name=path.stem)
    if not card_file:
        cards.check_text("name", card.name, faults)
    frame = _predictions(file, len(keys), asked, faults)
    if frame is not None:
        _rows(frame, keys, asked, faults)
    if faults or frame is None:
        message = f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults)
        raise UserError(printable(message))
    return Submission(card, frame.sort(list(asked.keys)))


def write(folder: Path, predictions: pl.DataFrame, card: Card, task: str = "accounts") -> Path:
    """Write a submission folder for a task; it appears under its name only when it is complete.

    Parameters
    ----------
    folder : Path
        New, or one that holds a submission.
    predictions : polars.DataFrame
        Keys and value of the task.
    card : Card
        Written beside them.
    task : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If the folder exists and holds anything but a submission.
    """
    _check_replaceable(folder)
    typed = predictions.select(pl.col(name).cast(_POLARS[kind]) for name, kind in _columns(TASKS[task]).items())
    with files.atomic_folder(folder) as partial:
        typed.write_parquet(partial / "predictions.parquet")
        (partial / cards.FILE).write_text(cards.toml(card), "utf-8")
    return folder


def clear(folder: Path) -> None:
    """Remove the predictions of a submission folder, where there is one; its card stays.

    Parameters
    ----------
    folder : Path
        Of a submission, or not there.

    Raises
    ------
    UserError
        If the folder exists and holds anything but a submission.
    """
    _check_replaceable(folder)
    for name in _PREDICTIONS:
        (folder / name).unlink(missing_ok=True)


def _check_replaceable(folder: Path) -> None:
    found = [f.name for f in folder.iterdir()] if folder.is_dir() else [folder.name] * folder.exists()
    if other := sorted(set(found) - {*_PREDICTIONS, cards.FILE}):
        raise UserError(f"{folder} holds {len(other)} other files, e.g. {other[0]}: name another folder")


def _files(path: Path) -> tuple[Path, Path | None]:
    if path.is_dir():
        found = [path / n for n in _PREDICTIONS if (path / n).is_file()]
        if len(found) != 1:
            raise UserError(
                f"{path} holds {len(found)} predictions files: put exactly one predictions.parquet or .csv"
            )
        card = path / cards.FILE
        return found[0], card if card.is_file() else None
    if not path.is_file() or path.suffix not in (".parquet", ".csv"):
        raise UserError(f"{path} is no submission: give a folder, or a .parquet or .csv file that exists")
    return path, None


def _columns(task: Task) -> dict[str, str]:
    """Kind of each column of a task's submission."""
    return {**task.keys, task.value: task.kind}


def _predictions(file: Path, n: int, task: Task, faults: list[str]) -> pl.DataFrame | None:
    size, cap = file.stat().st_size, n * _BYTES_PER_ROW + _BYTES_SPARE
    if size > cap:
        faults.append(
            f"{file.name}: {size:,} bytes, at most {cap:,} fit {n:,} {task.rows}; "
            f"keep {' and '.join(_columns(task))} only"
        )
        return None
    try:
        frame = _parquet(file, n, task, faults) if file.suffix == ".parquet" else _csv(file, task)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        kind = "Parquet" if file.suffix == ".parquet" else "CSV"
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        faults.append(f"{file.name}: can't be read as {kind} ({reason}); write it again")
        return None
    if frame is not None and task.kind == "label":
        frame = frame.with_columns(pl.col(task.value).replace("", None))
    return frame


def _parquet(file: Path, n: int, task: Task, faults: list[str]) -> pl.DataFrame | None:
    columns = _columns(task)
    # The footer is checked before a page is decoded: a small file can claim to decode to gigabytes.
    with pq.ParquetFile(file) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        decoded = sum(
            parquet.metadata.row_group(i).total_byte_size for i in range(parquet.metadata.num_row_groups)
        )
    if sorted(schema.names) != sorted(columns) or not all(_fits(f.type, columns[f.name]) for f in schema):
        wanted = " and ".join(f"{name}: {_WANTED[kind]}" for name, kind in columns.items())
        faults.append(
            f"{file.name}: has columns {', '.join(f'{f.name}: {f.type}' for f in list(schema)[:6])[:200]}; "
            f"write exactly {wanted}"
        )
        return None
    if rows > 2 * n or decoded > 10 * (n * _BYTES_PER_ROW + _BYTES_SPARE):
        faults.append(f"{file.name}: {rows:,} rows for {n:,} {task.rows}; give each one row")
        return None
    # Dictionaries stay dictionaries: one long name repeated in every row would decode to gigabytes.
    text = [name for name, kind in columns.items() if kind in ("string", "label")]
    read = pq.read_table(file, read_dictionary=text, memory_map=False)
    # Neither metadata nor text that is no UTF-8 goes on to Polars, which would end the process.
    table = pa.table(dict(zip(read.column_names, read.columns, strict=True)))
    table.validate(full=True)
    for name in text:
        lengths = (pc.max(pc.binary_length(c.dictionary)).as_py() or 0 for c in table[name].chunks)
        if (longest := max(lengths, default=0)) > cards.LONGEST:
            faults.append(
                f"{file.name}: {name}: up to {longest:,} bytes long; at most {cards.LONGEST} are allowed"
            )
            return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.select(pl.col(name).cast(_POLARS[kind]) for name, kind in columns.items())


def _fits(found: pa.DataType, kind: str) -> bool:
    return (
        found.value_type if pa.types.is_dictionary(found) and kind in ("string", "label") else found
    ) in _ALLOWED[kind]


def _csv(file: Path, task: Task) -> pl.DataFrame:
    columns = _columns(task)
    with file.open("rb") as lines:
        header = lines.readline(256).decode("utf-8").strip()
    if sorted(h.strip() for h in header.split(",")) != sorted(columns):
        raise ValueError(f"its header is {header[:80]!r}, not {','.join(columns)}")
    frame = pl.read_csv(file, schema_overrides={name: _POLARS[kind] for name, kind in columns.items()})
    for name, kind in frame.schema.items():
        longest = (
            int(frame[name].str.len_bytes().fill_null(0).sort()[-1]) if kind == pl.String and len(frame) else 0
        )
        if longest > cards.LONGEST:
            raise ValueError(f"{name}: up to {longest:,} bytes long, at most {cards.LONGEST} are allowed")
    return frame.select(*columns)


def _rows(frame: pl.DataFrame, expected: pl.DataFrame, task: Task, faults: list[str]) -> None:
    keys = list(task.keys)
    found = frame.select(keys)
    wrong = {
        ("missing", f"give each of the {task.rows} one row"): expected.join(found, on=keys, how="anti"),
        ("unknown", f"name only {task.rows} of this split"): found.join(expected, on=keys, how="anti").unique(),
        ("duplicate", f"give each of the {task.rows} one row"): found.filter(found.is_duplicated()).unique(),
    }
    if task.kind == "number":
        bad = ~frame[task.value].is_finite().fill_null(value=False)
        wrong["without a finite score", "replace null, NaN and infinite scores by numbers"] = found.filter(bad)
    for (what, remedy), some in wrong.items():
        if len(some):
            example = ", ".join(str(v)[:40] for v in some.sort(keys).row(0))
            faults.append(f"{len(some):,} {task.rows} {what}, e.g. {example}; {remedy}")
