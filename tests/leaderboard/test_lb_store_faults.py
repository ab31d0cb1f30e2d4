"""Stores that can't be used are told at once and without a password; one harmed entry stops nothing."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from lb_world import DIGEST, SCORES, entry, scored

import siphonbench
from generator.errors import UserError
from leaderboard.site import build
from leaderboard.site.live_boards import Boards
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking import database, export, mlflow_runs, rankings
from leaderboard.tracking.store import Store, StoreBusyError


def put(store: Store, name: str = "mine", scores: tuple[float, ...] = (3, 2, 1, 0, 0, 0, 0, 0)) -> str:
    return mlflow_runs.record(store, scored(list(scores)), entry(list(scores), name), "nano-seed0")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waited {seconds} s"))


def change(store: Store, statement: str) -> None:
    connection = sqlite3.connect(store.folder / "mlflow.db")
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.usefixtures("no_waiting")
def test_a_damaged_database_is_told_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "board")
    store.folder.mkdir()
    (store.folder / "mlflow.db").write_bytes(b"this was a database once" * 100)
    for use in (lambda: put(store), lambda: rankings.read(store, DIGEST)):
        with pytest.raises(UserError, match=r"can't be used \(file is not a database\): bring back a copy"):
            use()


@pytest.mark.usefixtures("no_waiting")
def test_a_schema_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    put(Store(tmp_path / "new"))
    shutil.copytree(tmp_path / "new", tmp_path / "old")  # which MLflow hasn't opened yet
    store = Store(tmp_path / "old")
    change(store, "UPDATE alembic_version SET version_num = '181f10493468'")
    with pytest.raises(UserError, match=r"out-of-date.*copy it, then run mlflow db upgrade") as caught:
        rankings.read(store, DIGEST)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "board" if place == "below a file" else tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        put(store)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    "fault",
    [
        *(
            sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError(said))
            for said in (
                "unable to open database file",
                "attempt to write a readonly database",
                "file is not a database",
            )
        ),
        *(OSError(code, "") for code in (errno.EACCES, errno.EPERM, errno.EROFS)),
    ],
)
def test_what_cannot_get_better_is_not_tried_again(fault: Exception) -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise fault

    with pytest.raises(type(fault)):
        database.retrying(call)
    assert len(calls) == 1


def test_a_lock_that_stays_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "board")
    monkeypatch.setattr("time.sleep", lambda _: None)

    def call() -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))

    with pytest.raises(StoreBusyError, match=r"is busy \(database is locked\): try again later"):
        store.retry(call)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cret@127.0.0.1:1/x",
        "postgresql://me:s3cret:more@127.0.0.1:port/x",
        "postgresql://me:a/s3cret@127.0.0.1/x",
        "http://me:s3cret@127.0.0.1:1",
    ],
)
def test_no_error_holds_a_password(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(UserError) as caught:
        rankings.read(Store.at(address, tmp_path), DIGEST)
    assert "s3cret" not in str(caught.value) + caplog.text
    assert "me:***@" in str(caught.value)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM tags WHERE key = 'card.name' AND run_uuid = '{run}'",
        "UPDATE tags SET value = 'no base85 ~~~' WHERE key = 'replicates' AND run_uuid = '{run}'",
        "DELETE FROM latest_metrics WHERE key = 'primary' AND run_uuid = '{run}'",
        "UPDATE runs SET end_time = NULL WHERE run_uuid = '{run}'",
    ],
)
def test_a_damaged_run_is_skipped_and_told(tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path / "board")
    run = put(store, "harmed")
    put(store, "whole", (1, 2, 3, 0, 0, 0, 0, 0))
    change(store, harm.format(run=run))
    assert [e.name for e in rankings.read(store, DIGEST).entries] == ["whole"]
    assert f"run {run} is damaged" in caplog.text


def test_a_store_that_moved_keeps_its_artifacts(tmp_path: Path) -> None:
    put(Store(tmp_path / "old"), "before")
    (tmp_path / "old").rename(tmp_path / "new")
    store = Store(tmp_path / "new")
    (before,) = rankings.read(store, DIGEST).entries
    assert Boards(store, [(DIGEST, "accounts")]).card(before)["tables"]
    assert export.export(store, tmp_path / "board.jsonl.gz") == 1
    put(store, "after", (1, 2, 3, 0, 0, 0, 0, 0))
    assert not (tmp_path / "old").exists()
    folder = store.client().download_artifacts(before.run_id, "", str(tmp_path))  # as MLflow's own pages do
    assert (Path(folder) / "scorecard.json").is_file()
    assert len(list(store.artifacts.iterdir())) == 2


def test_an_export_that_lacks_a_scorecard_fails_and_leaves_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "board")
    run = put(store, "bare")
    (store.artifacts / run / "artifacts" / "scorecard.json").unlink()
    with pytest.raises(UserError, match=r"'bare' lacks its scorecard\.json"):
        export.export(store, tmp_path / "board.jsonl.gz")
    assert [f.name for f in tmp_path.iterdir()] == ["board"]


def test_one_harmed_entry_stops_neither_the_site_nor_the_export(tmp_path: Path, nano: Path) -> None:
    world = ServedDataset.at(nano)
    store = Store(tmp_path / "board")
    harmed, bare, _ = (
        mlflow_runs.record(store, scored(list(s), world.digest), entry(list(s), name), world.name)
        for name, s in (("harmed", SCORES), ("bare", SCORES[::-1]), ("whole", sorted(SCORES)))
    )
    change(store, f"DELETE FROM tags WHERE key = 'card.name' AND run_uuid = '{harmed}'")
    assert export.export(store, tmp_path / "board.jsonl.gz") == 2
    (store.artifacts / bare / "artifacts" / "scorecard.json").write_text("{")
    build.build(Settings(store, (world,)), tmp_path / "site")
    page = (tmp_path / "site" / "boards" / world.key / "accounts" / "index.html").read_text("utf-8")
    assert [name in page for name in ("whole", "bare", "harmed")] == [True, True, False]
    assert len(list((tmp_path / "site" / "entries").iterdir())) == 2


def test_paths_are_no_addresses(tmp_path: Path) -> None:
    store = Store(tmp_path / "a?b%20[c]#d")
    put(store)
    assert [e.name for e in rankings.read(store, DIGEST).entries] == ["mine"]
    assert [f.name for f in tmp_path.iterdir()] == ["a?b%20[c]#d"]
    assert {f.name for f in store.folder.iterdir()} >= {"mlflow.db", "artifacts"}


def test_told_at_once_means_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "board")
    store.folder.mkdir()
    (store.folder / "mlflow.db").write_bytes(b"x" * 5000)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    with pytest.raises(UserError):
        put(store)
    assert waits == []


@pytest.mark.parametrize(
    "where", ["s3://key:s3cret@bucket/x", "https://me:s3cret@127.0.0.1:1/x", "gopher://me:s3cret@h/x"]
)
def test_no_error_of_a_dataset_holds_a_password(where: str) -> None:
    with pytest.raises(UserError) as caught:
        siphonbench.load(where)
    assert "s3cret" not in str(caught.value)
