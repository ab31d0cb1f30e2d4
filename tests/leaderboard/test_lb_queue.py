"""The queue: nothing lost, nothing twice, whoever dies."""

from __future__ import annotations

import multiprocessing
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from leaderboard.intake import queue, teams
from leaderboard.intake.queue import Queue
from leaderboard.intake.refusals import TooManyError
from leaderboard.records.card import Card
from leaderboard.tracking.store import Store

FILE = "ab" * 32


@pytest.fixture
def waiting(store: Store) -> Queue:
    teams.add(store.engine(), "us")
    return Queue(store.engine(), store.waiting)


def put(waiting: Queue, name: str = "mine", file: str = FILE) -> str:
    return send(waiting, name, file)[0]


def send(
    waiting: Queue, name: str = "mine", file: str = FILE, team: int = 1, hourly: int = 1000
) -> tuple[str, bool]:
    waiting.folder.mkdir(parents=True, exist_ok=True)
    source = waiting.folder / f"{uuid.uuid4()}.partial"
    source.write_text("account_id,score\n")
    return waiting.put(team, "cd" * 32, "accounts", Card(name), file, ".csv", 17, source, hourly)


def test_first_come_first_served(waiting: Queue) -> None:
    one, other = put(waiting, "one"), put(waiting, "other")
    assert re.fullmatch("[0-9a-f]{32}", one)
    second = waiting.get(other)
    assert second is not None
    assert (second.state, second.ahead, second.team, second.card.name) == ("queued", 1, "us", "other")
    job = waiting.claim()
    assert job is not None
    assert (job.id, job.state, job.tries) == (one, "running", 1)
    waiting.progress(one, "half")
    waiting.finish(one, "run")
    waiting.fail(other, "it does not run yet")  # ignored: only who runs it may speak for it
    assert [(j.state, j.entry) for j in waiting.listed()] == [("finished", "run"), ("queued", None)]
    assert waiting.claim() is not None
    waiting.fail(other, "bad")
    assert waiting.claim() is None
    assert [j.error for j in waiting.listed("failed")] == ["bad"]
    assert waiting.get("0" * 32) is None


def test_the_same_submission_is_queued_once(waiting: Queue) -> None:
    id_, new = send(waiting)
    assert new
    assert send(waiting) == (id_, False)
    assert put(waiting, "another") != id_
    assert put(waiting, file="cd" * 32) != id_
    assert len(waiting.listed()) == len(list(waiting.folder.iterdir())) == 3
    assert waiting.path(id_, ".csv").is_file()


def test_what_failed_may_be_sent_again(waiting: Queue) -> None:
    id_ = put(waiting)
    waiting.claim()
    waiting.fail(id_, "disk full")
    assert put(waiting) == id_
    job = waiting.claim()
    assert job is not None
    assert (job.id, job.error, job.tries) == (id_, None, 1)


def test_each_team_has_a_turn(waiting: Queue) -> None:
    other = teams.add(waiting.engine, "they")[0].id
    many = [put(waiting, f"name {i}") for i in range(4)]
    late = [send(waiting, f"late {i}", team=other)[0] for i in range(2)]
    ahead = {id_: job.ahead for id_ in (*many, *late) if (job := waiting.get(id_))}
    order = []
    while job := waiting.claim():
        order.append(job.id)
        waiting.finish(job.id, "run")
    assert order == [many[0], late[0], many[1], late[1], many[2], many[3]]
    assert [ahead[id_] for id_ in order] == list(range(6))


def test_many_at_one_moment_never_exceed_the_hour(waiting: Queue) -> None:
    def attempt(i: int) -> bool:
        try:
            return send(waiting, f"name {i}", hourly=5)[1]
        except TooManyError:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(16))) == 5
    with pytest.raises(TooManyError, match="Your team has sent 5 submissions in an hour"):
        waiting.check(1, 5)
    assert len(waiting.listed()) == len(list(waiting.folder.iterdir())) == 5


def test_what_fails_again_and_again_is_not_scored_for_ever(waiting: Queue) -> None:
    for _ in range(3):
        id_, new = send(waiting)
        assert new
        assert waiting.claim() is not None
        waiting.path(id_, ".csv").unlink()
        waiting.fail(id_, "damaged")
    with pytest.raises(TooManyError, match="has failed 3 times in an hour"):
        send(waiting)
    assert waiting.claim() is None
    assert list(waiting.folder.iterdir()) == []
    assert send(waiting, "another")[1]


def test_a_file_that_was_scored_is_not_kept_again(waiting: Queue) -> None:
    id_ = put(waiting)
    waiting.claim()
    waiting.path(id_, ".csv").unlink()
    waiting.finish(id_, "run")
    assert send(waiting) == (id_, False)
    assert list(waiting.folder.iterdir()) == []


def test_a_dead_worker_loses_nothing(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = put(waiting)
    for expected in (1, 2, 3):
        monkeypatch.setattr(queue, "WORKER", f"host:{expected}")
        job = waiting.claim()
        assert job is not None
        assert (job.id, job.tries) == (id_, expected)
        monkeypatch.setattr(queue, "LEASE_SECONDS", 15.0)
        assert waiting.claim() is None  # it may still be alive
        monkeypatch.setattr(queue, "LEASE_SECONDS", -1.0)
    assert waiting.claim() is None
    (job,) = waiting.listed("failed")
    assert "ended the scorer 3 times" in str(job.error)


def test_a_worker_thought_dead_undoes_nothing(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = put(waiting)
    waiting.claim()
    with monkeypatch.context() as heir:
        heir.setattr(queue, "LEASE_SECONDS", -1.0)
        heir.setattr(queue, "WORKER", "heir:1")
        assert waiting.claim() is not None
        waiting.finish(id_, "run")
    waiting.fail(id_, "too late")
    assert [j.state for j in waiting.listed()] == ["finished"]


def test_an_orderly_end_gives_back(waiting: Queue) -> None:
    put(waiting)
    waiting.claim()
    assert waiting.give_back() == 1
    assert [(j.state, j.tries) for j in waiting.listed()] == [("queued", 0)]


@pytest.mark.parametrize("file", ["../../etc/passwd", "", "AB" * 16, "a" * 31 + "/"])
def test_only_ids_become_paths(waiting: Queue, file: str) -> None:
    with pytest.raises(ValueError, match="is no id and suffix"):
        waiting.path(file, ".csv")
    with pytest.raises(ValueError, match="is no id and suffix"):
        waiting.path("a" * 32, ".csv/../../x")


def _drain(store: Store, n: int) -> None:
    waiting = Queue(store.engine(), store.waiting)
    for i in range(n):
        put(waiting, f"name {i}")  # every process sends the same ones
    while job := waiting.claim():
        waiting.finish(job.id, queue.WORKER)


@pytest.mark.slow
def test_processes_share_a_queue(waiting: Queue, store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_drain, args=(store, 20)) for _ in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert [(j.state, j.tries) for j in waiting.listed()] == [("finished", 1)] * 20
