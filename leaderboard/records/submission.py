"""Submissions: parsed, never executed; all faults of a file are told at once, before anything is scored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from generator import files
from generator.errors import UserError, printable
from leaderboard.records import card as cards
from leaderboard.records import predictions_file
from leaderboard.records.card import Card
from leaderboard.records.task_definitions import TASKS, Task


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
    keys = expected.select(pl.col(k).cast(predictions_file.POLARS[kind]) for k, kind in asked.keys.items())
    faults: list[str] = []
    file, card = _parts(path, faults)
    if not card.suits(asked):
        faults.append(
            f"card.toml: labels: {card.labels!r} is no answer to {task}, which may learn from observed labels "
            f'alone: train on them and write labels = "{asked.labels}", or submit to accounts'
        )
    frame = predictions_file.read(file, len(keys), asked, faults)
    if frame is not None:
        frame = frame.rechunk()  # or what was read would stay beside it while it is sorted
        frame = frame.sort(list(asked.keys))
        _rows(frame, keys, asked, faults)
    if faults or frame is None:
        notes = [f"in an answer to {task}, {asked.note}"] if asked.note else []
        message = f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults + notes)
        raise UserError(printable(message))
    return Submission(card, frame)


def located(path: Path) -> tuple[Path, Card]:
    """Predictions file and card of a submission; the predictions are not read.

    Parameters
    ----------
    path : Path
        As for `read`.

    Raises
    ------
    UserError
        If there is no such file, or with all faults of the card.
    """
    faults: list[str] = []
    file, card = _parts(path, faults)
    if faults:
        raise UserError(printable(f"{path}: {'; '.join(faults)}"))
    return file, card


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
    typed = predictions.select(
        pl.col(name).cast(predictions_file.POLARS[kind])
        for name, kind in predictions_file.columns(TASKS[task]).items()
    )
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
    for name in predictions_file.NAMES:
        (folder / name).unlink(missing_ok=True)


def _check_replaceable(folder: Path) -> None:
    names = [f.name for f in folder.iterdir()] if folder.is_dir() else [folder.name] * folder.exists()
    if other := sorted(set(names) - {*predictions_file.NAMES, cards.FILE}):
        raise UserError(f"{folder} holds {len(other)} other files, e.g. {other[0]}: name another folder")


def _parts(path: Path, faults: list[str]) -> tuple[Path, Card]:
    file, card_file = _files(path)
    card = cards.read(card_file, faults) if card_file else Card(name=path.stem)
    if not card_file:
        cards.check_text("name", card.name, faults)
    return file, card


def _files(path: Path) -> tuple[Path, Path | None]:
    if path.is_dir():
        files_there = [
            f for f in sorted(path.iterdir()) if f.name.lower() in predictions_file.NAMES and f.is_file()
        ]
        if len(files_there) != 1:
            raise UserError(
                f"{path} holds {len(files_there)} predictions files: put exactly one predictions.parquet or .csv"
            )
        card = path / cards.FILE
        return files_there[0], card if card.is_file() else None
    if not path.is_file() or path.suffix.lower() not in (".parquet", ".csv"):
        raise UserError(f"{path} is no submission: give a folder, or a .parquet or .csv file that exists")
    return path, None


def _rows(frame: pl.DataFrame, expected: pl.DataFrame, task: Task, faults: list[str]) -> None:
    """Tell what is wrong with rows that are sorted by their keys."""
    keys = list(task.keys)
    given = frame.select(keys)
    wrong = {}
    if not given.equals(expected.sort(keys)):  # not looked into otherwise: there may be many millions
        wrong = {
            ("missing", f"give each of the {task.rows} one row"): expected.join(given, on=keys, how="anti"),
            ("unknown", f"name only {task.rows} of this split"): given.join(
                expected, on=keys, how="anti"
            ).unique(),
            ("duplicate", f"give each of the {task.rows} one row"): given.filter(given.is_duplicated()).unique(),
        }
    if task.kind == "number":
        bad = ~frame[task.value].is_finite().fill_null(value=False)
        wrong["without a finite score", "replace null, NaN and infinite scores by numbers"] = given.filter(bad)
    for (what, remedy), some in wrong.items():
        if len(some):
            example = ", ".join(_visible(v) for v in some.sort(keys).row(0))
            faults.append(f"{len(some):,} {task.rows} {what}, e.g. {example}; {remedy}")


def _visible(value: object) -> str:
    """A key for people; in quotes where a difference would not be seen, as of a trailing space."""
    text = str(value)[:40]
    return text if text == text.strip() and text.isprintable() else repr(text)
