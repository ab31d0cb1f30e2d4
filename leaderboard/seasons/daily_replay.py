"""*early* on a sealed season: a day's tables for the scores of the day before, and no way back."""

from __future__ import annotations

import io
import secrets
from datetime import timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from generator.errors import UserError
from leaderboard.seasons import receipts
from leaderboard.seasons.attempts_table import ATTEMPTS, DAYS, writing
from leaderboard.seasons.rules import DAILY
from leaderboard.seasons.submissions import SeasonService
from leaderboard.tasks import scoring
from leaderboard.tracking.database import now, retrying

TABLES = ("requests", "accounts", "releases")


class DailyReplay:
    """The walk of one team through the days of a season.

    A team walks once: who has seen the whole window would know better the second time.

    Parameters
    ----------
    desk : Desk
        Of a season whose task is "early".
    team : str
        Who walks.
    """

    def __init__(self, desk: SeasonService, team: str) -> None:
        if not desk.rules.daily:
            raise UserError(f"{desk.rules.name} hands out its tables at once: submit a file instead")
        self.desk, self.team, self.world = desk, team, desk.world(team)

    def day(self) -> int | None:
        """Day whose scores are wanted next; None once all are in."""
        mine = sa.select(sa.func.count()).where(DAYS.c.team == self.team)
        with self.desk.engine.connect() as connection:
            done = int(connection.execute(mine).scalar_one())
        return done if done < self.world.split.days else None

    def table(self, day: int, name: str, when: float | None = None) -> bytes:
        """What a day added to a table, as a Parquet file: requests, new accounts; on day 0 releases too.

        Raises
        ------
        UserError
            If the day is not yet handed out, or there is no such table.
        """
        self.desk.check_open(now() if when is None else when)
        reached = self.day()
        last = self.world.split.days - 1 if reached is None else reached
        if not 0 <= day <= last:
            raise UserError(f"day {day} is not handed out: {last} is the last one; hand in its scores first")
        if name not in TABLES:
            raise UserError(f"there is no table {name[:40]!r}: {', '.join(TABLES)}")
        file = io.BytesIO()
        self._added(day, name).write_parquet(file)
        return file.getvalue()

    def hand_in(self, day: int, path: Path, when: float | None = None) -> int | None:
        """Take the scores of a day; the next day, or None after the last one.

        Raises
        ------
        UserError
            Outside of the season, if another day's scores are wanted, or with all faults of the file.
        """
        made = now() if when is None else when
        self.desk.check_open(made)
        wanted = self.day()
        if day != wanted:
            said = "all days are in" if wanted is None else f"those of day {wanted} are wanted"
            raise UserError(f"scores of day {day} are not taken: {said}; the past can't be revised")
        said_rows = scoring.read_submission(self.world.public.as_of(day), "accounts", path).predictions
        file = self.desk.shelf.keep(said_rows)
        row = {"team": self.team, "day": day, "file": file, "made": made}

        def insert() -> None:
            with self.desk.engine.begin() as connection:
                connection.execute(DAYS.insert().values(**row))

        try:
            retrying(insert)
        except sa.exc.IntegrityError as error:
            raise UserError(f"scores of day {day} are in already: the past can't be revised") from error
        if day + 1 < self.world.split.days:
            return day + 1
        self._finish(made)
        return None

    def attempt(self) -> str:
        """Id of the finished walk, to ask `Desk.answer` for.

        Raises
        ------
        UserError
            If it is not finished.
        """
        with self.desk.engine.connect() as connection:
            found = connection.execute(sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.team == self.team)).scalar()
        if found is None:
            if self.day() is not None:
                raise UserError("the walk is not finished: hand in the scores of every day first")
            self._finish(now())  # the server went down between the last day and this
            return self.attempt()
        return str(found)

    def _finish(self, made: float) -> None:
        mine = sa.select(DAYS).where(DAYS.c.team == self.team).order_by(DAYS.c.day)
        with self.desk.engine.connect() as connection:
            rows = connection.execute(mine).all()
        said = [self.desk.shelf.read(r.file).select(pl.lit(r.day, pl.Int64).alias("day"), pl.all()) for r in rows]
        file = self.desk.shelf.keep(pl.concat(said))
        row = {"id": secrets.token_hex(16), "team": self.team, "task": DAILY, "utc_day": 0, "number": 0}
        row |= {"made": made, "due": self.desk.rules.due(made), "file": file}

        def insert() -> None:
            with writing(self.desk.engine) as connection:
                receipts.append(connection, self.desk.commitment, row)

        try:
            retrying(insert)
        except sa.exc.IntegrityError:
            return  # another request finished the same walk

    def _added(self, day: int, name: str) -> pl.DataFrame:
        public = self.world.public
        if name == "requests":
            return public.requests.polars().filter(pl.col("day") == day).sort("ts").collect()
        if name == "releases":
            return public.releases.polars().collect()
        end = public.start + timedelta(days=day + 1)
        known = pl.col("created") < end
        if day:
            known &= pl.col("created") >= end - timedelta(days=1)
        return public.accounts.polars().filter(known).collect()
