"""Stores of every kind: faults of the database, hosts without a common lock, and boards that move."""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lb_stores import Postgres, Tracking
from lb_world import DIGEST, entry, scored
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from generator.errors import UserError
from leaderboard.tracking import export, mlflow_runs, rankings
from leaderboard.tracking.store import Store

PERFECT = [3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def put(store: Store, name: str = "mine") -> str:
    return mlflow_runs.record(store, scored(PERFECT), entry(PERFECT, name), "nano-0")


def finished(store: Store) -> list[str]:
    client = store.client()
    ids = [e.experiment_id for e in client.search_experiments()]
    return sorted(r.info.run_name for r in client.search_runs(ids, "attributes.status = 'FINISHED'"))


@pytest.mark.parametrize("broken", ["log_batch", "log_artifacts", "set_terminated", "create_run"])
def test_a_fault_that_passes_is_waited_out(store: Store, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "before")
    whole = getattr(MlflowClient, broken)
    faults = [
        MlflowException("(sqlite3.OperationalError) database or disk is full"),
        OSError(28, "No space left on device"),
        MlflowException("the server restarts"),  # INTERNAL_ERROR
    ]
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)

    def faulty(*arguments: object, **named: object) -> object:
        if faults:
            raise faults.pop()
        return whole(*arguments, **named)

    monkeypatch.setattr(MlflowClient, broken, faulty)
    put(store)
    monkeypatch.undo()
    assert len(waits) >= 3
    assert finished(store) == ["before", "mine"]
    assert len(rankings.read(store, DIGEST).entries) == 2


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "board")
    put(store, "before")
    holder = sqlite3.connect(store.folder / "mlflow.db", check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    threading.Timer(1.0, holder.rollback).start()
    began = time.monotonic()
    put(store)
    assert time.monotonic() - began >= 0.9
    assert finished(store) == ["before", "mine"]
    holder.close()


@pytest.mark.slow
@pytest.mark.server
def test_connections_cut_in_the_middle(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = postgres.store(tmp_path / "board")
    put(store, "before")
    whole: Any = MlflowClient.log_artifacts
    cuts = [1]

    def cutting(*arguments: object, **named: object) -> object:
        if cuts:
            cuts.pop()
            postgres.restart()
        return whole(*arguments, **named)

    monkeypatch.setattr(MlflowClient, "log_artifacts", cutting)
    put(store)
    assert cuts == []
    assert finished(store) == ["before", "mine"]


def _race(store: Store, barrier: object) -> None:
    barrier.wait(60)  # type: ignore[attr-defined]
    put(store)


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("kind", ["postgresql", "server"])
def test_hosts_without_a_common_folder(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server = request.getfixturevalue({"postgresql": "postgres", "server": "tracking_server"}[kind])
    store = server.store(tmp_path / "a")
    put(store, "before")
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    hosts = [replace(store, folder=tmp_path / name) for name in ("b", "c")]
    racers = [context.Process(target=_race, args=(host, barrier)) for host in hosts]
    for r in racers:
        r.start()
    for r in racers:
        r.join()
    assert [r.exitcode for r in racers] == [0, 0]
    assert finished(store) == ["before", "mine"]
    assert len(rankings.read(store, DIGEST).entries) == 2


@pytest.mark.slow
@pytest.mark.server
def test_a_run_that_another_host_records_is_left_alone(tracking_server: Tracking, tmp_path: Path) -> None:
    store = tracking_server.store(tmp_path / "a")
    put(store)
    client = store.client()
    experiment = client.get_experiment_by_name(mlflow_runs.experiment_name(DIGEST, "accounts"))
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    other = client.create_run(experiment.experiment_id, tags=tags | {"recorder": "elsewhere"})
    mine = client.create_run(experiment.experiment_id, tags=tags)
    client.delete_run(run.info.run_id)
    put(store)
    states = {r.info.run_id: r.info.status for r in client.search_runs([experiment.experiment_id])}
    assert states.pop(other.info.run_id) == "RUNNING"
    assert mine.info.run_id not in states
    assert list(states.values()) == ["FINISHED"]


def test_a_board_moves_whole(store: Store, tmp_path: Path) -> None:
    for name in ("one", "two", "<b>three</b>"):
        put(store, name)
    told: list[tuple[int, int]] = []
    assert export.export(store, tmp_path / "board.jsonl.gz", lambda *done: told.append(done)) == 3
    assert told[-1] == (3, 3)
    there = Store(tmp_path / "there")
    put(there, "two")
    put(there, "four")
    assert export.import_(there, tmp_path / "board.jsonl.gz") == (2, 3)
    assert export.import_(there, tmp_path / "board.jsonl.gz") == (0, 3)
    assert finished(there) == sorted(["one", "two", "<b>three</b>", "four"])
    before = {e.name: e for e in rankings.read(store, DIGEST).entries}
    after = {e.name: e for e in rankings.read(there, DIGEST).entries}
    assert after["one"] == replace(before["one"], run_id=after["one"].run_id, rank=after["one"].rank)
    folder = there.client().download_artifacts(after["one"].run_id, "", str(tmp_path))
    assert {f.name for f in Path(folder).iterdir()} >= {"scorecard.json", "card.toml"}
    # And back: nothing but what was added there is new here.
    export.export(there, tmp_path / "back.jsonl.gz")
    assert export.import_(store, tmp_path / "back.jsonl.gz") == (1, 4)


def test_an_import_that_is_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, there = Store(tmp_path / "board"), Store(tmp_path / "there")
    for name in ("one", "two", "three"):
        put(store, name)
    export.export(store, tmp_path / "x.gz")
    whole: Any = MlflowClient.log_artifacts
    left = [1]

    def stop(*arguments: object, **named: object) -> object:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return whole(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "log_artifacts", stop)
        with pytest.raises(KeyboardInterrupt):
            export.import_(there, tmp_path / "x.gz")
    assert len(finished(there)) == 1
    assert export.import_(there, tmp_path / "x.gz") == (2, 3)
    assert finished(there) == ["one", "three", "two"]


def _lines(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)


def _evil(line: bytes) -> bytes:
    document = json.loads(line)
    document["artifacts"] = {"../../evil": ""}
    return json.dumps(document).encode() + b"\n"


@pytest.mark.parametrize(
    "harm",
    [
        lambda lines: b"",
        lambda lines: b"not JSON",
        lambda lines: b"".join(lines[:-1]),
        lambda lines: b"".join([*lines[:1], *lines[2:]]),
        lambda lines: b"".join(lines).replace(b"mine", b"many"),
        lambda lines: b"".join([*lines, lines[1]]),
        lambda lines: b"".join([lines[0], _evil(lines[1]), lines[2]]),
        lambda lines: b"[]\n" + b"".join(lines),
        lambda lines: b"".join(lines).replace(b"siphonbench-board-1", b"siphonbench-board-9"),
    ],
)
def test_a_harmed_file_records_nothing(harm: object, tmp_path: Path) -> None:
    store, there, file = Store(tmp_path / "board"), Store(tmp_path / "there"), tmp_path / "x.gz"
    put(store)
    export.export(store, file)
    assert callable(harm)
    file.write_bytes(gzip.compress(harm(_lines(file))))
    with pytest.raises(UserError, match=r"cut off or changed|can't be read|no exported board"):
        export.import_(there, file)
    assert not there.folder.exists()


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("card.code_url", "javascript:alert(1)", "must start with https:// or http://"),
        ("card.name", "a\u202eb", "control or invisible"),
        ("card.name", "", "name: missing"),
        ("card.team", "x" * 300, "300 characters, at most 200"),
        ("card.field_groups", "M+Q", "field_groups: 'M+Q'"),
        ("card.external_data", "perhaps", "external_data: None must be a bool"),
    ],
)
def test_an_import_checks_cards_as_a_submission_does(key: str, value: str, part: str, tmp_path: Path) -> None:
    store, there, file = Store(tmp_path / "board"), Store(tmp_path / "there"), tmp_path / "x.gz"
    put(store)
    export.export(store, file)
    head, run, _ = _lines(file)
    document = json.loads(run)
    document["tags"][key] = value
    lines = head + json.dumps(document).encode() + b"\n"
    end = json.dumps({"sha256": hashlib.sha256(lines).hexdigest()}).encode() + b"\n"
    file.write_bytes(gzip.compress(lines + end))
    with pytest.raises(UserError, match="nothing was recorded") as caught:
        export.import_(there, file)
    assert part in str(caught.value)
    assert not there.folder.exists()


@pytest.mark.parametrize("name", ["x.csv", "x.json", "board.jsonl", "x.parquet"])
def test_an_export_is_what_its_name_says(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "board")
    put(store)
    with pytest.raises(UserError, match=r"would not be what its name says: give .*\.jsonl\.gz"):
        export.export(store, tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == ["board"]


def test_only_a_gzip_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_text("plain")
    with pytest.raises(UserError, match="can't be read as an exported board"):
        export.import_(Store(tmp_path / "there"), tmp_path / "x.gz")


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no board"):
        export.export(Store(tmp_path / "nowhere"), tmp_path / "x.gz")
    assert list(tmp_path.iterdir()) == []


def test_marked_as_reproduced(store: Store) -> None:
    run = store.client().get_run(put(store))
    id_ = run.data.tags["submission_id"]
    assert mlflow_runs.mark(store, id_[:16], "ran its code") == "mine"
    assert store.client().get_run(run.info.run_id).data.tags["reproduced"] == "ran its code"
    for wrong in ("0" * 16, "x", "a' or '1'='1", "%%%%%%%%%%"):
        with pytest.raises(UserError, match="has 0 entries"):
            mlflow_runs.mark(store, wrong, "")
