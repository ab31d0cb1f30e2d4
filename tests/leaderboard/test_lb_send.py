"""A submission that is sent to a board from the command line's side, without a network."""

from __future__ import annotations

from pathlib import Path

import lb_site
import pytest
from starlette.testclient import TestClient

import siphonbench
from generator.errors import UserError
from leaderboard.intake import http_client, teams
from leaderboard.intake.http_client import Server, token
from leaderboard.records import submission
from leaderboard.records.card import Card
from leaderboard.site import app
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking.store import Store


class Near(Server):
    """A server in this process."""

    def __init__(self, client: TestClient, token: str) -> None:
        super().__init__("http://testserver", token)
        self._client, self._known = client, token

    def ask(self, method: str, path: str, body: bytes | None = None, largest: int | None = None) -> bytes:
        headers = {"authorization": f"Bearer {self._known}"}
        return self._client.request(method, path, content=body, headers=headers).content


def test_what_is_sent_comes_back_with_its_scores(
    nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_LOOK_SECONDS", 0.1)
    place = Settings(Store(tmp_path / "board"), (ServedDataset.at(nano),))
    rows = lb_site.predictions(lb_site.accounts(nano), 3)
    entry = submission.write(tmp_path / "mine", rows, Card("mine", "nobody", field_groups="M", external_data=True))
    told: list[str] = []
    with TestClient(app.guarded(place)) as client:
        server = Near(client, teams.add(place.store.engine(), "red")[1])
        job = http_client.send(server, entry, "accounts", place.worlds[0].key, told.append)
        (row,) = client.get("/api/v1/boards/accounts").json()["entries"]
        (entry / "predictions.parquet").write_bytes(b"PAR1")
        with pytest.raises(UserError, match=r"mine was not scored: .*can't be read as Parquet"):
            http_client.send(server, entry, "accounts")
    assert told
    assert (row["id"], row["rank"], row["metrics"]) == (job["entry"], job["rank"], job["scores"])
    assert (row["team"], row["external_data"], row["field_groups"]) == ("red", True, "M")
    assert job["scores"]["primary"] == siphonbench.evaluate(nano, lb_file(rows, tmp_path)).primary.value


def lb_file(rows: object, folder: Path) -> Path:
    file = folder / "again.csv"
    file.write_bytes(lb_site.body(rows))  # type: ignore[arg-type]
    return file


def test_a_token_is_a_file_and_a_server_an_address(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--token-file nowhere is no file: put the team's token into one"):
        token(Path("nowhere"))
    (tmp_path / "token").write_text("abc\n")
    with pytest.raises(UserError, match="--server board is no address: begin with https:// or http://"):
        Server("board", token(tmp_path / "token"))
