"""Teams and their tokens: a token is shown once, and only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from generator.errors import UserError, printable
from leaderboard.records import display_names
from leaderboard.tracking.database import TEAMS, now, retrying

_TOKEN = re.compile(r"sb([1-9][0-9]{0,8})_[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODY = "0" * 64
_LONGEST = 80


@dataclass(frozen=True)
class Team:
    """One team; revoked ones keep their entries and can't submit."""

    id: int
    name: str
    created: datetime
    revoked: datetime | None


def add(engine: sa.Engine, name: str) -> tuple[Team, str]:
    """Add a team; the token that comes with it can't be read again.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Database of the teams.
    name : str
        What others see.

    Raises
    ------
    UserError
        If the name is faulty, or looks like that of a team there is.
    """
    if faults := display_names.faults(name, _LONGEST, team=True):
        raise UserError(f"team name {_printable(name)}: {'; '.join(faults)}")
    secret, when = secrets.token_urlsafe(32), now()
    row = {"name": name, "name_key": display_names.key(name), "token_hash": "", "created": when}

    def insert() -> int:
        with engine.begin() as connection:
            key = connection.execute(TEAMS.insert().values(row)).inserted_primary_key
            assert key is not None
            hashed = _hash(_token(key[0], secret))
            connection.execute(TEAMS.update().where(TEAMS.c.id == key[0]).values(token_hash=hashed))
            return int(key[0])

    try:
        number = retrying(insert)
    except sa.exc.IntegrityError as error:
        raise UserError(
            f"there is a team {_printable(name)} already: choose a name that looks different"
        ) from error
    return Team(number, name, _time(when), None), _token(number, secret)


def listed(engine: sa.Engine) -> list[Team]:
    """All teams, oldest first.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Database of the teams.
    """
    with engine.connect() as connection:
        return [_team(row) for row in connection.execute(TEAMS.select().order_by(TEAMS.c.id))]


def revoke(engine: sa.Engine, name: str) -> Team:
    """End a team's token; its entries stay.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Database of the teams.
    name : str
        Of the team.

    Raises
    ------
    UserError
        If no team of that name has a token.
    """
    mine = (TEAMS.c.name_key == display_names.key(name)) & TEAMS.c.revoked.is_(None)

    def update() -> sa.Row[tuple[object, ...]] | None:
        with engine.begin() as connection:
            statement = TEAMS.update().where(mine).values(revoked=now()).returning(*TEAMS.c)
            return connection.execute(statement).one_or_none()

    row = retrying(update)
    if row is None:
        raise UserError(f"no team {_printable(name)} has a token: see siphonbench team list")
    return _team(row)


def find(engine: sa.Engine, token: str) -> Team | None:
    """Team of a token; None for one that is forged, malformed or revoked.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Database of the teams.
    token : str
        As a stranger sent it.
    """
    match = _TOKEN.fullmatch(token)
    number = int(match[1]) if match else 0
    with engine.connect() as connection:
        row = connection.execute(TEAMS.select().where(TEAMS.c.id == number)).one_or_none()
    # A stranger learns nothing from the time this takes: something is hashed and compared in any case.
    same = hmac.compare_digest(_hash(token), row.token_hash if row else _NOBODY)
    return _team(row) if row and same and row.revoked is None else None


def _token(number: int, secret: str) -> str:
    return f"sb{number}_{secret}"


def _hash(token: str) -> str:
    # 256 random bits can't be guessed, so a slow hash would protect nothing.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _team(row: sa.Row[tuple[object, ...]]) -> Team:
    return Team(row.id, row.name, _time(row.created), _time(row.revoked) if row.revoked else None)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _printable(text: str) -> str:
    return repr(printable(text[:_LONGEST]))
