"""*early* on a sealed season: a day's tables for the scores of the day before, and no way back."""

from __future__ import annotations

import io
import secrets
from datetime import timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from generator import schema
from generator.errors import UserError
from leaderboard.seasons import receipts
from leaderboard.seasons.attempts_table import ATTEMPTS, DAYS
from leaderboard.seasons.rules import DAILY
from leaderboard.seasons.submissions import SeasonService
from leaderboard.tracking.database import now, retrying, writing

DAILY_TABLES = ("requests", "accounts", "prompts")
TABLES = (*DAILY_TABLES, "releases")


class DailyReplay:
    """The way of one team through the days of a season.

    A team goes through them once: who has seen the whole window would know better the second time.

    Parameters
    ----------
    service : SeasonService
        Of a season whose task is "early".
    team : str
        Whose replay.
    """

    def __init__(self, service: SeasonService, team: str) -> None:
        if not service.rules.daily:
            raise UserError(f"{service.rules.name} hands out its tables at once: submit a file instead")
        self.service, self.team = service, team
        self.public = service.world(team).public

    def day(self) -> int | None:
        """Day whose scores are wanted next; None once all are in."""
        mine = sa.select(sa.func.count()).where(DAYS.c.team == self.team)
        with self.service.engine.connect() as connection:
            done = int(connection.execute(mine).scalar_one())
        return done if done < self.public.days else None

    def table(self, day: int, name: str, when: float | None = None) -> bytes:
        """What a day added to a table: requests, prompts if there is text, new accounts; on day 0 releases too.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        name : str
            One of `TABLES`.
        when : float, optional
            Seconds since 1970; now if left out.

        Returns
        -------
        bytes
            A Parquet file.

        Raises
        ------
        UserError
            If the day is not yet handed out, or there is no such table.
        """
        self.service.check_open(now() if when is None else when)
        reached = self.day()
        last = self.public.days - 1 if reached is None else reached
        if not 0 <= day <= last:
            raise UserError(f"day {day} is not handed out: {last} is the last one; hand in its scores first")
        if name not in TABLES:
            raise UserError(f"there is no table {name[:40]!r}: {', '.join(TABLES)}")
        file = io.BytesIO()
        self._added(day, name).write_parquet(file)
        return file.getvalue()

    def check(self, day: int, when: float | None = None) -> None:
        """Refuse scores that are not wanted now, whatever they are.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        when : float, optional
            Seconds since 1970; now if left out.

        Raises
        ------
        UserError
            Outside of the season, or if another day's scores are wanted.
        """
        self.service.check_open(now() if when is None else when)
        wanted = self.day()
        if day != wanted:
            reason = "all days are in" if wanted is None else f"those of day {wanted} are wanted"
            raise UserError(f"scores of day {day} are not taken: {reason}; the past can't be revised")

    def hand_in(self, day: int, path: Path, when: float | None = None) -> int | None:
        """Take the scores of a day.

        Parameters
        ----------
        day : int
            Counted from the window's first.
        path : Path
            Predictions of the accounts known at its end.
        when : float, optional
            Seconds since 1970; now if left out.

        Returns
        -------
        int or None
            The next day; None after the last one.

        Raises
        ------
        UserError
            Outside of the season, if another day's scores are wanted, or with all faults of the file.
        """
        received = now() if when is None else when
        self.check(day, received)
        file = self.service.scoring.keep(self.team, "accounts", path, day)
        row = {"team": self.team, "day": day, "file": file, "made": received}

        def insert() -> None:
            with self.service.engine.begin() as connection:
                connection.execute(DAYS.insert().values(**row))

        try:
            retrying(insert)
        except sa.exc.IntegrityError as error:
            raise UserError(f"scores of day {day} are in already: the past can't be revised") from error
        if day + 1 < self.public.days:
            return day + 1
        self._finish(received)
        return None

    def attempt(self) -> str:
        """Id of the finished replay, to ask `SeasonService.answer` for.

        Raises
        ------
        UserError
            If it is not finished.
        """
        with self.service.engine.connect() as connection:
            mine = sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.team == self.team)
            id_ = connection.execute(mine).scalar()
        if id_ is None:
            if self.day() is not None:
                raise UserError("the walk is not finished: hand in the scores of every day first")
            self._finish(now())  # the server went down between the last day and this
            return self.attempt()
        return str(id_)

    def _finish(self, received: float) -> None:
        mine = sa.select(DAYS).where(DAYS.c.team == self.team).order_by(DAYS.c.day)
        with self.service.engine.connect() as connection:
            rows = connection.execute(mine).all()
        blobs = self.service.blobs
        days = [blobs.read(r.file).select(pl.lit(r.day, pl.Int64).alias("day"), pl.all()) for r in rows]
        row = {"id": secrets.token_hex(16), "team": self.team, "task": DAILY, "utc_day": 0, "number": 0}
        row |= {"made": received, "due": self.service.rules.due(received), "file": blobs.keep(pl.concat(days))}

        def insert() -> None:
            with writing(self.service.engine) as connection:
                receipts.append(connection, self.service.commitment, row)

        try:
            retrying(insert)
        except sa.exc.IntegrityError:
            return  # another request finished the same replay

    def _added(self, day: int, name: str) -> pl.DataFrame:
        if name == "requests":
            return self.public.requests.polars().filter(pl.col("day") == day).sort("ts").collect()
        if name == "prompts":
            texts = self.public.tables.get("prompts")
            rows = texts.polars() if texts else pl.LazyFrame(schema.arrow_schema("prompts").empty_table())
            return rows.filter(pl.col("day") == day).collect()
        if name == "releases":
            return self.public.releases.polars().collect()
        end = self.public.start + timedelta(days=day + 1)
        known = pl.col("created") < end
        if day:
            known &= pl.col("created") >= end - timedelta(days=1)
        return self.public.accounts.polars().filter(known).collect()
