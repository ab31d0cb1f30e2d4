"""One database for teams and the queue: the one MLflow keeps its runs in, SQLite or PostgreSQL."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from generator.errors import UserError

T = TypeVar("T")
METADATA = sa.MetaData()
TEAMS = sa.Table(
    "siphonbench_teams",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("name_key", sa.String(800), nullable=False, unique=True),  # what names that look alike share
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("revoked", sa.Float),
)
SUBMISSIONS = sa.Table(
    "siphonbench_submissions",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("team_id", sa.Integer, sa.ForeignKey(TEAMS.c.id), nullable=False, index=True),
    sa.Column("world", sa.String(64), nullable=False),
    sa.Column("task", sa.String(40), nullable=False),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("file", sa.String(64), nullable=False),
    sa.Column("suffix", sa.String(10), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("progress", sa.String(200), nullable=False, default=""),
    sa.Column("error", sa.Text),
    sa.Column("entry", sa.String(64)),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.String(80)),
    sa.Column("beat", sa.Float),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("finished", sa.Float),
)
_BUSY_SECONDS = 20
_FIRST_WAIT, _TRIES = 0.05, 10  # 25 seconds in all
_NEVER_MENDS = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError)


@cache
def engine(uri: str) -> sa.Engine:
    """Engine of a database whose tables exist; one per address and process.

    Raises
    ------
    UserError
        If the address is none, or nothing answers there.
    """
    try:
        url = make_url(uri)
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if _is_sqlite(url) else {}
        made = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, **options)
        retrying(lambda: METADATA.create_all(made))
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        raise UserError(
            f"the database {shown(uri)} can't be opened ({_reason(error)}): give sqlite:///FILE or "
            "postgresql://USER@HOST/NAME of one that runs"
        ) from error
    return made


def shown(uri: str) -> str:
    """An address without its password."""
    try:
        return make_url(uri).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "given"


def retrying(call: Callable[[], T], passes: Callable[[Exception], bool] | None = None) -> T:
    """What `call` returns, tried again with longer and longer waits while its fault may pass.

    A locked database, a lost connection and a full disk may pass; `call` must do no harm when it is called twice.

    Parameters
    ----------
    call : callable
        Without arguments.
    passes : callable, optional
        Whether an exception may pass; left out, what databases and disks raise.
    """
    wait = _FIRST_WAIT
    for left in reversed(range(_TRIES)):
        try:
            return call()
        except Exception as error:
            if not left or not (passes or may_pass)(error):
                raise
            logging.getLogger(__name__).warning("%s; trying again in %.2f s", _reason(error), wait)
        # Unlike waits, so that those who met once don't meet again; nothing else depends on them.
        time.sleep(wait * (0.5 + random.random()))  # noqa: S311
        wait *= 2
    raise AssertionError("the last try returns or raises")


def may_pass(error: Exception) -> bool:
    """Whether trying again can help: locked, lost, full; not a wrong statement or a broken rule."""
    if isinstance(error, sa.exc.DBAPIError):
        return not isinstance(error, _NEVER_MENDS)
    return isinstance(error, OSError)


def now() -> float:
    """Seconds since 1970, UTC."""
    return datetime.now(UTC).timestamp()


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _reason(error: BaseException) -> str:
    """First line of an error, without the statement and its values."""
    inner = getattr(error, "orig", None) or error
    return (str(inner).splitlines() or [""])[0][:160] or type(inner).__name__
