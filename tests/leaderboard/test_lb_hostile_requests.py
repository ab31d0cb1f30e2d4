"""Hostile requests to the server that strangers meet: each refused, none remembered, no label or token told."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import lb_site
import pytest
from lb_site import Served
from starlette.testclient import TestClient
from test_lb_page import Reader

import siphonbench
from leaderboard.intake import security, teams, upload
from leaderboard.site import app
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking.store import Store
from tests.served_process import free_port

pytestmark = pytest.mark.slow
PUT = "/api/v1/submissions/accounts"


@pytest.fixture(scope="module")
def server(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("hostile") / "board"
    with lb_site.served(nano, folder, team_hour=1000, address_minute=1000) as found:
        yield found
        assert found.process.poll() is None  # it has survived all of this
        log = found.log.read_text()
        assert "Traceback" not in log
        assert not [token for token in found.tokens.values() if token.partition("_")[2] in log]
        left = [f.name for f in found.store.waiting.glob("*.partial")] if found.store.waiting.exists() else []
        assert left == []


@pytest.fixture(scope="module")
def good(nano: Path) -> bytes:
    return lb_site.body(lb_site.predictions(lb_site.accounts(nano)))


def raw(server: Served, request: bytes, seconds: float = 20, pause: float = 0.0) -> bytes:
    """What the server answers to bytes."""
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            if pause:
                time.sleep(pause)
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        except TimeoutError:
            raise
        except OSError:  # it hung up on us
            return b""
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def problem(answer: httpx.Response, code: int) -> str:
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == code
    return str(answer.json()["detail"])


FORGED: dict[str, Callable[[str], str]] = {
    "none": lambda t: "",
    "no kind": lambda t: t,
    "basic": lambda t: f"Basic {t}",
    "empty": lambda t: "Bearer",
    "of another team": lambda t: "Bearer " + t.replace("sb1_", "sb2_"),
    "cut": lambda t: f"Bearer {t[:-1]}",
    "longer": lambda t: f"Bearer {t}A",
    "huge": lambda t: "Bearer " + "A" * 10_000,
    "an injection": lambda t: "Bearer sb1_' OR '1'='1",
    "two": lambda t: f"Bearer {t} {t}",
    "its hash": lambda t: "Bearer sb1_" + "0" * 64,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forged_tokens(server: Served, good: bytes, forge: Callable[[str], str]) -> None:
    answer = httpx.put(
        f"{server.address}{PUT}?name=x", content=good, headers={"authorization": forge(server.tokens["red"])}
    )
    assert "Authorization" in problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_in_the_address_is_none_and_is_not_logged(server: Served, good: bytes) -> None:
    token = server.tokens["red"]
    for where in (f"token={token}", f"authorization=Bearer%20{token}", f"name=x&authorization=Bearer+{token}"):
        assert httpx.put(f"{server.address}{PUT}?name=x&{where}", content=good).status_code == 401
    httpx.get(f"{server.address}/{token}")
    assert "[token]" in server.log.read_text()  # the fixture looks for the token itself


def test_a_revoked_token_is_replayed(server: Served, good: bytes) -> None:
    engine = server.store.engine()
    token = teams.add(engine, "gone")[1]
    assert server.put(good, token, name="before").status_code == 202
    teams.revoke(engine, "gone")
    problem(server.put(good, token, name="after"), 401)


def test_a_replayed_upload_is_the_same_submission(server: Served, good: bytes) -> None:
    answers = [server.put(good, server.tokens["red"], name="replayed") for _ in range(3)]
    assert [a.status_code for a in answers] == [202, 200, 200]
    assert len({a.json()["id"] for a in answers}) == 1


def test_nothing_is_read_before_the_token(server: Served) -> None:
    head = f"PUT {PUT}?name=x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n".encode()
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head)
        assert status(connection.recv(1 << 16)) == 401


CARDS: dict[str, tuple[dict[str, str], str]] = {
    "no name": ({"name": ""}, "name"),
    "blank name": ({"name": "   "}, "is empty"),
    "long name": ({"name": "x" * 201}, "201 characters"),
    "huge name": ({"name": "x" * 5000}, "at most 1000"),
    "line break": ({"name": "a\nb"}, "control or invisible"),
    "terminal": ({"name": "a\x1b[2Jb"}, "control or invisible"),
    "right to left": ({"name": "a\u202eb"}, "control or invisible"),
    "zero width": ({"name": "a\u200bb"}, "control or invisible"),
    "look-alike": ({"name": "volum\u0435"}, "Latin and Cyrillic"),
    "unknown group": ({"field_groups": "M+Q"}, "field_groups"),
    "truth": ({"field_groups": "T"}, "field_groups"),
    "script for code": ({"code_url": "javascript:alert(1)"}, "must start with https://"),
    "data for paper": ({"paper_url": "data:text/html,<script>alert(1)</script>"}, "must start with https://"),
    "script in capitals": ({"code_url": "JaVaScRiPt:alert(1)"}, "must start with https://"),
    "space before script": ({"code_url": " javascript:alert(1)"}, "must start with https://"),
    "file": ({"code_url": "file:///etc/passwd"}, "must start with https://"),
    "maybe": ({"external_data": "maybe"}, "external_data"),
    "another world": ({"world": "../../etc"}, "no such board"),
}


@pytest.mark.parametrize(("card", "said"), CARDS.values(), ids=CARDS)
def test_faulty_cards(server: Served, good: bytes, card: dict[str, str], said: str) -> None:
    answer = server.put(good, server.tokens["blue"], **card)
    assert said in problem(answer, 404 if "world" in card else 422)


def test_all_faults_of_a_card_at_once(server: Served, good: bytes) -> None:
    detail = problem(server.put(good, server.tokens["blue"], name=" ", code_url="x", field_groups="Z"), 422)
    assert all(part in detail for part in ("name: is empty", "code_url", "field_groups"))


BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "zip": (b"PK\x03\x04" + bytes(100), 415),
    "gzip": (b"\x1f\x8b\x08" + bytes(100), 415),
    "pickle": (b"\x80\x04\x95" + bytes(100), 415),
    "program": (b"\x7fELF" + bytes(100), 415),
    "page": (b"<!doctype html><script>alert(1)</script>", 415),
    "UTF-16": ("account_id,score\n".encode("utf-16"), 415),
    "too large": (b"account_id,score\n" + b"a,1\n" * 100_000, 413),
}


@pytest.mark.parametrize(("content", "code"), BODIES.values(), ids=BODIES)
def test_bodies_that_are_no_table(server: Served, content: bytes, code: int) -> None:
    problem(server.put(content, server.tokens["blue"]), code)


def authorized(server: Served, more: str, name: str = "x") -> bytes:
    head = f"PUT {PUT}?name={name} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.tokens['blue']}\r\n"
    return f"{head}{more}\r\n".encode()


def chunked(*parts: bytes) -> bytes:
    return b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in parts)


RAW: dict[str, tuple[Callable[[Served], bytes], set[int]]] = {
    "a length beyond the cap": (lambda s: authorized(s, "content-length: 99999999999\r\n"), {413}),
    "chunks beyond the cap": (
        lambda s: authorized(s, "transfer-encoding: chunked\r\n") + chunked(*[b"a,1\n" * 4000] * 20),
        {413, 0},
    ),
    "a length below zero": (lambda s: authorized(s, "content-length: -5\r\n") + b"hello", {400}),
    "a length that is none": (lambda s: authorized(s, "content-length: ten\r\n") + b"hello", {400}),
    "two lengths": (lambda s: authorized(s, "content-length: 5\r\ncontent-length: 7\r\n") + b"hello", {400}),
    "smuggling": (
        lambda s: (
            authorized(s, "content-length: 5\r\ntransfer-encoding: chunked\r\n") + b"0\r\n\r\nGET / HTTP/1.1\r\n"
        ),
        {400},
    ),
    "an odd encoding": (lambda s: authorized(s, "transfer-encoding: gzip\r\n") + b"hello", {400, 501}),
    "a broken chunk": (lambda s: authorized(s, "transfer-encoding: chunked\r\n") + b"zz\r\nhello", {400, 0}),
    "a body cut off": (lambda s: authorized(s, "content-length: 5000\r\n") + b"account_id,score\na,1\n", {400, 0}),
    "a chunked body cut off": (
        lambda s: authorized(s, "transfer-encoding: chunked\r\n") + chunked(b"account_id,score\n"),
        {400, 0},
    ),
    "a header too large": (lambda s: authorized(s, f"x-large: {'a' * 100_000}\r\n"), {400, 431, 0}),
    "too many headers": (lambda s: authorized(s, "x-many: a\r\n" * 20_000), {400, 431, 0}),
    "an address too long": (
        lambda s: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        {400, 404, 414, 0},
    ),
    "no HTTP": (lambda s: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), {400}),
    "an old version": (lambda s: b"GET / HTTP/0.9\r\n\r\n", {200, 400, 505, 0}),
    "no host": (lambda s: b"GET / HTTP/1.1\r\n\r\n", {400}),
    "a zero in the address": (lambda s: b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n", {400}),
    "a line break in a header": (lambda s: b"GET / HTTP/1.1\r\nhost: x\r\nx: a\r\n evil: b\x00\r\n\r\n", {400}),
    "TRACE": (lambda s: b"TRACE / HTTP/1.1\r\nhost: x\r\nauthorization: secret\r\n\r\n", {405}),
    "CONNECT": (lambda s: b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", {400, 404, 405}),
    "another site's address": (lambda s: b"GET http://example.org/ HTTP/1.1\r\nhost: x\r\n\r\n", {200, 400, 404}),
    "a websocket": (
        lambda s: b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        {200, 400, 403, 404},
    ),
}


@pytest.mark.parametrize(("make", "codes"), RAW.values(), ids=RAW)
def test_raw_requests(server: Served, make: Callable[[Served], bytes], codes: set[int]) -> None:
    answer = raw(server, make(server), pause=0.2)
    assert status(answer) in codes, answer[:300]
    assert b"secret" not in answer
    assert b"Traceback" not in answer


PATHS: dict[str, int] = {
    "/static/../app.py": 404,
    "/static/%2e%2e/app.py": 404,
    "/static/..%2f..%2fstore.py": 404,
    "/static/%2fetc/passwd": 404,
    "/static/....//....//app.py": 404,
    "/static/style.css%00.html": 404,
    "/static/": 404,
    "/entries/..%2f..%2fmlflow.db/": 404,
    "/entries/' OR 1=1 --/": 404,
    "/entries/%00/": 404,
    "/submissions/..%2f..%2f/": 404,
    "/submissions/%27%20OR%201=1/": 404,
    "/submissions/" + "a" * 100_000 + "/": 0,
    "/api/v1/entries/..%2f..%2f": 404,
    "/api/v1/submissions/..": 404,
    "/api/v1/boards/accounts?world=../../etc": 404,
    "/datasets/../../etc/passwd": 404,
    "/datasets/{{7*7}}/": 404,
    "/boards/x/../accounts/": 404,
    "/compare/?entry=1&entry=2&entry=3": 422,
    "/compare/?entry=../x&entry=y": 404,
    "/mlflow.db": 404,
    "/.git/config": 404,
    "/docs": 404,
    "/redoc": 404,
    "/openapi.json": 404,
}


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_nowhere(server: Served, path: str) -> None:
    answer = raw(
        server, f"GET {path.replace(' ', '%20')} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    )
    assert status(answer) in ({PATHS[path]} if PATHS[path] else {0, 400, 404, 414})
    assert b"root:x" not in answer
    assert b"49" not in answer.partition(b"<h1>")[2].partition(b"</main>")[0]
    assert b"leaderboard/site" not in answer


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=9999999999", "page=x", "sort=" + "a" * 500),
        *("groups=" + "&groups=".join("M" * 50), "groups=" + "M" * 500),
    ],
)
def test_queries_out_of_bounds(server: Served, query: str) -> None:
    world = httpx.get(f"{server.address}/api/v1/boards").json()[0]["world"]
    assert httpx.get(f"{server.address}/boards/{world}/accounts/?{query}").status_code == 422


@pytest.mark.parametrize("path", ["/", "/submit/", "/api/v1/boards", "/static/style.css", "/nowhere", PUT])
def test_head_answers_as_get_does(server: Served, path: str) -> None:
    get, head = httpx.get(server.address + path), httpx.head(server.address + path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-length", "content-type", "content-security-policy"):
        assert head.headers[name] == get.headers[name]


def test_a_refused_body_is_not_read_for_ever(server: Served) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"PUT {PUT}?name=x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n".encode())
        assert status(connection.recv(1 << 16)) == 401
        began = time.monotonic()
        with contextlib.suppress(OSError):  # reset or broken pipe, as the kernel likes
            while time.monotonic() - began < 15:
                connection.sendall(bytes(1000))
                time.sleep(0.05)
        assert time.monotonic() - began < 15


def test_slow_uploads_of_one_team_stop_no_other(server: Served, good: bytes) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    stalled = [socket.create_connection((host, int(port)), timeout=20) for _ in range(16)]
    for connection in stalled:
        connection.sendall(authorized(server, "content-length: 5000\r\n") + b"account_id,score\n")
    time.sleep(1)
    assert server.put(good, server.tokens["red"], name="while others dawdle").status_code == 202
    for connection in stalled:
        connection.close()


def test_a_stranger_page_can_not_read_or_frame(server: Served) -> None:
    answer = httpx.get(f"{server.address}/api/v1/boards", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-frame-options"] == "DENY"
    assert httpx.options(f"{server.address}{PUT}").status_code == 405


def test_the_host_a_client_names_is_text(server: Served) -> None:
    page = httpx.get(f"{server.address}/submit/", headers={"host": 'x"><script>alert(1)</script>'}).text
    assert lb_site.scripts(page) == []
    assert '"><script>alert' not in page


def test_slow_headers_are_hung_up_on(server: Served) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(1.0):
                try:
                    connection.sendall(b"x: y\r\n")
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        try:
            answer = connection.recv(1000)
        except ConnectionResetError:
            answer = b""
        ended.set()
    assert answer == b""
    assert 5 < time.monotonic() - began < 25


# In this process, where patience can be made short.
@pytest.fixture
def settings(nano: Path, tmp_path: Path) -> Settings:
    return Settings(
        Store(tmp_path / "board"), (ServedDataset.at(nano),), scoring=False, upload_seconds=1.0, idle_seconds=0.3
    )


def red(settings: Settings) -> dict[str, str]:
    return {"authorization": f"Bearer {teams.add(settings.store.engine(), 'red')[1]}"}


def drip(parts: int, wait: float) -> Iterator[bytes]:
    for i in range(parts):
        yield b"account_id,score\n" if i == 0 else b"a,1\n"
        time.sleep(wait)


@pytest.mark.parametrize(("parts", "wait"), [(3, 0.6), (40, 0.05)], ids=["a pause", "drop by drop"])
def test_slow_uploads(settings: Settings, nano: Path, parts: int, wait: float, tmp_path: Path) -> None:
    headers, port = red(settings), free_port()
    import asyncio

    import uvicorn

    running = uvicorn.Server(uvicorn.Config(app.guarded(settings), port=port, log_level="error", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    try:
        url = f"http://127.0.0.1:{port}{PUT}?name=x"
        answer = httpx.put(url, content=drip(parts, wait), headers=headers, timeout=30)
        assert "took more than 1 s, or paused" in problem(answer, 408)
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # it hung up while we were still sending
    running.should_exit = True
    thread.join()
    assert list((tmp_path / "board" / "submissions").iterdir()) == []


def test_a_team_may_send_so_many_an_hour(settings: Settings, good: bytes) -> None:
    settings = replace(settings, team_hour=2, upload_seconds=60, idle_seconds=30)
    headers = red(settings)
    with TestClient(app.guarded(settings)) as client:
        answers = [client.put(f"{PUT}?name=n{i}", content=good, headers=headers) for i in range(3)]
        assert [a.status_code for a in answers] == [202, 202, 429]
        assert 3500 < int(answers[2].headers["retry-after"]) <= 3600
        assert "Your team has sent 2 submissions in an hour" in answers[2].json()["detail"]


@pytest.mark.parametrize("head", [b"\xef\xbb\xbfaccount_id,score", b'"account_id","score"', b"account_id, score"])
def test_csv_as_people_write_it_is_taken(settings: Settings, good: bytes, head: bytes) -> None:
    content = good.replace(b"account_id,score", head, 1)
    with TestClient(app.guarded(settings)) as client:
        assert client.put(f"{PUT}?name=x", content=content, headers=red(settings)).status_code == 202


def test_an_address_may_try_so_often_a_minute(settings: Settings, good: bytes) -> None:
    settings = replace(settings, address_minute=5)
    headers = red(settings)
    with TestClient(app.guarded(settings)) as client:
        spoof = [{"authorization": "Bearer x", "x-forwarded-for": f"10.0.0.{i}"} for i in range(5)]
        assert [client.put(f"{PUT}?name=x", content=b"", headers=h).status_code for h in spoof] == [401] * 5
        late = client.put(f"{PUT}?name=x", content=good, headers=headers)
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 60


def test_a_locked_database_is_busy_and_no_fault(settings: Settings, good: bytes) -> None:
    headers = red(settings)
    with TestClient(app.guarded(settings)) as client, settings.store.engine().connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        for answer in (
            client.put(f"{PUT}?name=x", content=good, headers=headers),
            client.get(f"/api/v1/submissions/{'0' * 32}"),
        ):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
            assert "try again" in answer.json()["detail"]


def test_rates_forget_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = security.Rate(2, 10.0)
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    assert [rate.wait("a") for _ in range(3)] == [0.0, 0.0, 10.0]
    clock[0] = 10.1
    assert rate.wait("a") == 0.0
    for i in range(30_000):
        rate.wait(str(i))
    assert len(rate._times) <= 20_000


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("nonsense", None, True),
    ],
)
def test_what_counts_as_one_address(a: str, b: str | None, same: bool) -> None:
    assert (security.network(a) == security.network(b)) is same


def test_a_full_disk_is_told(settings: Settings, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = red(settings)
    settings = replace(settings, upload_seconds=60, idle_seconds=30)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with TestClient(app.guarded(settings)) as client:
        monkeypatch.setattr(upload, "_flush", full)
        answer = client.put(f"{PUT}?name=x", content=good, headers=headers)
    assert answer.status_code == 507
    assert list(settings.store.waiting.iterdir()) == []


MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\"'--><b>"
TEXTS = {
    "name": MARKUP,
    "contact": MARKUP,
    "code_url": f"https://example.org/{MARKUP}",
    "paper_url": f'https://example.org/"onmouseover="alert(1)\'{MARKUP}',
}


def test_script_in_every_text_field_stays_text(settings: Settings, nano: Path) -> None:
    settings = replace(settings, scoring=True, upload_seconds=60, idle_seconds=30)
    token = teams.add(settings.store.engine(), "<script>alert(2)</script>")[1]
    with TestClient(app.guarded(settings)) as client:
        jobs = []
        for i, name in enumerate((MARKUP, '=HYPERLINK("http://evil")', "+1+1", "-1", "@SUM(A1)", "＝1")):
            frame = lb_site.predictions(lb_site.accounts(nano), i)
            texts = TEXTS | {"name": name}
            headers = {"authorization": f"Bearer {token}"}
            sent = client.put(PUT, params=texts, content=lb_site.body(frame), headers=headers)
            jobs.append(sent.json())
        until = time.monotonic() + 120
        while time.monotonic() < until:
            states = [client.get(f"/api/v1/submissions/{j['id']}").json()["state"] for j in jobs]
            if set(states) == {"finished"}:
                break
            time.sleep(0.1)
        key = settings.worlds[0].key
        board: dict[str, Any] = client.get(f"/boards/{key}/accounts/board.json").json()
        ids = [e["id"] for e in board["entries"]]
        assert len(ids) == 6
        pages = ["/", f"/boards/{key}/accounts/", f"/compare/?entry={ids[0]}&entry={ids[1]}"]
        pages += [f"/boards/{key}/accounts/?text={MARKUP}&sort={MARKUP[:60]}", "/submit/"]
        pages += [f"/entries/{i}/" for i in ids] + [f"/submissions/{j['id']}/" for j in jobs]
        for page in pages:
            text = client.get(page).text
            read = Reader(text)
            assert read.open == []
            assert lb_site.scripts(text) == []
            assert not any(k.startswith("on") for _, attributes in read.tags for k in attributes)
            assert "img" not in {tag for tag, _ in read.tags}
            hrefs = [str(a["href"]) for tag, a in read.tags if tag == "a" and "href" in a]
            assert all(h.startswith(("/", "?", "#", "https://example.org/", "board.")) for h in hrefs), hrefs
        table = client.get(f"/boards/{key}/accounts/board.csv").text
        cells = [c for row in csv.reader(io.StringIO(table)) for c in row]
        assert not [c for c in cells if c[:1] in "=+-@＝" and c and not re.fullmatch(r"-?[0-9.e+-]+", c)]
        assert "-1" not in {row["name"] for row in csv.DictReader(io.StringIO(table))}
        assert MARKUP not in client.get(f"/api/v1/entries/{ids[0]}").json().get("contact", "")


def test_nothing_that_is_given_out_holds_a_label(server: Served, nano: Path, good: bytes) -> None:
    job = server.wait(server.put(good, server.tokens["red"], name="labels").json()["id"])
    assert job["state"] == "finished"
    truth = siphonbench.load(nano).reveal("test").labels.polars().collect()
    secrets = {
        str(v) for c in ("account_id", "cohort", "campaign") for v in truth[c].drop_nulls().unique().to_list()
    }
    home = httpx.get(server.address).text
    queue, seen = re.findall(r'href="(/[^"]*)"', home), {""}
    while queue:
        path = queue.pop()
        if path in seen or path.startswith("/compare"):
            continue
        seen.add(path)
        text = httpx.get(f"{server.address}{path}").text
        found = {s for s in secrets if len(s) > 6 and s in text}
        assert found == set(), path
        queue += re.findall(r'href="(/[^"#?]*)', text)
    assert len(seen) > 8
    assert not [s for s in secrets if len(s) > 6 and s in server.log.read_text()]
