"""Which field of a source is which: tables in TOML, and how a path into an entry is followed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.errors import UserError, printable

FOLDER = Path(__file__).parent / "mappings"
"""A mapping per format, and the words that are told apart."""
_KEYS = ("columns", "values", "empty")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class FieldMapping:
    """What is read from where.

    Attributes
    ----------
    columns : mapping of str to tuple of str
        Paths of each field of `record.FIELDS`; the first that says something counts.
    values : mapping of str to mapping of str to str
        By field, words of sources and what they are called here; what is left out is "other".
    empty : frozenset of str
        Texts that say nothing.
    """

    columns: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, str]]
    empty: frozenset[str]

    def first(self, entry: Any, name: str) -> tuple[str, Any]:
        """Path of a field that says something, and what it says; "" and None if none does.

        Parameters
        ----------
        entry : object
            Of JSON.
        name : str
            Field.
        """
        for path in self.columns.get(name, ()):
            value = value_at(entry, path)
            if value not in (None, "", {}, []) and not (isinstance(value, str) and value.strip() in self.empty):
                return path, value
        return "", None


def read_mapping(format_name: str, own: Path | None, fields: Mapping[str, Any]) -> FieldMapping:
    """The mapping of a format, with what a file of one's own says instead.

    Parameters
    ----------
    format_name : str
        Key of `formats.FORMATS`.
    own : Path or None
        TOML with tables columns and values, and a list empty.
    fields : mapping
        Fields that can be mapped.

    Raises
    ------
    UserError
        If the file can't be read or is of another form; names what is wrong.
    """
    parts = [_load(FOLDER / "values.toml"), _load(FOLDER / f"{format_name}.toml")]
    if own is not None:
        parts.append(_checked(own, fields))
    columns: dict[str, tuple[str, ...]] = {}
    values: dict[str, dict[str, str]] = {}
    for part in parts:
        for name, paths in part.get("columns", {}).items():
            columns[name] = (paths,) if isinstance(paths, str) else tuple(paths)
        for name, words in part.get("values", {}).items():
            values.setdefault(name, {}).update({word.lower(): meaning for word, meaning in words.items()})
    empty = frozenset(text for part in parts for text in part.get("empty", ()))
    return FieldMapping({name: columns[name] for name in fields if columns.get(name)}, values, empty)


def value_at(entry: Any, path: str) -> Any:
    """What stands at a path, such as metadata.usage.input or choices.0.message; None if nothing does.

    Parameters
    ----------
    entry : object
        Of JSON; a text that holds JSON is looked into.
    path : str
        Keys and positions with dots between; a key may hold dots itself.

    Examples
    --------
    >>> value_at({"gen_ai.system": "x", "usage": '{"input": [4, 5]}'}, "usage.input.1")
    5
    >>> value_at({"gen_ai.system": "x"}, "gen_ai.system")
    'x'
    """
    if isinstance(entry, str):
        entry = parsed(entry)
    if isinstance(entry, dict):
        if path in entry:
            return entry[path]
        head, dot, rest = path.partition(".")
        while dot:
            if head in entry and (value := value_at(entry[head], rest)) is not None:
                return value
            more, dot, rest = rest.partition(".")
            head = f"{head}.{more}"
    elif isinstance(entry, list):
        head, dot, rest = path.partition(".")
        if head.isdecimal() and len(head) < 6 and int(head) < len(entry):
            return value_at(entry[int(head)], rest) if dot else entry[int(head)]
    return None


def parsed(text: str) -> Any:
    """What a text of JSON says; the text itself if it is none.

    Parameters
    ----------
    text : str
        Any.
    """
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _checked(path: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A stranger's mapping, held to its form."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"--mapping {path} is larger than {_MOST_BYTES:,} bytes: it is no mapping")
        table = _load(path)
    except OSError as error:
        raise UserError(f"--mapping {path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"--mapping {path} is no TOML: {error}") from error
    faults = [f"{key} is none of {', '.join(_KEYS)}" for key in table if key not in _KEYS]
    for section in ("columns", "values"):
        if not isinstance(table.get(section, {}), dict):
            raise UserError(f"--mapping {path}: {section} must be a table")
        faults += [
            f"{section}.{name}: there is no such field; choose among {', '.join(fields)}"
            for name in table.get(section, {})
            if name not in fields
        ]
    for name, paths in table.get("columns", {}).items():
        if not isinstance(paths, str) and not (isinstance(paths, list) and all(isinstance(p, str) for p in paths)):
            faults.append(f"columns.{name} must be a path, or a list of paths")
    for name, words in table.get("values", {}).items():
        if not isinstance(words, dict) or not all(isinstance(w, str) for w in words.values()):
            faults.append(f"values.{name} must be a table of texts")
    if not isinstance(table.get("empty", []), list) or not all(isinstance(e, str) for e in table.get("empty", [])):
        faults.append("empty must be a list of texts")
    if faults:
        raise UserError(printable(f"--mapping {path}: {'; '.join(faults[:3])}"))
    return table
