"""Where a board lives: a folder with SQLite, a PostgreSQL database, or an MLflow tracking server."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from leaderboard.tracking import database

if TYPE_CHECKING:
    import sqlalchemy as sa
    from mlflow import MlflowClient

_PASSING = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "INTERNAL_ERROR")
_LOCK = 0x51F4  # of PostgreSQL's advisory locks: any number that nobody else uses
_SERVERS = ("http://", "https://")
_DATABASES = ("postgresql://", "postgresql+psycopg://")


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
        return database.shown(self.tracking) if self.tracking else str(self.folder)

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
        return bool(self.tracking) or (self.folder / "mlflow.db").exists()

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

    def client(self) -> MlflowClient:
        """MLflow client on this store; never the fluent interface, which records user and script names."""
        # Telemetry is on unless this stands before the import.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        from mlflow import MlflowClient

        # Only now: importing mlflow sets its own levels.
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        return MlflowClient(tracking_uri=self.uri)

    def location(self) -> dict[str, Any]:
        """Where artifacts of a new experiment go: beside the runs, or wherever the server puts them."""
        return {} if self.served else {"artifact_location": self.artifacts.as_uri()}

    @property
    def _sqlite(self) -> str:
        return f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def may_pass(error: Exception) -> bool:
    """Whether trying again can help: a database locked, lost or full, or a tracking server that restarts."""
    code = getattr(error, "error_code", "")
    cause = str(error)
    # MLflow wraps what its database says: a full disk comes as a bad request.
    told = "no space left" in cause.lower() or "disk is full" in cause or "database is locked" in cause
    return database.may_pass(error) or code in _PASSING or told
