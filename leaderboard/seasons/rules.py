"""What a season allows, and what it has promised: the public file season.json."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generator import files
from generator.errors import UserError
from leaderboard.records import moments, task_definitions
from leaderboard.records.moments import moment

FILE = "season.json"
FORMAT = 2
TASKS = tuple(task_definitions.TASKS)
DAILY = "early"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", re.ASCII)
_BOUNDS = {"attempts": (1, 100), "total": (1, 1000), "every": (0, 7 * 86400), "decimals": (1, 6)}
_LONGEST_BEACON = 200  # characters
_REMEDIES = {
    "attempts": "attempts per task and day",
    "total": "attempts per task in the whole season",
    "every": "seconds between moments at which answers come",
    "decimals": "decimals of an answer",
}


@dataclass(frozen=True)
class Rules:
    """What teams may do.

    Attributes
    ----------
    name : str
        Of the season.
    tasks : tuple of str
        What is asked: "early" alone, whose tables are handed out day by day, or any of the others.
    opens, closes : datetime
        First and last moment for submissions, UTC.
    attempts : int
        Per team, task and day (UTC).
    every : int
        Answers come at whole multiples of so many seconds only, so that no time tells anything; 0: at once.
    decimals : int
        That a score is rounded to.
    total : int
        Attempts per team and task in the whole season.
    beacon : str
        Public source of the random value to mix in at the close, such as "drand round 4000000"; "" for none.
    """

    name: str
    tasks: tuple[str, ...]
    opens: datetime
    closes: datetime
    attempts: int = 3
    every: int = 3600
    decimals: int = 2
    total: int = 30
    beacon: str = ""

    @property
    def daily(self) -> bool:
        """Whether tables are handed out day by day."""
        return DAILY in self.tasks

    def due(self, received: float) -> float:
        """Moment at which the answer to a submission comes.

        Parameters
        ----------
        received : float
            When the submission came, seconds since 1970.

        Returns
        -------
        float
            Seconds since 1970.
        """
        return received if not self.every else (received // self.every + 1) * self.every

    def check_open(self, now: float) -> None:
        """Refuse what comes too early or too late.

        Parameters
        ----------
        now : float
            Seconds since 1970.

        Raises
        ------
        UserError
            Outside of the season.
        """
        if now < self.opens.timestamp():
            raise UserError(f"{self.name} opens at {moment(self.opens)}: come back then")
        if now >= self.closes.timestamp():
            raise UserError(f"{self.name} closed at {moment(self.closes)}: nothing is taken any more")


@dataclass(frozen=True)
class Season:
    """A season as everybody knows it.

    Attributes
    ----------
    rules : Rules
        What is allowed.
    seal : str
        SHA-256 over secret, configuration and evaluator version.
    commitment : str
        SHA-256 over all that is promised, see `Season.promised`.
    world : str
        Digest of the public tables.
    evaluator : str
        Version of the evaluator.
    accounts, days : int
        Size of the world.
    start : str
        First moment of its window, ISO format, UTC.
    versions : dict of str to str
        Packages that it was made with, this one among them.
    unsealed : bool
        Whether the secret is out; the one thing that changes.
    format : int
        Of the file.
    """

    rules: Rules
    seal: str
    world: str
    evaluator: str
    accounts: int
    days: int
    start: str
    versions: dict[str, str] = field(default_factory=dict)
    commitment: str = ""
    unsealed: bool = False
    format: int = FORMAT

    @property
    def promised(self) -> str:
        """SHA-256 over seal, rules, world, evaluator, versions and size: what `commitment` must be."""
        terms = json.loads(self.to_json())
        del terms["commitment"], terms["unsealed"]
        return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()

    def committed(self) -> Season:
        """The same season with its commitment."""
        return replace(self, commitment=self.promised)

    def to_json(self) -> str:
        """The text of season.json."""
        plain = asdict(self)
        plain["rules"] |= {k: moment(getattr(self.rules, k)) for k in ("opens", "closes")}
        return json.dumps(plain, indent=1) + "\n"

    def opened(self) -> Season:
        """The same season once its secret is out."""
        return replace(self, unsealed=True)


def checked_rules(
    name: str,
    tasks: tuple[str, ...],
    closes: str,
    opens: str = "",
    attempts: int = 3,
    every: int = 3600,
    decimals: int = 2,
    total: int = 30,
    beacon: str = "",
    now: datetime | None = None,
) -> Rules:
    """Rules from what a person gives.

    Parameters
    ----------
    name, tasks, attempts, every, decimals, total, beacon
        See `Rules`.
    opens, closes : str
        ISO format, UTC where they name no zone; a date alone means its begin or its end. `opens` may be "": now.
    now : datetime, optional
        The present moment.

    Raises
    ------
    UserError
        With all faults at once.
    """
    now = now or datetime.now(UTC)
    faults = list(name_faults(name))
    faults += [f"tasks: {t!r} is none of {', '.join(TASKS)}" for t in tasks if t not in TASKS]
    if not tasks or len(set(tasks)) < len(tasks):
        faults.append(f"tasks: {', '.join(tasks) or 'none'}: name each task once")
    if "observed" in tasks:
        faults.append("tasks: observed needs a card that says what was learnt from, and seasons take files alone")
    if DAILY in tasks and len(tasks) > 1:
        faults.append(
            "tasks: early stands alone, as its tables come day by day: seal another season for the others"
        )
    given = {"attempts": attempts, "total": total, "every": every, "decimals": decimals}
    for key, (low, high) in _BOUNDS.items():
        if not low <= given[key] <= high:
            faults.append(f"{key}: {given[key]} is outside {low} to {high} {_REMEDIES[key]}")
    if len(beacon) > _LONGEST_BEACON or not beacon.isprintable():
        faults.append(
            f"beacon: {beacon[:40]!r} must name its source in at most {_LONGEST_BEACON} printable characters"
        )
    first = moments.parse(opens, "opens", faults) if opens else now
    last = moments.parse(closes, "closes", faults, end=True)
    if first and last and last <= max(first, now):
        faults.append(f"closes: {moment(last)} is not after {moment(max(first, now))}: choose a later time")
    if faults or first is None or last is None:
        raise UserError(f"{len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults))
    return Rules(name, tasks, first, last, attempts, every, decimals, total, beacon)


def read(folder: Path) -> Season:
    """Season of a folder.

    Parameters
    ----------
    folder : Path
        As `seal` wrote it.

    Raises
    ------
    UserError
        If it holds none.
    """
    file = folder / FILE
    try:
        return parse(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{folder} holds no season ({error.strerror}): name the folder that seal wrote") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is no season ({error!r}): take the file as seal wrote it") from error


def parse(text: str) -> Season:
    """Season from the text of season.json.

    Parameters
    ----------
    text : str
        JSON.

    Raises
    ------
    UserError
        If another version of this package wrote it.
    """
    document: dict[str, Any] = json.loads(text)
    if document.get("format") != FORMAT:
        raise UserError(
            f"{FILE} has format {document.get('format', 1)}, here format {FORMAT} is read: "
            "install the version of siphonbench that sealed the season"
        )
    plain = document["rules"]
    times = {k: datetime.fromisoformat(plain[k]).astimezone(UTC) for k in ("opens", "closes")}
    return Season(**document | {"rules": Rules(**plain | times | {"tasks": tuple(plain["tasks"])})})


def write(season: Season, folder: Path) -> None:
    """Write season.json, whole or not at all.

    Parameters
    ----------
    season : Season
        What to tell.
    folder : Path
        Must exist.
    """
    files.write_text(folder / FILE, season.to_json())


def name_faults(name: str) -> Iterator[str]:
    """What is wrong with the name of a season or class.

    Parameters
    ----------
    name : str
        As it was given.
    """
    if not NAME.fullmatch(name):
        path = " and is no path" if set(name) & set("/\\") or ".." in name else ""
        yield f"name: {name[:80]!r} must be letters, digits, dots, dashes, at most 61{path}"
