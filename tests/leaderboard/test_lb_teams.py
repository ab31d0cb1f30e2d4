"""Teams, tokens, names and the retrying of what may pass."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from generator.errors import UserError
from leaderboard.intake import teams
from leaderboard.records import display_names
from leaderboard.tracking import database
from leaderboard.tracking.database import TEAMS
from leaderboard.tracking.store import Store


@pytest.fixture
def engine(store: Store) -> sa.Engine:
    return store.engine()


def test_a_token_opens_its_team_until_it_is_revoked(engine: sa.Engine) -> None:
    (one, token), (other, another) = teams.add(engine, "one"), teams.add(engine, "other")
    assert [teams.find(engine, t) for t in (token, another)] == [one, other]
    gone = teams.revoke(engine, "ONE")
    assert (gone.id, gone.revoked is None) == (one.id, False)
    assert [teams.find(engine, t) for t in (token, another)] == [None, other]
    assert [(t.name, t.revoked is None) for t in teams.listed(engine)] == [("one", False), ("other", True)]
    with pytest.raises(UserError, match="no team 'one' has a token"):
        teams.revoke(engine, "one")


def test_only_a_hash_is_kept(engine: sa.Engine, tmp_path: Path) -> None:
    _, token = teams.add(engine, "one")
    secret = token.partition("_")[2].encode()
    assert len(secret) == 43  # 256 bits
    with engine.connect() as connection:
        rows = connection.execute(TEAMS.select()).all()
    assert secret.decode() not in repr(rows)
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert all(secret not in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    "forge",
    [
        lambda t: "",
        lambda t: t[:-1],
        lambda t: t + "A",
        lambda t: t + "\n",
        lambda t: t.swapcase(),
        lambda t: t.replace("sb1_", "sb2_"),
        lambda t: t.replace("sb1_", "sb0_"),
        lambda t: t.replace("sb1_", "sb1 or 1=1_"),
        lambda t: t.replace("sb1_", "sb١_"),
        lambda t: t.replace("sb1_", "sb99999999999999999999_"),
        lambda t: "sb1_" + "A" * 43,
        lambda t: "sb1_" + "\udcff" * 43,
    ],
)
def test_forged_tokens_open_nothing(engine: sa.Engine, forge: object) -> None:
    _, token = teams.add(engine, "one")
    teams.add(engine, "two")
    assert callable(forge)
    assert teams.find(engine, forge(token)) is None


@pytest.mark.parametrize("twin", ["Team one", " team  ONE", "ｔｅａｍ one", "te\u0061m one"])
def test_names_that_look_alike_are_one(engine: sa.Engine, twin: str) -> None:
    teams.add(engine, "team one")
    with pytest.raises(UserError, match="already: choose a name that looks different"):
        teams.add(engine, twin)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("x" * 81, "81 characters, at most 80"),
        ("a\u202eb", "control or invisible"),
        ("a\u200bb", "control or invisible"),
        ("a\x1b[31m", "control or invisible"),
        ("a\u2028b", "control or invisible"),
        ("t\u0435am", "mixes Latin and Cyrillic letters"),
        ("\u0391lpha", "mixes Latin and Greek letters"),
    ],
)
def test_faulty_names(engine: sa.Engine, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        teams.add(engine, name)
    assert teams.listed(engine) == []


@pytest.mark.parametrize("name", ["Équipe 7", "команда", "チーム", "O'Brien & <b>sons</b>", "ümlaut-net (v2)"])
def test_honest_names(name: str) -> None:
    assert display_names.faults(name) == []


@pytest.mark.parametrize(
    "name",
    [
        "نرگس می\u200cخواهم",  # Persian, with a zero-width non-joiner
        "ক্\u200dষ",  # Bengali, with a joiner
        "Ζωή Smith",
        "Иван Smith",
        "👩\u200d🔬 lab",
        "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f Wales",
        "👍🏽 ❤️",
        "\U0001fae8",  # of Unicode 15
    ],
)
def test_names_of_people(name: str) -> None:
    assert display_names.faults(name) == []


@pytest.mark.parametrize("name", ["\u200d", "a\U000e0067b", "\u2066a"])
def test_what_hides_is_no_name(name: str) -> None:
    assert display_names.faults(name)


@pytest.mark.parametrize("twin", ["te\u200dam one", "team\u200c one"])
def test_joiners_make_no_other_team(engine: sa.Engine, twin: str) -> None:
    teams.add(engine, "team one")
    with pytest.raises(UserError, match="already: choose a name that looks different"):
        teams.add(engine, twin)


def test_a_locked_database_is_waited_for(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    faults = [sqlite3.OperationalError("database is locked"), OSError(28, "No space left on device"), None]

    def call() -> str:
        if fault := faults.pop(0):
            raise (
                sa.exc.OperationalError("INSERT secret", {}, fault) if isinstance(fault, sqlite3.Error) else fault
            )
        return "done"

    assert database.retrying(call) == "done"
    assert len(waits) == 2
    assert 0.025 <= waits[0] <= 0.075
    assert 0.05 <= waits[1] <= 0.15


def test_what_cannot_pass_is_told_at_once(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited"))
    row = {"name": "x", "name_key": "x", "token_hash": "", "created": 0.0}
    with engine.begin() as connection:
        connection.execute(TEAMS.insert().values(row))

    def again() -> None:
        with engine.begin() as connection:
            connection.execute(TEAMS.insert().values(row))

    with pytest.raises(sa.exc.IntegrityError):
        database.retrying(again)


@pytest.mark.parametrize("where", ["mysql://u:secret@h/x", "ftp://x", "sqlite:///x"])
def test_stores_of_another_kind(where: str) -> None:
    with pytest.raises(UserError, match="give a folder, postgresql") as caught:
        Store.at(where)
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(UserError, match="can't be opened") as caught:
        Store.at("postgresql://me:secret@127.0.0.1:1/x", tmp_path).engine()
    assert "secret" not in str(caught.value)
    assert "me:***@127.0.0.1" in str(caught.value)
