"""Seasons over HTTP and day by day: what a stranger sees of them, and what nobody does."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import uvicorn
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import siphonbench
from generator import dataset, schema
from generator.errors import UserError
from generator.rng import keyed_streams
from leaderboard.intake import teams
from leaderboard.seasons import client, routes
from leaderboard.seasons.daily_replay import DAILY_TABLES, DailyReplay
from leaderboard.seasons.submissions import SeasonService
from leaderboard.tasks import parts
from siphonbench.cli.main import app
from siphonbench.workflows.seasons import sealing, season_play
from tests.test_door_season import SCENARIO, call, guess, refused

BASE = "/api/v1/season"


class Place:
    """A sealed season, its desk and a client of its server."""

    def __init__(self, root: Path, task: str) -> None:
        self.root, self.folder, self.secret = root, root / "spring", root / "spring.secret"
        (root / "little.toml").write_text(SCENARIO)
        done = CliRunner().invoke(
            app,
            [
                *("season", "seal", "spring", "--scenario", str(root / "little.toml"), "--closes", "2999-12-31"),
                *("--every", "0", "--out", str(self.folder), "--secret", str(self.secret), "--workers", "1"),
                *("--task", task),
            ],
        )
        assert done.exit_code == 0, done.output
        self.season, sealed = sealing.opened(self.folder, self.secret)
        self.desk: SeasonService = sealing.service(self.season, sealed, self.secret)
        self.app = routes.application(self.season, self.desk, season_play.find_team(self.desk))
        self.http = TestClient(self.app)
        self.truth = dataset.load(sealing.private(self.secret) / "world").reveal("test")
        self.key = sealed.config.secret

    def team(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {teams.add(self.desk.engine, name)[1]}"}


@pytest.fixture
def accounts(tmp_path: Path) -> Place:
    return Place(tmp_path, "accounts")


@pytest.fixture
def early(tmp_path: Path) -> Place:
    return Place(tmp_path, "early")


def _scores(known: pl.DataFrame, seed: int = 0) -> bytes:
    out = io.BytesIO()
    ids = known.select(pl.col("account_id").cast(pl.String))
    ids.with_columns(score=pl.Series(np.random.default_rng(seed).random(len(ids)))).write_parquet(out)
    return out.getvalue()


def _known(split: Any, day: int) -> pl.DataFrame:
    found = split.as_of(day).accounts.polars().collect()
    assert isinstance(found, pl.DataFrame)
    return found


def test_a_token_is_needed_and_an_answer_comes_when_it_is_due(accounts: Place, tmp_path: Path) -> None:
    file = guess(accounts.folder, tmp_path / "p.parquet").read_bytes()
    for headers in ({}, {"authorization": "Bearer sb1_" + "x" * 43}, {"authorization": "Basic x"}):
        assert accounts.http.put(f"{BASE}/tasks/accounts", content=file, headers=headers).status_code == 401
    who = accounts.team("A")
    got = accounts.http.put(f"{BASE}/tasks/accounts", content=file, headers=who)
    assert got.status_code == 202
    there = f"{BASE}/attempts/{got.json()['id']}"
    assert accounts.http.get(there, headers=who).json()["score"] is None
    accounts.desk.score_waiting()
    assert 0 < accounts.http.get(there, headers=who).json()["score"] < 1
    assert accounts.http.get(there, headers=accounts.team("B")).status_code == 422
    assert accounts.http.get(f"{BASE}/standings/accounts").json()[0]["team"] == "A"


def test_a_revoked_token_opens_nothing(accounts: Place) -> None:
    who, url = accounts.team("A"), f"{BASE}/attempts/x"
    assert accounts.http.get(url, headers=who).status_code == 422
    call("revoke", accounts.folder, "A", "--secret", accounts.secret)  # while it is served
    assert accounts.http.get(url, headers=who).status_code == 401


def test_no_answer_before_its_moment_even_if_it_is_known(accounts: Place, tmp_path: Path) -> None:
    accounts.desk.rules = type(accounts.desk.rules)(**vars(accounts.desk.rules) | {"every": 3600})
    file = guess(accounts.folder, tmp_path / "p.parquet")
    when = 4e9
    receipt = accounts.desk.submit("A", "accounts", file, when)
    accounts.desk.score_waiting()
    due = receipt.due.timestamp()
    assert due % 3600 == 0
    assert when < due <= when + 3600
    assert accounts.desk.answer("A", receipt.id, due - 0.001).score is None
    assert accounts.desk.standings("accounts", due - 0.001) == []
    score = accounts.desk.answer("A", receipt.id, due).score
    assert score is not None
    assert score == round(score, 3)


def test_attempts_at_one_moment_never_exceed_the_limit(accounts: Place, tmp_path: Path) -> None:
    file = guess(accounts.folder, tmp_path / "p.parquet")
    outcomes: list[str] = []

    def hand_in() -> None:
        try:
            outcomes.append(accounts.desk.submit("A", "accounts", file).id)
        except Exception as error:
            outcomes.append(f"refused: {error}")

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not o.startswith("refused") for o in outcomes) == 3
    assert all("attempts" in o for o in outcomes if o.startswith("refused"))


def test_a_day_comes_only_for_the_scores_of_the_day_before(early: Place) -> None:
    who = early.team("A")
    assert early.http.get(f"{BASE}/day", headers=who).json() == {"day": 0}
    for day in (1, 2, -1, 99):
        assert early.http.get(f"{BASE}/days/{day}/requests", headers=who).status_code == 422
        assert (
            "not taken" in early.http.put(f"{BASE}/days/{day}/scores", content=b"x", headers=who).json()["detail"]
        )
    first = _scores(_known(early.truth, 0))
    broken = early.http.put(f"{BASE}/days/0/scores", content=first[:-9], headers=who)
    assert broken.status_code == 422
    assert "/tmp" not in broken.text
    assert early.http.put(f"{BASE}/days/0/scores", content=first, headers=who).json() == {"day": 1}
    assert "revised" in early.http.put(f"{BASE}/days/0/scores", content=first, headers=who).json()["detail"]
    assert early.http.get(f"{BASE}/days/1/requests", headers=who).status_code == 200
    assert early.http.get(f"{BASE}/days/2/requests", headers=who).status_code == 422
    # Nothing of the walk of one team is another's.
    assert early.http.get(f"{BASE}/days/1/requests", headers=early.team("B")).status_code == 422


def test_what_is_handed_out_is_what_was_known_then(early: Place, tmp_path: Path) -> None:
    past = client.Past(early.season, tmp_path)
    walk = DailyReplay(early.desk, "A")
    for day in range(early.season.days):
        past.add(day, {name: walk.table(day, name) for name in (*DAILY_TABLES, *["releases"][day:])})
        mine, known = past.split(), early.truth.as_of(day)
        assert (mine.days, mine.start, mine.masked) == (known.days, known.start, True)
        for name in schema.PUBLIC:
            key = schema.TABLES[name][0].name
            got, wanted = (
                s.tables[name].polars().with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String)).collect()
                for s in (mine, known)
            )
            assert got.sort(key).equals(wanted.sort(key)), name
        file = tmp_path / "said"
        file.with_suffix(".parquet").write_bytes(_scores(_known(early.truth, day)))
        walk.hand_in(day, file.with_suffix(".parquet"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_is_not_carried_to_another_host(status: int) -> None:
    seen: list[str] = []

    class Redirects(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(status)
            self.send_header("location", f"http://localhost:{running.server_port}/elsewhere\x1b[2J")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Redirects) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        with pytest.raises(UserError, match="the token is not carried there") as error:
            client.Http(f"http://127.0.0.1:{running.server_port}", "secret").day()
        running.shutdown()
        thread.join()
    assert seen == [f"{BASE}/day"]
    assert str(error.value).isprintable()


@pytest.fixture
def server(early: Place) -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(early.app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join()


@pytest.mark.parametrize("over", ["http", "folder"])
def test_play_walks_a_detector_through_all_days(over: str, early: Place, server: str, tmp_path: Path) -> None:
    train = tmp_path / "train"
    (tmp_path / "train.toml").write_text(SCENARIO.replace('"test"', '"train"'))
    made = CliRunner().invoke(
        app,
        ["generate", "--config", str(tmp_path / "train.toml"), "--out", str(train), "--workers", "1"],
    )
    assert made.exit_code == 0, made.output
    team, token = teams.add(early.desk.engine, "A")
    (tmp_path / "token").write_text(token + "\n")
    how = {
        "http": ("--server", server, "--token-file", str(tmp_path / "token")),
        "folder": ("--season", str(early.folder), "--secret", str(early.secret), "--team", team.name),
    }[over]
    done = CliRunner().invoke(app, ["season", "play", "volume", "--train", str(train), *how])
    assert done.exit_code == 0, done.output
    assert f"{early.season.days} days scored." in done.stdout
    again = CliRunner().invoke(app, ["season", "play", "volume", "--train", str(train), *how])
    assert again.exit_code == 0, again.output
    assert "Nothing was done: this team had handed in the scores of all days before" in again.stdout
    walk = DailyReplay(early.desk, team.name)
    assert walk.day() is None
    file = early.desk.blobs.path(_file(early, walk.attempt()))
    rows = pl.read_parquet(file)
    assert rows["day"].unique().sort().to_list() == list(range(early.season.days))
    for day in range(early.season.days):
        assert len(rows.filter(day=day)) == len(_known(early.truth, day))


def test_a_walk_is_judged_and_anybody_finds_the_same(early: Place, tmp_path: Path) -> None:
    who = early.team("A")
    for day in range(early.season.days):
        said = _scores(_known(early.truth, day), day)
        assert early.http.put(f"{BASE}/days/{day}/scores", content=said, headers=who).status_code == 200
    there = f"{BASE}/attempts/{early.http.get(f'{BASE}/walk', headers=who).json()['id']}"
    assert early.http.get(there, headers=who).json()["score"] is None
    assert early.desk.score_waiting() == 1
    score = early.http.get(there, headers=who).json()["score"]
    rows = pl.read_parquet(early.desk.blobs.path(_file(early, there.rpartition("/")[2])))
    whole = siphonbench.load(sealing.private(early.secret) / "world")
    divided = parts.Parts(keyed_streams.derive(early.key, "feedback and counting"))
    again = parts.primary("early", rows, whole.reveal("test"), whole.digest, divided, parts.FEEDBACK)
    assert score == round(again.value, early.season.rules.decimals)
    assert early.http.get(f"{BASE}/standings/early").json()[0]["score"] == score
    call("unseal", early.folder, "--secret", early.secret, "--before-close")
    assert "1 scores" in call("check", early.folder, "--workers", 1)
    scores = json.loads((early.folder / "scores.json").read_text())
    scores["scores"][0]["score"] += 0.002
    (early.folder / "scores.json").write_text(json.dumps(scores))
    assert "judged again" in refused("check", early.folder, "--workers", 1, code=1)


def _file(place: Place, attempt: str) -> str:
    with place.desk.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT file FROM siphonbench_attempts WHERE id = ?", (attempt,))
        return str(found.scalar_one())


@pytest.mark.parametrize("task", ["accounts", "early"])
def test_nothing_that_is_given_out_holds_a_label(
    task: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = Place(tmp_path, task)
    who, http = place.team("A"), place.http
    said: list[bytes] = []

    def ask(method: str, path: str, content: bytes = b"", **headers: str) -> None:
        answer = http.request(method, path, content=content, headers=who | headers)
        said.extend((answer.content, json.dumps(dict(answer.headers)).encode()))

    public = place.truth.without_labels()
    whole = _scores(public.accounts.polars().collect())
    bad = [b"", b"PAR1", b"account_id,score\nacc_1,nan\n", whole[:-5], b"\x80\x04pickle", whole + b"x"]
    for body in [*bad, whole]:
        ask("PUT", f"{BASE}/tasks/{task}", body)
        ask("PUT", f"{BASE}/days/0/scores", body)
    for day in range(place.season.days + 1):
        for table in (*schema.TABLES, "secret", "../../spring.secret", "campaigns"):
            ask("GET", f"{BASE}/days/{day}/{table}")
        if day < place.season.days:
            ask("PUT", f"{BASE}/days/{day}/scores", _scores(_known(place.truth, day)))
    place.desk.score_waiting()
    for path in (
        "",
        "/day",
        "/walk",
        f"/standings/{task}",
        "/standings/secrets",
        "/attempts/x",
        "/nothing",
        "/..",
    ):
        ask("GET", BASE + path)
    ask("GET", "/api/v1/openapi.json")
    with place.desk.engine.connect() as connection:
        for (id_,) in connection.exec_driver_sql("SELECT id FROM siphonbench_attempts").all():
            ask("GET", f"{BASE}/attempts/{id_}")
    commands = (
        ["info", str(place.folder)],
        ["season", "standings", str(place.folder), "--secret", str(place.secret), "--task", task],
    )
    said += [CliRunner().invoke(app, arguments).output.encode() for arguments in commands]
    said += [f.read_bytes() for f in place.folder.rglob("*") if f.is_file()]
    said += [str(f).encode() for f in place.folder.rglob("*")]
    said.append(caplog.text.encode())

    labels = place.truth.labels.polars().with_columns(pl.all().cast(pl.String)).collect()
    hidden = {v for c in ("cohort", "campaign") for v in labels[c].drop_nulls().unique()} | {place.key}
    hidden.add("A1.evasive")
    tables = [pl.read_parquet(io.BytesIO(s)) for s in said if s[:4] == b"PAR1" and s[-4:] == b"PAR1"]
    texts = [s for s in said if s[:4] != b"PAR1"] + [t.write_csv().encode() for t in tables]
    assert len(tables) >= 3
    found = {h for h in hidden for text in texts if h.encode() in text}
    assert found == set()
    columns = {c for t in tables for c in t.columns}
    truth = {c.name for name in schema.TRUTH for c in schema.TABLES[name]}
    assert not columns & (truth - {c.name for name in schema.PUBLIC for c in schema.TABLES[name]})
