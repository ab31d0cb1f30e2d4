"""The card of an entry: whose it is, what it used; read from a stranger's file and checked, or written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from generator.errors import UserError, printable
from leaderboard.records import display_names
from leaderboard.records.task_definitions import Task

FILE = "card.toml"
LONGEST = 200
LABELS = ("truth", "observed", "none")
"""What an entry may have been trained on."""
_MOST_BYTES = 1 << 16


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
    labels : str
        What it was trained on: "truth", "observed" (observed labels alone) or "none".
    """

    name: str
    team: str = ""
    contact: str = ""
    code_url: str = ""
    paper_url: str = ""
    field_groups: str = "-"
    external_data: bool = False
    labels: str = "truth"

    def suits(self, task: Task) -> bool:
        """Whether what it learnt from is allowed by a task.

        Parameters
        ----------
        task : Task
            What is answered.
        """
        return task.labels == "truth" or self.labels != "truth"


def read(file: Path, faults: list[str]) -> Card:
    """Card of a TOML file.

    Parameters
    ----------
    file : Path
        As a stranger wrote it.
    faults : list of str
        What is wrong with it is added.
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{file.stat().st_size:,} bytes are more than {_MOST_BYTES:,}")
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        faults.append(f"card.toml: can't be read: {error}; write it again as TOML")
        return Card("unreadable")
    return _checked(document, faults)


def of(document: Mapping[str, Any]) -> Card:
    """Card of keys and values.

    Parameters
    ----------
    document : mapping
        Keys of `Card`.

    Raises
    ------
    UserError
        With all faults at once.
    """
    faults: list[str] = []
    card = _checked(document, faults)
    if faults:
        raise UserError(printable("; ".join(faults)))
    return card


def _checked(document: Mapping[str, Any], faults: list[str]) -> Card:
    known = {f.name: f for f in fields(Card)}
    faults.extend(f"card.toml: {k}: no such key; known are {', '.join(known)}" for k in set(document) - set(known))
    if not document.get("name"):
        faults.append("card.toml: name: missing; give the entry a name")
    for key in set(document) & set(known):
        check_text(key, document[key], faults)
    return Card(**({"name": "?"} | {k: v for k, v in document.items() if k in known}))


def check_text(key: str, value: Any, faults: list[str]) -> None:
    """Check the value of a key.

    Parameters
    ----------
    key : str
        Of `Card`.
    value : Any
        As a stranger wrote it.
    faults : list of str
        What is wrong with it is added.
    """
    wanted = bool if key == "external_data" else str
    if not isinstance(value, wanted):
        faults.append(f"card.toml: {key}: {value!r} must be a {wanted.__name__}")
        return
    if isinstance(value, bool):
        return
    faults.extend(
        f"card.toml: {key}: {fault}"
        for fault in display_names.faults(value, LONGEST, name=key == "name", entry=key == "name")
    )
    if key.endswith("_url") and value and not value.startswith(("https://", "http://")):
        faults.append(f"card.toml: {key}: {value[:40]!r} must start with https:// or http://")
    if key == "labels" and value not in LABELS:
        faults.append(f"card.toml: labels: {value!r} must be one of {', '.join(LABELS)}")
    groups = value.split("+")
    if key == "field_groups" and value != "-" and (set(groups) - set("MLCX") or len(set(groups)) < len(groups)):
        faults.append(f"card.toml: field_groups: {value!r} must be - or some of M, L, C, X joined by +")


def toml(card: Card) -> str:
    """The card as TOML text.

    Parameters
    ----------
    card : Card
        What is written.

    Examples
    --------
    >>> print(toml(Card("a \\"quoted\\" name", team="us")))
    name = "a \\"quoted\\" name"
    team = "us"
    contact = ""
    code_url = ""
    paper_url = ""
    field_groups = "-"
    external_data = false
    labels = "truth"
    <BLANKLINE>
    """
    return tomli_w.dumps(asdict(card))
