"""One database for teams and the queue: the one MLflow keeps its runs in, SQLite or PostgreSQL."""

from __future__ import annotations

import errno
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from sqlalchemy.engine import make_url

from generator.errors import UserError, without_password

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
SENDS = sa.Table(
    "siphonbench_sends",  # each time that a submission was put into the queue, for limits per hour
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("team_id", sa.Integer, sa.ForeignKey(TEAMS.c.id), nullable=False),
    sa.Column("submission", sa.String(32), nullable=False),
    sa.Column("moment", sa.Float, nullable=False, index=True),
)
_BUSY_SECONDS = 2.0
"""SQLite itself waits so long for a lock; our tries come on top of it."""
_FIRST_WAIT_SECONDS, _TRIES = 0.05, 10  # 25 seconds in all
_NEVER_MENDS = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError)
_DISK_MENDS = {errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE, errno.ENFILE}
_ACCESS = "let this user write there, or name another board"
_DAMAGED = "bring back a copy or an export of it, or name another board"
_ACCOUNT = "check the address, the user and the password"
_VERSION = "another version of MLflow made it: copy it, then run mlflow db upgrade on its address"
LASTING = {
    "unable to open database file": _ACCESS,
    "readonly database": _ACCESS,
    "read-only": _ACCESS,
    "permission denied": _ACCESS,
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
    "authentication failed": _ACCOUNT,
    "no password supplied": _ACCOUNT,
    "no pg_hba.conf entry": _ACCOUNT,
    "does not exist": _ACCOUNT,
    "translate host name": _ACCOUNT,
    "name or service not known": _ACCOUNT,
    "failed to resolve": _ACCOUNT,
    "out-of-date database schema": _VERSION,
    "locate revision": _VERSION,
}
"""What databases say of faults that no waiting mends, and what does."""


@cache
def engine(uri: str) -> sa.Engine:
    """Engine of a database whose tables exist; one per address and process.

    Parameters
    ----------
    uri : str
        sqlite:// or postgresql:// address.

    Raises
    ------
    UserError
        If the address is none, or nothing answers there.
    """
    try:
        url = make_url(uri)
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if _is_sqlite(url) else {}
        opened = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, **options)
        retrying(lambda: METADATA.create_all(opened))
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
        remedy = lasting(error) or "give sqlite:///FILE or postgresql://USER@HOST/NAME of one that runs"
        raise UserError(f"the database {uri} can't be opened ({reason(error)}): {remedy}") from None
    return opened


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which nobody else writes to SQLite, so that what is read in it still holds when it ends.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of PostgreSQL, rows that must not change are to be selected for update.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def retrying(call: Callable[[], T], passes: Callable[[BaseException], bool] | None = None) -> T:
    """What `call` returns, tried again with longer and longer waits while its fault may pass.

    A locked database, a lost connection and a full disk may pass; `call` must do no harm when it is called twice.

    Parameters
    ----------
    call : callable
        Without arguments.
    passes : callable, optional
        Whether an exception may pass; left out, what databases and disks raise.
    """
    tries = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_TRIES),
        wait=_wait,
        retry=tenacity.retry_if_exception(passes or may_pass),
        before_sleep=_warn,
        reraise=True,
    )
    return tries(call)


def may_pass(error: BaseException) -> bool:
    """Whether trying again can help: locked, lost, full; not a wrong statement, a broken rule or a missing right.

    Parameters
    ----------
    error : Exception
        What was raised.

    Examples
    --------
    >>> may_pass(OSError(errno.ENOSPC, "full")), may_pass(OSError(errno.EACCES, "denied"))
    (True, False)
    """
    if isinstance(error, sa.exc.DBAPIError):
        return not isinstance(error, _NEVER_MENDS) and not lasting(error)
    if isinstance(error, OSError):
        return error.errno in _DISK_MENDS or isinstance(error, ConnectionError | TimeoutError)
    return False


def lasting(error: BaseException) -> str:
    """What mends a fault that no waiting mends; "" if it may pass.

    Parameters
    ----------
    error : Exception
        What a database raised, or who uses one.
    """
    text = str(error).lower()
    return next((remedy for phrase, remedy in LASTING.items() if phrase in text), "")


def now() -> float:
    """Seconds since 1970, UTC."""
    return datetime.now(UTC).timestamp()


def reason(error: BaseException) -> str:
    """First line of an error, without the statement and its values, and without a password.

    Parameters
    ----------
    error : Exception
        What was raised.
    """
    inner = getattr(error, "orig", None) or error
    if isinstance(inner, ValueError):
        return "it is no address"  # what Python says of it may quote a part of the password
    return without_password((str(inner).splitlines() or [""])[0])[:160] or type(inner).__name__


def _wait(state: tenacity.RetryCallState) -> float:
    # Unlike waits, so that those who met once don't meet again; nothing else depends on them.
    doubled: float = _FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1)
    return doubled * (0.5 + random.random())  # noqa: S311


def _warn(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if error and state.next_action:
        logging.getLogger(__name__).warning("%s; trying again in %.2f s", reason(error), state.next_action.sleep)


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"
