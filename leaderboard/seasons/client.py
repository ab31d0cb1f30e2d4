"""The team's side of a daily season: gets a day's tables, shows a detector the past, hands in what it says."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl

from generator import schema
from generator.dataset import Split, Table
from leaderboard.intake.http_client import Server
from leaderboard.seasons.daily_replay import DAILY_TABLES, TABLES, DailyReplay
from leaderboard.seasons.rules import Season, parse

_BASE = "/api/v1/season"


class Transport(ABC):
    """Where the days come from, and where scores go."""

    @abstractmethod
    def season(self) -> Season:
        """The season as everybody knows it."""

    @abstractmethod
    def day(self) -> int | None:
        """Day whose scores are wanted next; None once all are in."""

    @abstractmethod
    def table(self, day: int, name: str) -> bytes:
        """What a day added to a table.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        name : str
            One of `daily_replay.TABLES`.

        Returns
        -------
        bytes
            A Parquet file.
        """

    @abstractmethod
    def hand_in(self, day: int, file: Path) -> None:
        """Hand in the scores of a day.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        file : Path
            Parquet file with account_id and score.
        """


class Local(Transport):
    """A season whose service is in this process."""

    def __init__(self, season: Season, replay: DailyReplay) -> None:
        self._season, self._replay = season, replay

    def season(self) -> Season:  # noqa: D102
        return self._season

    def day(self) -> int | None:  # noqa: D102
        return self._replay.day()

    def table(self, day: int, name: str) -> bytes:  # noqa: D102
        return self._replay.table(day, name)

    def hand_in(self, day: int, file: Path) -> None:  # noqa: D102
        self._replay.hand_in(day, file)


class Http(Transport):
    """A season on a server.

    Parameters
    ----------
    server : str
        Its address, e.g. https://board.example.org.
    token : str
        Of the team.
    """

    def __init__(self, server: str, token: str) -> None:
        self._server = Server(server, token)

    def season(self) -> Season:  # noqa: D102
        return parse(self._get("").decode())

    def day(self) -> int | None:  # noqa: D102
        day = json.loads(self._get("/day"))["day"]
        return None if day is None else int(day)

    def table(self, day: int, name: str) -> bytes:  # noqa: D102
        return self._server.ask("GET", f"{_BASE}/days/{day}/{quote(name)}", largest=None)

    def hand_in(self, day: int, file: Path) -> None:  # noqa: D102
        self._server.ask("PUT", f"{_BASE}/days/{day}/scores", file.read_bytes())

    def _get(self, path: str) -> bytes:
        return self._server.ask("GET", _BASE + path)


class Past:
    """What has been handed out so far, in a folder.

    Parameters
    ----------
    season : Season
        Says when the window begins.
    folder : Path
        Where the tables are put.
    """

    def __init__(self, season: Season, folder: Path) -> None:
        self._start = datetime.fromisoformat(season.start + "+00:00")
        self._folder, self._days = folder, 0

    def add(self, day: int, tables: dict[str, bytes]) -> None:
        """Put one more day to it.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        tables : dict of str to bytes
            Parquet files by name of the table.
        """
        for name, content in tables.items():
            (self._folder / f"{name}-{day:03d}.parquet").write_bytes(content)
        self._days = max(self._days, day + 1)

    def split(self) -> Split:
        """The world as of its last day, as `Split.as_of` shows one; without truth."""
        tables = {}
        for name in TABLES:
            part = pl.scan_parquet(sorted(self._folder.glob(f"{name}-*.parquet")), glob=False)
            if name in schema.OPTIONAL and part.head(1).collect().is_empty():
                continue
            tables[name] = Table(name, [part], tuple(c.name for c in schema.TABLES[name]))
        return Split("test", self._start, self._days, tables, masked=True)


def play(
    transport: Transport,
    score: Callable[[Split], pl.DataFrame],
    folder: Path,
    on_day: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Walk through all days that are left; who was interrupted goes on where they were.

    Parameters
    ----------
    transport : Transport
        The season.
    score : callable
        From the world as of a day to account_id and score of every account known then.
    folder : Path
        Empty; for the tables.
    on_day : callable
        Told (done, total) after each day.
    """
    season = transport.season()
    past, have = Past(season, folder), 0
    while (day := transport.day()) is not None:
        for earlier in range(have, day + 1):
            names = TABLES if earlier == 0 else DAILY_TABLES
            past.add(earlier, {name: transport.table(earlier, name) for name in names})
        have = day + 1
        file = folder / "scores.parquet"
        score(past.split()).select("account_id", "score").write_parquet(file)
        transport.hand_in(day, file)
        on_day(day + 1, season.days)
