"""What a season allows, and what it has promised: the public file season.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generator.errors import UserError
from leaderboard.records import task_definitions as asked

FILE = "season.json"
TASKS = tuple(asked.TASKS)
DAILY = "early"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", re.ASCII)
_BOUNDS = {"attempts": (1, 100), "every": (0, 7 * 86400), "decimals": (1, 6)}
_REMEDIES = {
    "attempts": "attempts per task and day",
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
    """

    name: str
    tasks: tuple[str, ...]
    opens: datetime
    closes: datetime
    attempts: int = 3
    every: int = 3600
    decimals: int = 3

    @property
    def daily(self) -> bool:
        """Whether tables are handed out day by day."""
        return DAILY in self.tasks

    def due(self, made: float) -> float:
        """Moment at which the answer to a submission comes, seconds since 1970."""
        return made if not self.every else (made // self.every + 1) * self.every

    def check_open(self, now: float) -> None:
        """Refuse what comes too early or too late.

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
    commitment : str
        SHA-256 over secret, configuration and evaluator version.
    world : str
        Digest of the public tables.
    evaluator : str
        Version of the evaluator.
    accounts, days : int
        Size of the world.
    start : str
        First moment of its window, ISO format, UTC.
    versions : dict of str to str
        Packages that it was made with.
    unsealed : bool
        Whether the secret is out.
    """

    rules: Rules
    commitment: str
    world: str
    evaluator: str
    accounts: int
    days: int
    start: str
    versions: dict[str, str] = field(default_factory=dict)
    unsealed: bool = False

    def to_json(self) -> str:
        """The text of season.json."""
        plain = asdict(self)
        plain["rules"] |= {k: moment(getattr(self.rules, k)) for k in ("opens", "closes")}
        return json.dumps(plain, indent=1) + "\n"

    def opened(self) -> Season:
        """The same season once its secret is out."""
        return replace(self, unsealed=True)


def rules(
    name: str,
    tasks: tuple[str, ...],
    closes: str,
    opens: str = "",
    attempts: int = 3,
    every: int = 3600,
    decimals: int = 3,
    now: datetime | None = None,
) -> Rules:
    """Checked rules; times are ISO format, UTC where they name no zone, and a date alone means its end.

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
    if DAILY in tasks and len(tasks) > 1:
        faults.append(
            "tasks: early stands alone, as its tables come day by day: seal another season for the others"
        )
    given = {"attempts": attempts, "every": every, "decimals": decimals}
    for key, (low, high) in _BOUNDS.items():
        if not low <= given[key] <= high:
            faults.append(f"{key}: {given[key]} is outside {low} to {high} {_REMEDIES[key]}")
    first = time(opens, "opens", faults) if opens else now
    last = time(closes, "closes", faults, end=True)
    if first and last and last <= max(first, now):
        faults.append(f"closes: {moment(last)} is not after {moment(max(first, now))}: choose a later time")
    if faults or first is None or last is None:
        raise UserError(f"{len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults))
    return Rules(name, tasks, first, last, attempts, every, decimals)


def read(folder: Path) -> Season:
    """Season of a folder.

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
    """Season from the text of season.json."""
    document: dict[str, Any] = json.loads(text)
    plain = document["rules"]
    times = {k: datetime.fromisoformat(plain[k]).astimezone(UTC) for k in ("opens", "closes")}
    return Season(**document | {"rules": Rules(**plain | times | {"tasks": tuple(plain["tasks"])})})


def write(season: Season, folder: Path) -> None:
    """Write season.json under a temporary name, then rename it."""
    temporary = folder / (FILE + ".tmp")
    temporary.write_text(season.to_json(), "utf-8")
    temporary.rename(folder / FILE)


def name_faults(name: str) -> Iterator[str]:
    """What is wrong with the name of a season or class."""
    if not NAME.fullmatch(name):
        path = " and is no path" if set(name) & set("/\\") or ".." in name else ""
        yield f"name: {name[:80]!r} must be letters, digits, dots, dashes, at most 61{path}"


def time(text: str, key: str, faults: list[str], end: bool = False) -> datetime | None:
    """A moment as people write it; a date alone means its first, or with `end` its last second."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        faults.append(f"{key}: {text[:40]!r} is no time such as 2026-12-24 or 2026-12-24T18:00")
        return None
    if end and len(text) <= len("2026-12-24"):
        found = found.replace(hour=23, minute=59, second=59)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def moment(when: datetime) -> str:
    """ISO format, UTC, whole seconds."""
    return when.astimezone(UTC).isoformat(timespec="seconds")
