"""Where a board lives: a folder with SQLite, a PostgreSQL database, or an MLflow tracking server."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL

from generator import files
from generator.errors import UserError, without_password
from leaderboard.tracking import database

if TYPE_CHECKING:
    import sqlalchemy as sa
    from mlflow import MlflowClient

T = TypeVar("T")
_PASSING = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "INTERNAL_ERROR")
_LIBRARIES = ("sqlalchemy", "mlflow", "alembic")
_LOCK = 0x51F4  # of PostgreSQL's advisory locks: any number that nobody else uses
_SERVERS = ("http://", "https://")
_DATABASES = ("postgresql://", "postgresql+psycopg://")


class StoreBusyError(UserError):
    """A store that doesn't answer now, after all tries; later it may."""


@dataclass(frozen=True)
class Store:
    """MLflow's runs and artifacts, and beside them the tables of teams and queue.

    Attributes
    ----------
    folder : Path
        Made on first use: the SQLite file, artifacts that nobody else serves, files that wait to be scored.
    tracking : str
        Address of MLflow's store; the SQLite file if left out.
    tables : str
        Address of the database for teams and queue; the one of MLflow's store if left out and if that is one.
    """

    folder: Path
    tracking: str = ""
    tables: str = ""

    @classmethod
    def at(cls, where: str | Path, folder: Path | None = None, tables: str = "") -> Store:
        """Store of a folder, a postgresql:// address, or the http:// address of a tracking server.

        Parameters
        ----------
        where : path or str
            Folder or address.
        folder : Path, optional
            Of a store at an address: uploads and, without a server, artifacts.
        tables : str
            See `Store`.

        Raises
        ------
        UserError
            If it is an address of another kind.
        """
        address = str(where)
        if "://" not in address:
            return cls(Path(where), "", tables)
        if not address.startswith(_SERVERS + _DATABASES):
            kind = address.partition("://")[0][:20]
            raise UserError(f"a store can't be at {kind}://: give a folder, postgresql://..., or http://...")
        return cls(folder or Path("siphonbench-board"), address, tables)

    @property
    def uri(self) -> str:
        """MLflow tracking address."""
        return self.tracking or self._sqlite

    @property
    def served(self) -> bool:
        """Whether a tracking server keeps the runs, and hands out their artifacts."""
        return self.tracking.startswith(_SERVERS)

    @property
    def name(self) -> str:
        """The store for people: without a password."""
        return without_password(self.tracking) if self.tracking else str(self.folder)

    @property
    def artifacts(self) -> Path:
        """Folder of the artifacts, unless a server keeps them."""
        return self.folder.resolve() / "artifacts"

    @property
    def waiting(self) -> Path:
        """Folder of files that wait to be scored."""
        return self.folder.resolve() / "submissions"

    @property
    def exists(self) -> bool:
        """Whether there may be runs: a SQLite store has none before its file is made."""
        return bool(self.tracking) or self._file.exists()

    @property
    def recorder(self) -> str:
        """Names this host and folder in runs, without telling them."""
        here = f"{socket.gethostname()}:{self.folder.resolve()}"
        return hashlib.sha256(here.encode()).hexdigest()[:16]

    def engine(self) -> sa.Engine:
        """Database of teams and queue; its tables are made on first use."""
        uri = self.tables or (self._sqlite if self.served else self.uri)
        if not uri.startswith("sqlite"):
            return database.engine(uri)
        with self._file_lock():
            return database.engine(uri)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one process at a time records, on every host that shares the database."""
        uri = self.tables or self.tracking
        with self._file_lock():
            if not uri.startswith(_DATABASES):
                yield
                return
            with database.engine(uri).connect() as connection:
                # Of this transaction: a lost connection or a killed process sets it free.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield

    def retry(self, call: Callable[[], T]) -> T:
        """What `call` returns; tried again while its fault may pass.

        Parameters
        ----------
        call : callable
            Does no harm when it is called twice.

        Raises
        ------
        UserError
            Of one sentence, if the store can't be used; `StoreBusyError` if it may be later.
        """
        try:
            return database.retrying(call, may_pass)
        except Exception as error:
            # By name: MLflow must not be imported before `client` has switched its telemetry off.
            if type(error).__module__.partition(".")[0] not in _LIBRARIES:
                raise
            if may_pass(error):
                raise StoreBusyError(f"{self.name} is busy ({database.reason(error)}): try again later") from None
            raise self._unusable(error) from error

    def client(self) -> MlflowClient:
        """MLflow client on this store; never the fluent interface, which records user and script names.

        Raises
        ------
        UserError
            If there is no database, or it can't be read.
        """
        self._check()
        # Telemetry is on unless this stands before the import.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # `retry` is what waits
        from mlflow import MlflowClient

        # Only now: importing mlflow sets its own levels.
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        return MlflowClient(tracking_uri=self.uri)

    def location(self) -> dict[str, Any]:
        """Where artifacts of a new experiment go: beside the runs, or wherever the server puts them."""
        return {} if self.served else {"artifact_location": self.artifacts.as_uri()}

    def _check(self) -> None:
        """Make the folder, and meet a database that can't be read before MLflow does, which tries ten times."""
        if self.tracking.startswith(_DATABASES):
            database.engine(self.tracking)
        elif not self.tracking and not self._file.exists():
            files.private_folder(self.folder)
        elif not self.tracking:
            try:
                with closing(sqlite3.connect(self._file, timeout=0)) as connection:
                    connection.execute("PRAGMA schema_version")
            except sqlite3.Error as error:
                if database.lasting(error):
                    raise self._unusable(error) from error

    def _unusable(self, error: BaseException) -> UserError:
        remedy = database.lasting(error) or "see what its server logs, or name another board"
        return UserError(f"{self.name} can't be used ({database.reason(error)}): {remedy}")

    @property
    def _file(self) -> Path:
        return self.folder.resolve() / "mlflow.db"

    @property
    def _sqlite(self) -> str:
        # With its driver named: of a plain sqlite:/// MLflow takes the escaped path for a folder, and makes it.
        return URL.create("sqlite+pysqlite", database=str(self._file)).render_as_string()

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        files.private_folder(self.folder)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                for part in self.folder.glob(f"{self._file.name}*"):  # a folder that was there may let others in
                    part.chmod(0o600)


def may_pass(error: BaseException) -> bool:
    """Whether trying again can help: a database locked, lost or full, or a tracking server that restarts.

    Parameters
    ----------
    error : Exception
        What was raised.
    """
    if isinstance(error, StoreBusyError):
        return True
    cause, code = str(error), getattr(error, "error_code", "")
    if code and database.lasting(error):
        return False
    # MLflow wraps what its database says: a full disk comes as a bad request.
    wrapped = "no space left" in cause.lower() or "disk is full" in cause or "database is locked" in cause
    return database.may_pass(error) or code in _PASSING or wrapped
