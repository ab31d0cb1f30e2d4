"""The site in one process: from a sent file to a ranked entry, and every page of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lb_site
import pytest
from starlette.testclient import TestClient
from test_lb_page import Reader

import siphonbench
from generator import schema
from generator.errors import UserError
from leaderboard.intake import queue_records, teams
from leaderboard.site import app, build, comparison
from leaderboard.site.live_boards import Boards
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking.store import Store


@pytest.fixture(scope="module")
def place(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("site") / "board"
    return Settings(Store(folder), (ServedDataset.at(nano),), archetypes={"B1": "individual <developers>"})


@pytest.fixture(scope="module")
def client(place: Settings) -> Iterator[TestClient]:
    with TestClient(app.guarded(place)) as found:
        yield found


@pytest.fixture(scope="module")
def sent(client: TestClient, place: Settings, nano: Path) -> dict[str, dict[str, Any]]:
    """Three entries of two teams, scored."""
    ids = lb_site.accounts(nano)
    jobs = {}
    for name, team, groups in (("one", "red", "M"), ("two", "red", "M+L"), ("three", "blue", "-")):
        known = {t.name for t in teams.listed(place.store.engine())}
        token = teams.add(place.store.engine(), f"{team} {name}" if team in known else team)[1]
        frame = lb_site.predictions(ids, len(name))
        query = {"name": name, "field_groups": groups, "code_url": "https://example.org/x"}
        answer = client.put(
            "/api/v1/submissions/accounts",
            params=query,
            content=lb_site.body(frame),
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 202, answer.text
        jobs[name] = answer.json()
    until = time.monotonic() + 120
    while time.monotonic() < until:
        jobs = {n: client.get(f"/api/v1/submissions/{j['id']}").json() for n, j in jobs.items()}
        if all(j["state"] == "finished" for j in jobs.values()):
            return jobs
        time.sleep(0.1)
    raise AssertionError(jobs)


@pytest.fixture
def board(client: TestClient, sent: object, place: Settings) -> dict[str, Any]:
    return dict(client.get(f"/boards/{place.worlds[0].key}/accounts/board.json").json())


def test_what_was_sent_is_on_the_board(board: dict[str, Any], sent: dict[str, Any], client: TestClient) -> None:
    assert {e["name"] for e in board["entries"]} == {"one", "two", "three"}
    values = [e["metrics"]["primary"] for e in board["entries"]]
    assert values == sorted(values, reverse=True)
    assert board["entries"][0]["rank"] == 1
    assert board == client.get("/api/v1/boards/accounts").json()
    page = client.get(sent["one"]["page"]).text
    assert "See its scores" in page


def test_the_file_is_gone_once_it_is_scored(sent: object, place: Settings) -> None:
    assert list(place.store.waiting.iterdir()) == []


def test_every_page_is_sound(
    client: TestClient, board: dict[str, Any], sent: dict[str, Any], place: Settings
) -> None:
    a, b, c = (e["id"] for e in board["entries"])
    key = place.worlds[0].key
    pages = [
        "/",
        f"/boards/{key}/accounts/",
        f"/entries/{a}/",
        f"/compare/?entry={a}&entry={b}",
        "/submit/",
        "/api/",
        "/cite/",
    ]
    pages += [f"/datasets/{key}/", sent["one"]["page"], f"/entries/{c}/", "/nowhere"]
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == (404 if path == "/nowhere" else 200), path
        read = Reader(answer.text)
        assert read.open == []
        assert lb_site.scripts(answer.text) == []
        assert not any(k == "style" or k.startswith("on") for _, attributes in read.tags for k in attributes)
        ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        # No page reaches for another host: links may lead there, resources may not.
        used = [
            v for tag, attributes in read.tags if tag != "a" for k, v in attributes.items() if k in ("src", "href")
        ]
        assert all(str(v).startswith("/") for v in used), used


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=name&order=asc", ["one", "three", "two"]),
        ("sort=name&order=desc", ["two", "three", "one"]),
        ("groups=M&sort=name", ["one", "three"]),
        ("groups=M&groups=L&sort=name&order=asc", ["one", "three", "two"]),
        ("text=THRE", ["three"]),
        ("text=blue", ["three"]),
        ("mark=reproduced", []),
        ("sort=no such column&text=o&groups=M", ["one"]),
        ("page=99", []),
    ],
)
def test_sort_and_filter(client: TestClient, board: object, place: Settings, query: str, names: list[str]) -> None:
    page = client.get(f"/boards/{place.worlds[0].key}/accounts/?{query}").text
    rows = [row.split("</a>")[0].rpartition(">")[2] for row in page.split('<th scope="row">')[1:]]
    assert rows == names


def test_csv_has_what_json_has(client: TestClient, board: dict[str, Any], place: Settings) -> None:
    text = client.get(f"/boards/{place.worlds[0].key}/accounts/board.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["name"] for r in rows] == [e["name"] for e in board["entries"]]
    assert [float(r["primary"]) for r in rows] == [e["metrics"]["primary"] for e in board["entries"]]


def test_early_has_its_board_and_takes_no_file(client: TestClient, place: Settings, sent: object) -> None:
    key = place.worlds[0].key
    assert f"/boards/{key}/early/" in client.get("/").text
    assert client.get(f"/boards/{key}/early/").status_code == 200
    assert client.get("/api/v1/boards/early").json()["entries"] == []
    token = teams.add(place.store.engine(), "early birds")[1]
    head = {"authorization": f"Bearer {token}"}
    answer = client.put("/api/v1/submissions/early", params={"name": "x"}, content=b"x", headers=head)
    assert answer.status_code == 422
    assert "takes no file, its scores are asked day by day" in answer.json()["detail"]
    assert 'value="early"' not in client.get("/submit/").text


def test_every_page_of_a_public_world_says_what_it_proves(
    client: TestClient, board: dict[str, Any], place: Settings
) -> None:
    assert {e["mark"] for e in board["entries"]} == {"unverified"}
    key = place.worlds[0].key
    for path in (
        f"/boards/{key}/accounts/",
        f"/datasets/{key}/",
        "/submit/",
        f"/entries/{board['entries'][0]['id']}/",
    ):
        assert "can make the test labels of nano-seed7 again" in client.get(path).text, path


def test_an_unchanged_board_is_not_sent_again(client: TestClient, board: object, place: Settings) -> None:
    path = f"/boards/{place.worlds[0].key}/accounts/board.json"
    tag = client.get(path).headers["etag"]
    again = client.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_errors_are_problem_documents(client: TestClient) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1/boards/no", 404),
        ("GET", "/api/v1/boards/A0", 422),
        ("GET", "/api/v1/entries/zz", 404),
        ("GET", "/boards/x/accounts/board.json", 404),
        ("POST", "/api/v1/boards", 405),
        ("PUT", "/api/v1/submissions/accounts", 422),
        ("PUT", "/api/v1/submissions/accounts?name=x", 401),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "detail"}
        assert answer.json()["status"] == status


def test_openapi_describes_what_there_is(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/v1/boards",
        "/api/v1/boards/{task}",
        "/api/v1/entries/{entry}",
        "/api/v1/submissions/{task}",
        "/api/v1/submissions/{id}",
    }
    assert "PUT" in client.get("/api/").text


def test_a_refused_file_tells_all_its_faults(
    client: TestClient, place: Settings, nano: Path, tmp_path: Path
) -> None:
    ids = lb_site.accounts(nano)
    bad = lb_site.predictions([*ids[2:], "stranger", ids[5]])
    token = teams.add(place.store.engine(), "faulty")[1]
    headers = {"authorization": f"Bearer {token}"}
    answer = client.put("/api/v1/submissions/accounts?name=bad", content=lb_site.body(bad), headers=headers).json()
    until = time.monotonic() + 60
    while answer["state"] in (queue_records.QUEUED, queue_records.RUNNING) and time.monotonic() < until:
        time.sleep(0.1)
        answer = client.get(f"/api/v1/submissions/{answer['id']}").json()
    assert answer["state"] == "failed"
    for part in ("2 accounts missing", "1 accounts unknown, e.g. stranger", "1 accounts duplicate"):
        assert part in answer["error"]
    (tmp_path / "predictions.csv").write_bytes(lb_site.body(bad))
    with pytest.raises(UserError) as told:  # as the command line tells it
        siphonbench.evaluate(nano, tmp_path)
    assert str(told.value) == f"{tmp_path}: {answer['error']}"
    assert "2 accounts missing" in client.get(answer["page"]).text


def test_the_same_pages_as_files(place: Settings, board: dict[str, Any], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build.build(place, tmp_path / "public", lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1]
    assert json.loads(next((tmp_path / "public").rglob("accounts/board.json")).read_text()) == board
    pages = list((tmp_path / "public").rglob("*.html"))
    assert len(pages) == 4 + 1 + 5 + 3 + 6  # home, submit, cite, API; dataset; a board per task; entries; pairs
    for page in pages:
        text = page.read_text("utf-8")
        assert "<tbody></tbody>" not in text, page
        read = Reader(text)
        assert read.open == []
        for _, attributes in read.tags:
            for key in ("href", "src"):
                to = str(attributes.get(key, "#")).partition("?")[0]
                if not to.startswith(("#", "https://")):
                    assert (page.parent / to).resolve().is_file(), f"{page}: {to}"
    build.build(place, tmp_path / "public")  # one built before is replaced
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(Exception, match="holds something else than a site"):
        build.build(place, tmp_path / "other")


def test_a_dataset_is_handed_out_but_for_the_truth_that_is_scored(client: TestClient, place: Settings) -> None:
    world = place.worlds[0]
    lines = client.get(f"/datasets/{world.key}/files.txt").text.split()
    names = [line.partition("/files/")[2] for line in lines]
    assert names == [*world.downloads]
    everything = {path for told in world.manifest["splits"].values() for path in told["files"]}
    kept = everything - set(names)
    assert {path.split("/")[1].partition(".")[0] for path in kept} == set(schema.TRUTH)
    assert {path.split("/")[0] for path in kept} == {"test"}
    accounts = client.get(f"/datasets/{world.key}/files/test/accounts.parquet")
    assert (
        hashlib.sha256(accounts.content).hexdigest()
        == (world.manifest["splits"]["test"]["files"]["test/accounts.parquet"]["sha256"])
    )
    for path in (*sorted(kept)[:3], "manifest.json", "../manifest.json", "test/../test/account_labels.parquet"):
        assert client.get(f"/datasets/{world.key}/files/{path}").status_code == 404, path


def test_only_what_is_decided_has_a_colour(board: dict[str, Any], client: TestClient, place: Settings) -> None:
    view = Boards(place.store, [(place.worlds[0].digest, "accounts")]).refresh(place.worlds[0].digest, "accounts")
    a, b = view.entries[:2]
    compared = comparison.rows(view, a, b)
    assert compared[0].column.number == "primary"
    by_chance = [row for row in compared if row.ahead]  # random scores: of 95 % intervals some leave out 0
    assert len(by_chance) <= len(compared) / 10
    assert compared[0].ahead == 0
    page = client.get(f"/compare/?entry={a.id}&entry={b.id}").text
    assert page.count('class="n better"') == len(by_chance)
    assert "to tell one of 0.05 takes" in page
    decided = {"overt/ap": 0.9, "overt/ap_low": 0.8, "overt/ap_high": 0.95}
    better = replace(a, numbers=a.numbers | decided)
    worse = replace(b, numbers=b.numbers | {"overt/ap": 0.1, "overt/ap_low": 0.0, "overt/ap_high": 0.2})
    assert {r.column.number: r.ahead for r in comparison.rows(view, better, worse)}["overt/ap"] == 1
    assert {r.column.number: r.ahead for r in comparison.rows(view, worse, better)}["overt/ap"] == -1
