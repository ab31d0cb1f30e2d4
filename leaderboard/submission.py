"""Submissions: parsed, never executed; all faults of a file are told at once, before anything is scored."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator.errors import UserError
from leaderboard import names

_BYTES_PER_ACCOUNT, _BYTES_SPARE = 128, 1 << 16
_LONGEST = 200
_PREDICTIONS = ("predictions.parquet", "predictions.csv")
_NUMBERS = (pa.float64(), pa.float32(), pa.int64(), pa.int32())


@dataclass(frozen=True)
class Card:
    """Who submits, and what the detector used.

    Attributes
    ----------
    name, team, contact : str
        Entry, team, and how to reach it.
    code_url, paper_url : str
        http(s) addresses, or "".
    field_groups : str
        Field groups used, e.g. "M+L".
    external_data : bool
        Whether it was trained on external data or generated worlds.
    """

    name: str
    team: str = ""
    contact: str = ""
    code_url: str = ""
    paper_url: str = ""
    field_groups: str = "-"
    external_data: bool = False


@dataclass(frozen=True)
class Submission:
    """A valid submission: its card and one finite score per account, sorted by account."""

    card: Card
    predictions: pl.DataFrame

    @property
    def digest(self) -> str:
        """SHA-256 of the card and of the scores, whatever file they came in."""
        ids = "\n".join(self.predictions["account_id"])
        scores = self.predictions["score"].to_numpy().astype("<f8").tobytes()
        return hashlib.sha256(f"{self.card!r}\n{ids}\n".encode() + scores).hexdigest()


def read(path: Path, accounts: Iterable[str]) -> Submission:
    """Read and validate a submission.

    Parameters
    ----------
    path : Path
        Folder with predictions.parquet (or .csv) and card.toml, or a predictions file alone.
    accounts : iterable of str
        Accounts to be scored; each must occur exactly once.

    Raises
    ------
    UserError
        Lists all faults at once, each with counts, an example and the remedy.
    """
    expected = pl.Series("account_id", list(accounts), pl.String)
    file, card_file = _files(path)
    faults: list[str] = []
    card = _card(card_file, faults) if card_file else Card(name=path.stem)
    if not card_file:
        _text("name", card.name, faults)
    frame = _predictions(file, len(expected), faults)
    if frame is not None:
        frame = _rows(frame, expected, faults)
    if faults or frame is None:
        message = f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults)
        raise UserError(_printable(message))
    return Submission(card, frame.sort("account_id"))


def write(folder: Path, predictions: pl.DataFrame, card: Card) -> Path:
    """Write a submission folder; it appears under its name only when it is complete.

    Raises
    ------
    UserError
        If the folder exists and holds anything but a submission.
    """
    temporary = folder.with_name(folder.name + ".partial")
    for old in (temporary, folder):
        _check_replaceable(old)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    typed = predictions.select(pl.col("account_id").cast(pl.String), pl.col("score").cast(pl.Float64))
    typed.write_parquet(temporary / "predictions.parquet")
    (temporary / "card.toml").write_text(card_toml(card), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return folder


def _check_replaceable(folder: Path) -> None:
    found = [f.name for f in folder.iterdir()] if folder.is_dir() else [folder.name] * folder.exists()
    if other := sorted(set(found) - {*_PREDICTIONS, "card.toml"}):
        raise UserError(f"{folder} holds {len(other)} other files, e.g. {other[0]}: name another folder")


def card_toml(card: Card) -> str:
    """The card as TOML text."""
    lines = []
    for f in fields(Card):
        value = getattr(card, f.name)
        text = str(value).lower() if isinstance(value, bool) else _quoted(value)
        lines.append(f"{f.name} = {text}\n")
    return "".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _files(path: Path) -> tuple[Path, Path | None]:
    if path.is_dir():
        found = [path / n for n in _PREDICTIONS if (path / n).is_file()]
        if len(found) != 1:
            raise UserError(
                f"{path} holds {len(found)} predictions files: put exactly one predictions.parquet or .csv"
            )
        card = path / "card.toml"
        return found[0], card if card.is_file() else None
    if not path.is_file() or path.suffix not in (".parquet", ".csv"):
        raise UserError(f"{path} is no submission: give a folder, or a .parquet or .csv file that exists")
    return path, None


def _card(file: Path, faults: list[str]) -> Card:
    try:
        if file.stat().st_size > _BYTES_SPARE:
            raise ValueError(f"{file.stat().st_size:,} bytes are more than {_BYTES_SPARE:,}")
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        faults.append(f"card.toml: can't be read: {error}; write it again as TOML")
        return Card("unreadable")
    return _checked(document, faults)


def card(document: Mapping[str, Any]) -> Card:
    """Card of keys and values.

    Raises
    ------
    UserError
        With all faults at once.
    """
    faults: list[str] = []
    made = _checked(document, faults)
    if faults:
        raise UserError(_printable("; ".join(faults)))
    return made


def _printable(message: str) -> str:
    # It quotes a stranger's names, which must not command the terminal.
    return "".join(c if c.isprintable() else "?" for c in message)


def _checked(document: Mapping[str, Any], faults: list[str]) -> Card:
    known = {f.name: f for f in fields(Card)}
    faults.extend(f"card.toml: {k}: no such key; known are {', '.join(known)}" for k in set(document) - set(known))
    if not document.get("name"):
        faults.append("card.toml: name: missing; give the entry a name")
    for key in set(document) & set(known):
        _text(key, document[key], faults)
    return Card(**({"name": "?"} | {k: v for k, v in document.items() if k in known}))


def _text(key: str, value: Any, faults: list[str]) -> None:
    wanted = bool if key == "external_data" else str
    if not isinstance(value, wanted):
        faults.append(f"card.toml: {key}: {value!r} must be a {wanted.__name__}")
        return
    if isinstance(value, bool):
        return
    faults.extend(f"card.toml: {key}: {fault}" for fault in names.faults(value, _LONGEST, name=key == "name"))
    if key.endswith("_url") and value and not value.startswith(("https://", "http://")):
        faults.append(f"card.toml: {key}: {value[:40]!r} must start with https:// or http://")
    groups = value.split("+")
    if key == "field_groups" and value != "-" and (set(groups) - set("MLC") or len(set(groups)) < len(groups)):
        faults.append(f"card.toml: field_groups: {value!r} must be - or some of M, L, C joined by +")


def _predictions(file: Path, n: int, faults: list[str]) -> pl.DataFrame | None:
    size, cap = file.stat().st_size, n * _BYTES_PER_ACCOUNT + _BYTES_SPARE
    if size > cap:
        faults.append(
            f"{file.name}: {size:,} bytes, at most {cap:,} fit {n:,} accounts; keep account_id and score only"
        )
        return None
    try:
        return _parquet(file, n, faults) if file.suffix == ".parquet" else _csv(file)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        kind = "Parquet" if file.suffix == ".parquet" else "CSV"
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        faults.append(f"{file.name}: can't be read as {kind} ({reason}); write it again")
        return None


def _parquet(file: Path, n: int, faults: list[str]) -> pl.DataFrame | None:
    # The footer is checked before a page is decoded: a small file can claim to decode to gigabytes.
    with pq.ParquetFile(file) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        decoded = sum(
            parquet.metadata.row_group(i).total_byte_size for i in range(parquet.metadata.num_row_groups)
        )
        kinds = {f.name: f.type for f in schema}
        text = kinds.get("account_id")
        plain = text in (pa.string(), pa.large_string()) or (
            text is not None and pa.types.is_dictionary(text) and pa.types.is_string(text.value_type)
        )
        if (
            set(kinds) != {"account_id", "score"}
            or len(schema) != 2
            or not plain
            or kinds["score"] not in _NUMBERS
        ):
            faults.append(
                f"{file.name}: has columns {', '.join(f'{f.name}: {f.type}' for f in list(schema)[:6])[:200]}; "
                "write exactly account_id: string and score: double"
            )
            return None
        if rows > 2 * n or decoded > 10 * (n * _BYTES_PER_ACCOUNT + _BYTES_SPARE):
            faults.append(f"{file.name}: {rows:,} rows for {n:,} accounts; give each account one row")
            return None
    # Dictionaries stay dictionaries: one long name repeated in every row would decode to gigabytes.
    read = pq.read_table(file, read_dictionary=["account_id"], memory_map=False)
    # Neither metadata nor text that is no UTF-8 goes on to Polars, which would end the process.
    table = pa.table(dict(zip(read.column_names, read.columns, strict=True)))
    table.validate(full=True)
    longest = max(
        (pc.max(pc.binary_length(c.dictionary)).as_py() or 0 for c in table["account_id"].chunks), default=0
    )
    if longest > _LONGEST:
        faults.append(f"{file.name}: account_id: up to {longest:,} bytes long; at most {_LONGEST} are allowed")
        return None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.select(pl.col("account_id").cast(pl.String), pl.col("score").cast(pl.Float64))


def _csv(file: Path) -> pl.DataFrame:
    with file.open("rb") as lines:
        header = lines.readline(256).decode("utf-8").strip()
    if sorted(h.strip() for h in header.split(",")) != ["account_id", "score"]:
        raise ValueError(f"its header is {header[:80]!r}, not account_id,score")
    return pl.read_csv(file, schema_overrides={"account_id": pl.String, "score": pl.Float64}).select(
        "account_id", "score"
    )


def _rows(frame: pl.DataFrame, expected: pl.Series, faults: list[str]) -> pl.DataFrame:
    ids = frame["account_id"]
    found = {
        "missing": expected.filter(~expected.is_in(ids.drop_nulls().implode())),
        "unknown": ids.filter(~ids.is_in(expected.implode()).fill_null(False)).unique(),
        "duplicate": ids.filter(ids.is_duplicated()).unique(),
        "without a finite score": frame.filter(~pl.col("score").is_finite().fill_null(False))["account_id"],
    }
    remedies = {
        "missing": "score every account",
        "unknown": "score only accounts of this split",
        "duplicate": "give each account one row",
        "without a finite score": "replace null, NaN and infinite scores by numbers",
    }
    for what, some in found.items():
        if len(some):
            example = str(some.sort()[0])[:40]
            faults.append(f"{len(some):,} accounts {what}, e.g. {example}; {remedies[what]}")
    return frame
