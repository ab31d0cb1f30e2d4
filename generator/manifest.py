"""The manifest of a dataset folder: read, and held to its form before anything relies on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, cast

from generator.errors import UserError, printable
from generator.schema import OPTIONAL, PUBLIC, SPLITS, TABLES

MANIFEST = "manifest.json"
MASKED = ("test",)
FORMAT = 2
"""Of this version's datasets: 1, of version 0.1, had no `served` among the labels."""
TRUTH_FOLDER = "test-truth"  # of a release that shows the labels of masked splits

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST = 2**62  # of any count: larger ones fit no column
_MOST_DAYS = 100_000
_LONGEST = 200  # letters of a name, a date or a version
_SHOWN = 5  # faults that one sentence names


def read_manifest(root: Path) -> dict[str, Any]:
    """Manifest of a dataset folder.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    dict
        With name, digest, config and splits, each of its right type; every path in it stays inside the folder.

    Raises
    ------
    UserError
        If the folder or its manifest is missing, not readable or not of the form that the generator writes.
    """
    file = root / MANIFEST
    if not file.is_file():
        why = "does not exist" if not root.exists() else f"has no {MANIFEST}, so it is no complete dataset"
        raise UserError(f"{root} {why}; make one with: siphonbench generate --preset nano --out {root}")
    try:
        manifest = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not a manifest ({error}); generate or download the dataset again") from error
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}; check its permissions") from error
    if isinstance(manifest, dict) and manifest.get("format") == FORMAT - 1:
        made = printable(str(manifest.get("name", "")))
        raise UserError(
            f"{root} ({made}) is a dataset of version 0.1, whose labels do not say which accounts served: make it "
            "again with siphonbench generate, same preset and seed, or read it with siphonbench 0.1"
        )
    faults = list(_faults(manifest))
    if faults:
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        shown = printable("; ".join(faults[:_SHOWN]))
        raise UserError(f"{file} is not a manifest: {shown}{more}; generate or download the dataset again")
    if astray := [p for split in manifest["splits"].values() for p in split["files"] if not inside(p)]:
        raise UserError(
            f"{file} names {len(astray)} files outside its folder, e.g. {printable(astray[0])}; do not trust it"
        )
    return cast("dict[str, Any]", manifest)


def inside(path: str) -> bool:
    """Whether a path that a file names stays inside its folder.

    Parameters
    ----------
    path : str
        With slashes, relative to the folder.

    Examples
    --------
    >>> inside("train/accounts.parquet"), inside("../accounts.parquet"), inside("/etc/passwd")
    (True, False, False)
    """
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts and "\\" not in path


def table_of(path: str) -> str:
    """Table that a file inside a dataset belongs to.

    Parameters
    ----------
    path : str
        Relative to the dataset's folder.

    Examples
    --------
    >>> table_of("train/requests/day-000/bucket-0000.parquet"), table_of("train/accounts.parquet")
    ('requests', 'accounts')
    """
    return path.split("/")[1].removesuffix(".parquet")


def _faults(manifest: Any) -> Iterator[str]:
    if not isinstance(manifest, dict):
        yield "it holds no table of keys"
        return
    yield from _wrong(manifest, _KEYS, "")
    for key, sound, kind in _OPTIONAL:
        if key in manifest and not sound(manifest[key]):
            yield f"{key}: must be {kind}"
    splits = manifest.get("splits")
    for name, split in splits.items() if isinstance(splits, dict) else ():
        if name not in SPLITS:
            yield f"splits.{name}: is none of {', '.join(SPLITS)}"
        elif not isinstance(split, dict):
            yield f"splits.{name}: must be a table"
        else:
            yield from _split_faults(f"splits.{name}.", name, split)


def _split_faults(where: str, name: str, split: dict[str, Any]) -> Iterator[str]:
    wrong = list(_wrong(split, _SPLIT_KEYS, where))
    if not _are_fields(split.get("missing", [])):
        wrong.append(f"{where}missing: must be a list of public columns, as table.column")
    yield from wrong
    if wrong:
        return
    counts = ("accounts", "requests", *(() if name in MASKED else ("extraction",)))
    yield from (f"{where}counts.{k}: is missing" for k in counts if k not in split["counts"])
    yield from (f"{where}counts.{k}: is no count" for k, n in split["counts"].items() if not _is_count(n))
    try:
        datetime.fromisoformat(split["start"]) + timedelta(days=split["days"])
    except (ValueError, OverflowError):
        yield f"{where}start: {split['start'][:40]!r} is no date and time"
    if all(map(inside, split["files"])):
        tables = {table_of(path) for path in split["files"] if _is_data(path)}
        yield from (
            f"{where}files: no {table} among them" for table in PUBLIC if table not in (*tables, *OPTIONAL)
        )
    for path, entry in split["files"].items():
        if inside(path) and not _is_data(path):
            yield f"{where}files: {path[:80]} is no table of a split"
        yield from _wrong(entry, _FILE_KEYS, f"{where}files.{path[:80]}.")


def _wrong(table: Any, keys: _Keys, where: str) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"{where.removesuffix('.')}: must be a table"
        return
    for key, sound, kind in keys:
        if key not in table:
            yield f"{where}{key}: is missing"
        elif not sound(table[key]):
            yield f"{where}{key}: must be {kind}"


def _is_data(path: str) -> bool:
    folder, slash, _ = path.partition("/")
    return bool(slash) and path.isprintable() and folder in (*SPLITS, TRUTH_FOLDER) and table_of(path) in TABLES


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _are_fields(value: Any) -> bool:
    public = {f"{table}.{column.name}" for table in PUBLIC for column in TABLES[table]}
    return isinstance(value, list) and all(isinstance(field, str) and field in public for field in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and bool(_HASH.fullmatch(value))


_Keys = tuple[tuple[str, Callable[[Any], bool], str], ...]
_KEYS: _Keys = (
    ("name", _is_text, "a line of text"),
    ("digest", _is_hash, "64 hexadecimal digits"),
    ("config", _is_table, "a table"),
    ("splits", _is_table, "a table"),
)
_OPTIONAL: _Keys = (
    ("format", lambda v: v == FORMAT and not isinstance(v, bool), f"{FORMAT}, the one that this version reads"),
    ("config_digest", _is_hash, "64 hexadecimal digits"),
    ("versions", lambda v: _is_table(v) and all(map(_is_text, v.values())), "a table of texts"),
    ("release", lambda v: _is_table(v) and isinstance(v.get("test_truth"), bool), "a table with test_truth"),
)
_SPLIT_KEYS: _Keys = (
    ("start", _is_text, "a date and time"),
    ("days", lambda v: _is_count(v) and 1 <= v <= _MOST_DAYS, f"a whole number from 1 to {_MOST_DAYS:,}"),
    ("counts", _is_table, "a table"),
    ("files", _is_table, "a table"),
)
_FILE_KEYS: _Keys = (
    ("sha256", _is_hash, "64 hexadecimal digits"),
    ("content", _is_hash, "64 hexadecimal digits"),
    ("rows", _is_count, "a count"),
    ("bytes", _is_count, "a count"),
)
