"""A class server as students meet it: a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import polars as pl
from typer.testing import CliRunner

import siphonbench
from siphonbench.cli.main import app
from tests import served_process
from tests.served_process import ServedProcess

BASE = "/api/v1/season"
LITTLE = """
preset = "nano"
name = "little"
accounts = 80
extraction_accounts = 27
campaigns = 9
days = 1
quiet_days = 0
rate_cap = 20
"""


def call(*arguments: object) -> str:
    """What `siphonbench class` says."""
    done = CliRunner().invoke(app, ["class", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def roster(path: Path, names: list[str]) -> Path:
    path.write_text("\n".join(["id,name,nickname", *(f"{name},Student {name},{name}" for name in names)]) + "\n")
    return path


def new_class(root: Path, names: list[str], *options: object) -> Path:
    """A class of small worlds with some students, who have their ids for nicknames."""
    (root / "little.toml").write_text(LITTLE)
    folder = root / "ml"
    here = Path.cwd()
    assert here == root, "class new makes its folder where it is called"
    call("new", "ml", "--scenario", "little.toml", "--deadline", "2999-01-31", *options)
    call("roster", folder, roster(root / "roster.csv", names))
    return folder


def scores(folder: Path, name: str, seed: int = 0) -> bytes:
    """Random scores of a student's world."""
    ids = (
        siphonbench.load(folder / "hand-out" / name / "data").test.accounts.polars().select("account_id").collect()
    )
    column = ids["account_id"].cast(pl.String)
    values = np.random.default_rng(seed).random(len(column)).round(3)
    return pl.DataFrame({"account_id": column, "score": values}).write_csv().encode()


@dataclass
class ServedClass(ServedProcess):
    """A running server of a class."""

    folder: Path

    def headers(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {(self.folder / 'hand-out' / name / 'token.txt').read_text().strip()}"}

    def put(self, name: str, content: bytes, seconds: float = 60) -> httpx.Response:
        address = f"{self.address}{BASE}/tasks/accounts"
        return httpx.put(address, content=content, headers=self.headers(name), timeout=seconds)

    def get(self, path: str, name: str = "") -> httpx.Response:
        return httpx.get(self.address + BASE + path, headers=self.headers(name) if name else {}, timeout=60)

    def score(self, name: str, attempt: str, seconds: float = 120) -> float:
        """Score of an attempt, once it is there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            score = self.get(f"/attempts/{attempt}", name).json()["score"]
            if score is not None:
                return float(score)
            time.sleep(0.2)
        raise TimeoutError(attempt)


@contextmanager
def served(folder: Path, port: int) -> Iterator[ServedClass]:
    """A server of a class."""
    with served_process.started(["class", "serve", folder], port, BASE, folder.parent) as running:
        yield ServedClass(running.address, running.process, running.log, folder)
