"""A season by its commands: from seal to unseal, and what everybody can check then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import siphonbench
from leaderboard.records.task_definitions import TASKS, submitted
from siphonbench.cli.main import app

SCENARIO = """
preset = "nano"
name = "little"
splits = ["test"]
accounts = 240
extraction_accounts = 36
campaigns = 9
days = 3
quiet_days = 0
rate_cap = 40
[overlay."A1.evasive"]
rate = [7, 11] # a dial that nobody has seen
"""


def call(*arguments: object) -> str:
    """What a command says on standard output."""
    done = CliRunner().invoke(app, ["season", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def refused(*arguments: object, code: int = 2) -> str:
    done = CliRunner().invoke(app, ["season", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stderr.strip()


def guess(data: Path, out: Path, seed: int = 1) -> Path:
    """A submission of random scores."""
    ids = siphonbench.load(data).test.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    ids.with_columns(score=pl.Series(np.random.default_rng(seed).random(len(ids)))).write_parquet(out)
    return out


def answer(data: Path, task: str, out: Path) -> Path:
    """A random submission to a task."""
    asked, split = TASKS[task], siphonbench.load(data).test
    (key,) = asked.keys
    table = split.requests if task == "requests" else split.accounts
    rows = table.polars().select(pl.col(key) if task == "requests" else pl.col(key).cast(pl.String)).collect()
    said = np.random.default_rng(1).random(len(rows))
    value = pl.Series((said * 30).astype(int)).cast(pl.String) if asked.kind == "label" else pl.Series(said)
    rows.with_columns(value.alias(asked.value)).write_parquet(out)
    return out


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("season")
    (root / "little.toml").write_text(SCENARIO)
    call(
        *("seal", "spring", "--scenario", root / "little.toml", "--closes", "2999-12-31", "--every", 0),
        *("--out", root / "spring", "--secret", root / "spring.secret", "--workers", 1),
        *(part for task in submitted() for part in ("--task", task)),
    )
    return root


@pytest.fixture
def season(sealed: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of a sealed season, and its secret."""
    root = tmp_path / "copy"
    shutil.copytree(sealed, root)
    return root / "spring", root / "spring.secret"


@pytest.mark.parametrize("task", submitted())
def test_from_seal_to_unseal(task: str, season: tuple[Path, Path], tmp_path: Path) -> None:
    folder, secret = season
    assert [p for p in (secret, secret.with_name("spring.secret.private")) if p.stat().st_mode & 0o077] == []
    first = answer(folder, task, tmp_path / "one.parquet")
    attempt = call("submit", folder, first, "--task", task, "--team", "Team Rocket", "--secret", secret)
    assert "being judged" in call("answer", folder, attempt, "--team", "Team Rocket", "--secret", secret)
    assert "no such attempt" in refused("answer", folder, attempt, "--team", "Others", "--secret", secret)
    assert call("settle", folder, "--secret", secret) == "1 judged"
    said = call("answer", folder, attempt, "--team", "Team Rocket", "--secret", secret)
    assert said.startswith(f"{task}: 0.")
    assert len(said.partition("0.")[2]) <= 3
    assert "Team Rocket" in call("standings", folder, "--task", task, "--secret", secret)
    assert "still sealed" in refused("check", folder)
    assert "--before-close" in refused("unseal", folder, "--secret", secret)
    held = tmp_path / "held"
    held.mkdir()
    second = ("submit", folder, first, "--task", task, "--team", "B", "--secret", secret)
    call(*second, "--receipt", held / "b.json")
    call("unseal", folder, "--secret", secret, "--before-close")
    assert "2 scores" in call("check", folder, "--workers", 1, "--receipts", held)


def test_attempts_are_counted_and_faults_cost_none(season: tuple[Path, Path], tmp_path: Path) -> None:
    folder, secret = season
    broken = tmp_path / "broken.csv"
    broken.write_text("account_id,score\nx,1\n")
    who = ("--team", "A", "--secret", secret)
    for _ in range(3):
        assert "missing" in refused("submit", folder, broken, *who)
        call("submit", folder, guess(folder, tmp_path / "p.parquet"), *who)
    assert "all 3 attempts" in refused("submit", folder, tmp_path / "p.parquet", *who)
    call("submit", folder, tmp_path / "p.parquet", "--team", "B", "--secret", secret)


@pytest.mark.parametrize("part", ["secret", "config", "world", "score", "entry", "commitment"])
def test_a_changed_byte_is_noticed(part: str, season: tuple[Path, Path], tmp_path: Path) -> None:
    folder, secret = season
    call("submit", folder, guess(folder, tmp_path / "p.parquet"), "--team", "A", "--secret", secret)
    call("unseal", folder, "--secret", secret, "--before-close")
    revealed = json.loads((folder / "secret.json").read_text())
    if part == "secret":
        flipped = "0" if revealed["secret"][5] != "0" else "1"
        revealed["secret"] = revealed["secret"][:5] + flipped + revealed["secret"][6:]
    elif part == "config":
        revealed["config"]["overlay"]["A1.evasive"]["rate"][0] = 8.0
    elif part == "world":
        file = next((folder / "test" / "requests").rglob("*.parquet"))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif part == "score":
        scores = json.loads((folder / "scores.json").read_text())
        scores["scores"][0]["score"] += 0.001
        (folder / "scores.json").write_text(json.dumps(scores))
    elif part == "entry":
        (entry,) = (folder / "entries").iterdir()
        entry.write_bytes(entry.read_bytes()[:-1] + b"x")
    else:
        text = (folder / "season.json").read_text()
        old = json.loads(text)["commitment"]
        (folder / "season.json").write_text(text.replace(old, old[::-1]))
    (folder / "secret.json").write_text(json.dumps(revealed))
    names = {"secret": "commitment", "config": "commitment", "world": "bucket-", "entry": "SHA-256"}
    assert names.get(part, part) in refused("check", folder, "--workers", 1, code=1)


def test_all_faults_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("")
    before = sorted(tmp_path.iterdir())
    said = refused(
        *("seal", "../up", "--preset", "huge", "--closes", "2001-01-01", "--opens", "soon", "--every", -1),
        *("--task", "early", "--task", "prizes", "--decimals", 9, "--attempts", 0),
        *("--out", tmp_path / "out", "--secret", tmp_path / "out" / "s"),
    )
    for fault in (
        "no path",
        "huge",
        "soon",
        "every",
        "prizes",
        "decimals",
        "attempts",
        "entries already",
        "outside",
    ):
        assert fault in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_world_without_campaigns_is_not_sealed(tmp_path: Path) -> None:
    (tmp_path / "none.toml").write_text(
        "extraction_accounts = 0\ncampaigns = 0\naccounts = 60\ndays = 1\nquiet_days = 0\n"
    )
    said = refused(
        *("seal", "x", "--scenario", tmp_path / "none.toml", "--closes", "2999-01-01", "--workers", 1),
        *("--out", tmp_path / "out", "--secret", tmp_path / "s"),
    )
    assert "no extraction account that served" in said
    assert [p.name for p in tmp_path.iterdir()] == ["none.toml"]
