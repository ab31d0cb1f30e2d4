"""A served class stands what a served board stands: hostile files, slow clients, wrong tokens, signals."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from generator.errors import UserError
from leaderboard.intake.scorer import Limits
from leaderboard.seasons import routes
from leaderboard.seasons.attempt_scoring import AttemptWorker
from leaderboard.seasons.routes import ServerLimits
from leaderboard.seasons.submissions import SeasonService
from siphonbench.workflows.seasons import class_changes, class_folder, classroom
from tests import served_class
from tests.served_class import BASE, ServedClass, call, roster, scores
from tests.served_process import free_port


@pytest.fixture
def room(here: Path) -> Path:
    return served_class.new_class(here, ["ada", "bob"], "--attempts", 50, "--total", 100)


@pytest.fixture
def server(room: Path) -> Iterator[ServedClass]:
    with served_class.served(room, free_port()) as running:
        yield running


def client(folder: Path, **limits: int) -> tuple[TestClient, SeasonService]:
    """A client of a class in this process, without the thread that scores."""
    opened = class_folder.opened(folder)
    service = classroom.service(opened)
    served = class_changes.ServedClass(folder, service)
    app = routes.application(
        classroom.season(opened), service, served.find, limits=ServerLimits(**limits), refresh=served.refresh
    )
    return TestClient(app), service


def token(folder: Path, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {(folder / 'hand-out' / name / 'token.txt').read_text().strip()}"}


PUT = f"{BASE}/tasks/accounts"


@pytest.mark.slow
def test_it_guards_itself_and_ends_when_it_is_told(server: ServedClass) -> None:
    got = server.put("ada", scores(server.folder, "ada"))
    assert got.status_code == 202, got.text
    assert 0 < server.score("ada", got.json()["id"]) < 1
    shown = server.get("")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    head = httpx.head(server.address + BASE)
    assert (head.status_code, head.content, head.headers["content-length"]) == (
        200,
        b"",
        shown.headers["content-length"],
    )
    missing = server.get("/attempts/none", "ada")
    assert (missing.status_code, missing.headers["content-type"]) == (422, "application/problem+json")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=30)
    assert time.monotonic() - began < 20
    assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_stalled_uploads_of_one_student_stop_nobody(server: ServedClass) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    stalled = []
    for _ in range(16):
        connection = socket.create_connection((host, int(port)), timeout=30)
        lines = [f"PUT {PUT} HTTP/1.1", "host: x", f"authorization: {server.headers('ada')['authorization']}"]
        connection.sendall("\r\n".join([*lines, "content-length: 50000", "", "account_id,score"]).encode())
        stalled.append(connection)
    time.sleep(1)
    assert server.put("bob", scores(server.folder, "bob"), 30).status_code == 202
    for connection in stalled:
        connection.close()


@pytest.mark.slow
def test_a_body_without_a_token_is_not_read_for_ever(server: ServedClass) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"PUT {PUT} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n".encode())
        assert b" 401 " in connection.recv(1 << 16)
        began = time.monotonic()
        with contextlib.suppress(OSError):  # reset or broken pipe, as the kernel likes
            while time.monotonic() - began < 20:
                connection.sendall(bytes(1000))
                time.sleep(0.05)
        assert time.monotonic() - began < 20


def test_wrong_tokens_are_slowed_down(room: Path) -> None:
    http, _ = client(room, address_minute=5)
    wrong = {"authorization": "Bearer x"}
    codes = [http.get(f"{BASE}/attempts/x", headers=wrong).status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    assert 1 <= int(http.get(f"{BASE}/attempts/x", headers=wrong).headers["retry-after"]) <= 60


def test_files_per_hour_are_counted_sound_or_not(room: Path) -> None:
    http, _ = client(room, team_hour=3)
    answers = [http.put(PUT, content=b"account_id,score\nx,1\n", headers=token(room, "ada")) for _ in range(4)]
    assert [a.status_code for a in answers] == [422, 422, 422, 429]
    assert "3 files in an hour" in answers[-1].json()["detail"]
    assert http.put(PUT, content=b"account_id,score\nx,1\n", headers=token(room, "bob")).status_code == 422


def test_a_file_is_read_in_the_limited_process_alone(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    http, service = client(room)
    service.scoring.limits = Limits(seconds=0.001)
    got = http.put(PUT, content=scores(room, "ada"), headers=token(room, "ada"))
    assert got.status_code == 202
    assert service.score_waiting() == 1  # the time is over: a fault, told to nobody
    said = http.get(f"{BASE}/attempts/{got.json()['id']}", headers=token(room, "ada")).json()
    assert (said["score"], "ask the organiser" in said["said"]) == (None, True)

    def refuse(*_: object) -> None:
        raise AssertionError("the server itself has opened a stranger's file")

    monkeypatch.setattr("leaderboard.records.submission.read", refuse)
    assert http.put(PUT, content=scores(room, "bob"), headers=token(room, "bob")).status_code == 202


def test_what_kills_the_process_is_tried_a_few_times_only(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    http, service = client(room)
    got = http.put(PUT, content=scores(room, "ada"), headers=token(room, "ada"))
    orders: list[str] = []

    def dies(order: dict[str, str], *_: object) -> dict[str, str]:
        orders.append(order["order"])
        return {"died": "killed"}

    monkeypatch.setattr(service.scoring._scorer, "score", dies)
    assert service.score_waiting() == 1
    assert orders == ["score"] * 3
    said = http.get(f"{BASE}/attempts/{got.json()['id']}", headers=token(room, "ada")).json()["said"]
    assert "ask the organiser" in said


def test_an_error_of_the_database_does_not_end_scoring(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    http, service = client(room)
    got = http.put(PUT, content=scores(room, "ada"), headers=token(room, "ada"))
    upcoming, faults = service.scoring._next, [RuntimeError("database disk image is malformed")]

    def faulty() -> object:
        if faults:
            raise faults.pop()
        return upcoming()

    monkeypatch.setattr(service.scoring, "_next", faulty)
    worker = AttemptWorker(service.scoring)
    worker.start()
    until = time.monotonic() + 60
    while service.answer("ada", got.json()["id"]).score is None and time.monotonic() < until:
        time.sleep(0.1)
    assert service.answer("ada", got.json()["id"]).score is not None
    worker.stop()
    assert not worker.is_alive()


def test_a_locked_database_is_busy_and_no_fault(room: Path) -> None:
    http, service = client(room)
    http.put(PUT, content=scores(room, "ada"), headers=token(room, "ada"))
    with service.engine.connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        locked = http.get(f"{BASE}/attempts/x", headers=token(room, "ada"))
    assert locked.status_code == 503
    assert int(locked.headers["retry-after"]) >= 1
    assert "try again" in locked.json()["detail"]


def test_each_student_has_a_turn(room: Path) -> None:
    http, service = client(room)
    for seed in range(3):
        assert http.put(PUT, content=scores(room, "ada", seed), headers=token(room, "ada")).status_code == 202
    http.put(PUT, content=scores(room, "bob"), headers=token(room, "bob"))
    order: list[str] = []
    outcome = service.scoring._outcome

    def noted(attempt: object) -> object:
        order.append(attempt.team)  # type: ignore[attr-defined]
        return outcome(attempt)  # type: ignore[arg-type]

    service.scoring._outcome = noted  # type: ignore[method-assign, assignment]
    assert service.score_waiting() == 4
    assert order == ["ada", "bob", "ada", "ada"]


def test_who_is_enrolled_while_it_is_served_gets_in_and_who_is_revoked_does_not(room: Path) -> None:
    http, _ = client(room)
    call("roster", room, roster(room.parent / "more.csv", ["eve"]))
    assert http.put(PUT, content=b"x,y\n", headers=token(room, "eve")).status_code == 422
    old = token(room, "ada")
    call("revoke", room, "ada")
    assert http.put(PUT, content=b"x,y\n", headers=old).status_code == 401
    call("revoke", room, "ada", "--new")
    assert http.put(PUT, content=b"x,y\n", headers=old).status_code == 401
    assert http.put(PUT, content=b"x,y\n", headers=token(room, "ada")).status_code == 422


def test_a_deadline_moves_on_while_it_is_served(room: Path) -> None:
    http, service = client(room)
    assert "2999-12-31" in call("extend", room, "2999-12-31")
    assert http.get(BASE).json()["rules"]["closes"] == "2999-12-31T23:59:59+00:00"
    assert service.rules.closes.month == 12
    with pytest.raises(AssertionError, match="only moves on"):
        call("extend", room, "2999-01-01")


def test_one_student_may_be_late_and_nobody_else(room: Path) -> None:
    http, service = client(room)
    assert "for ada" in call("extend", room, "2999-02-14", "--student", "ada")
    http.get(BASE)  # which looks at the folder
    late, too_late = (datetime(2999, 2, day, tzinfo=UTC).timestamp() for day in (3, 15))
    service.check("ada", "accounts", late)
    for name, when in (("bob", late), ("ada", too_late)):
        with pytest.raises(UserError, match="nothing is taken any more"):
            service.check(name, "accounts", when)
    with pytest.raises(AssertionError, match="only moves on"):
        call("extend", room, "2999-02-10", "--student", "ada")
    with pytest.raises(AssertionError, match="no student 'joe'"):
        call("extend", room, "2999-03-01", "--student", "joe")


def test_two_rosters_at_once_lose_nobody(room: Path) -> None:
    files = [roster(room.parent / f"{name}.csv", [name]) for name in ("eve", "joe", "kim")]
    opened = class_folder.opened(room)  # all of them begin with the same class
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda file: classroom.enrol(opened, file, lambda *_: None), files))
    now = class_folder.opened(room)
    assert {s.nickname for s in now.students} == {"ada", "bob", "eve", "joe", "kim"}
    assert set(now.tokens or {}) == {"ada", "bob", "eve", "joe", "kim"}


def test_changes_of_unlike_kinds_at_once_all_hold(room: Path) -> None:
    opened, file = class_folder.opened(room), roster(room.parent / "more.csv", ["eve"])
    changes = (
        lambda: classroom.enrol(opened, file, lambda *_: None),
        lambda: class_changes.extend(room, "2999-12-31"),
        lambda: class_changes.revoke(room, "ada"),
    )
    with ThreadPoolExecutor(len(changes)) as pool:
        for change in [pool.submit(change) for change in changes]:
            change.result()
    now = class_folder.opened(room)
    assert {s.nickname for s in now.students} == {"ada", "bob", "eve"}
    assert now.rules.closes.month == 12
    assert set(now.tokens or {}) == {"bob", "eve"}


def test_parameters_have_a_length(room: Path) -> None:
    http, _ = client(room)
    for path in (f"/standings/{'a' * 500}", f"/attempts/{'a' * 500}", f"/days/1/{'a' * 500}"):
        assert http.get(BASE + path, headers=token(room, "ada")).status_code == 422


@pytest.mark.slow
def test_a_power_cut_loses_no_attempt(room: Path) -> None:
    port, taken = free_port(), []
    bodies = [scores(room, "ada", seed) for seed in range(8)]
    with served_class.served(room, port) as first:
        taken = [first.put("ada", body).json()["id"] for body in bodies[:4]]
        late = threading.Thread(target=_quietly, args=(first, bodies[4:]))
        late.start()
        while late.is_alive() and len(list((room / "uploads").iterdir())) < 1:
            time.sleep(0.01)
        first.kill()
        late.join()
    with served_class.served(room, port) as second:
        assert all(0 < second.score("ada", id_) < 1 for id_ in taken)
        assert second.put("bob", scores(room, "bob")).status_code == 202
        rows = second.get("/standings/accounts").json()  # bob may stand first by now
        assert next(row for row in rows if row["team"] == "ada")["attempts"] >= 4
        until = time.monotonic() + 60  # what has just come in may still be on its way
        while any((room / "uploads").iterdir()) and time.monotonic() < until:
            time.sleep(0.2)
    assert list((room / "uploads").iterdir()) == []


def _quietly(server: ServedClass, bodies: list[bytes]) -> None:
    for body in bodies:
        with contextlib.suppress(httpx.TransportError):
            server.put("ada", body)
