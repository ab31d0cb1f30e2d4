"""A site to talk to: in this process, or as the server that strangers meet."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

import siphonbench
from leaderboard.intake import teams
from leaderboard.tracking.store import Store
from tests import served_process
from tests.served_process import ServedProcess, free_port


def accounts(nano: Path) -> list[str]:
    """Accounts that a submission answers for."""
    ids = siphonbench.load(nano).test.accounts.polars().select("account_id").collect()
    return ids["account_id"].cast(pl.String).to_list()


def predictions(ids: list[str], seed: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"account_id": ids, "score": np.random.default_rng(seed).random(len(ids))})


def body(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


@dataclass
class Served(ServedProcess):
    """A running site.

    Attributes
    ----------
    tokens : dict of str to str
        Of its teams.
    """

    store: Store
    tokens: dict[str, str] = field(default_factory=dict)

    def put(self, content: bytes, token: str, task: str = "accounts", **card: str) -> httpx.Response:
        card = {"name": "mine"} | card
        headers = {"authorization": f"Bearer {token}"}
        where = f"{self.address}/api/v1/submissions/{task}"
        return httpx.put(where, params=card, content=content, headers=headers, timeout=60)

    def wait(self, id_: str, seconds: float = 60) -> dict[str, Any]:
        """A submission, once it is scored or refused."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job = httpx.get(f"{self.address}/api/v1/submissions/{id_}", timeout=30).json()
            if job["state"] in ("finished", "failed"):
                return dict(job)
            time.sleep(0.1)
        raise TimeoutError(f"{id_} is still {job['state']}")


@contextmanager
def served(nano: Path, folder: Path, port: int | None = None, **options: object) -> Iterator[Served]:
    """A server of its own on a store in `folder`, with the teams "red" and "blue"."""
    store = Store(folder)
    store.client()  # makes MLflow's tables here, where that is quick
    tokens = {}
    if not teams.listed(store.engine()):
        tokens = {name: teams.add(store.engine(), name)[1] for name in ("red", "blue")}
    command = ["serve", "--data", nano, "--board", folder, "--files", folder]
    command += [x for k, v in options.items() for x in (f"--{k.replace('_', '-')}", v)]
    with served_process.started(command, port or free_port(), "/api/v1/boards", folder) as running:
        yield Served(running.address, running.process, running.log, store, tokens)


def scripts(page: str) -> list[str]:
    """Script elements of a page without an address."""
    return [tag for tag in re.findall(r"<script[^>]*>", page) if "src=" not in tag]
