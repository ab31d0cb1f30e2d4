"""Many submissions at once, and the server killed in the middle: none lost, none twice."""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import lb_site
import numpy as np
import polars as pl
import pytest
from lb_site import Served

import siphonbench
from leaderboard.intake.queue import Queue
from leaderboard.records.card import Card
from leaderboard.records.submission import write
from leaderboard.tasks import scoring
from leaderboard.tracking import mlflow_runs, rankings
from leaderboard.tracking.store import Store
from tests.served_process import free_port, taken

N, KINDS = 8, 4


def scores(ids: list[str], kind: int) -> pl.DataFrame:
    return pl.DataFrame({"account_id": ids, "score": np.random.default_rng(kind).random(len(ids)).round(3)})


def send(server: Served, ids: list[str], i: int) -> str:
    """The id of a submission."""
    body, token = lb_site.body(scores(ids, i % KINDS)), server.tokens["red" if i % 2 else "blue"]
    return str(taken(lambda: server.put(body, token, name=f"entry {i:03d}")).json()["id"])


@pytest.mark.slow
def test_many_at_once_and_a_power_cut(nano: Path, tmp_path: Path) -> None:
    ids, folder, port = lb_site.accounts(nano), tmp_path / "board", free_port()
    many = {"team_hour": 10_000, "address_minute": 100_000}
    with ThreadPoolExecutor(N) as pool:
        with lb_site.served(nano, folder, port, **many) as first:
            tokens = first.tokens
            jobs = [pool.submit(send, first, ids, i) for i in range(N)]
            waiting = Queue(first.store.engine(), first.store.waiting)
            until = time.monotonic() + 120
            while len(waiting.listed("finished")) < 3 and time.monotonic() < until:
                time.sleep(0.05)
            first.kill()  # some are scored, one is being scored, some are queued, some are on their way
        assert len(waiting.listed("finished")) < N
        with lb_site.served(nano, folder, port, **many) as second:
            second.tokens = tokens
            names = {job.result() for job in jobs}
            assert len(names) == N
            # As long as one after the other gets finished, a busy machine may take its time.
            seen, until = 0, time.monotonic() + 120
            while (now := len(waiting.listed("finished"))) < N and time.monotonic() < until:
                seen, until = now, until if now == seen else time.monotonic() + 120
                time.sleep(0.2)
            world = siphonbench.load(nano)
            key = world.digest[:12]
            shown = httpx.get(f"{second.address}/boards/{key}/accounts/board.json", timeout=60).json()["entries"]
            page = httpx.get(f"{second.address}/boards/{key}/accounts/", timeout=60).text
    assert Counter(j.state for j in waiting.listed()) == {"finished": N}
    assert Counter(e["name"] for e in shown) == {f"entry {i:03d}": 1 for i in range(N)}
    assert len(set(re.findall(r"entry \d{3}", page))) == N
    assert list(first.store.waiting.iterdir()) == []
    _as_if_scored_serially(nano, ids, Store(folder), tmp_path)


def _as_if_scored_serially(nano: Path, ids: list[str], store: Store, tmp_path: Path) -> None:
    world, alone = siphonbench.load(nano), Store(tmp_path / "alone")
    entries, cards = {}, {}
    for kind in range(KINDS):
        folder = write(tmp_path / f"s{kind}", scores(ids, kind), Card(f"entry {kind:03d}"))
        entries[kind] = scoring.read_submission(world.test, "accounts", folder)
        cards[kind] = scoring.score_submission(world, "test", "accounts", entries[kind])
    for i in range(N):
        card = Card(f"entry {i:03d}", "red" if i % 2 else "blue")
        mlflow_runs.record(alone, cards[i % KINDS], replace(entries[i % KINDS], card=card), world.name)
    boards = [rankings.read(s, world.digest).entries for s in (store, alone)]
    values = [
        sorted((e.name, e.team, e.rank, e.primary, e.low, e.high, sorted(e.numbers.items())) for e in b)
        for b in boards
    ]
    assert values[0] == values[1]
