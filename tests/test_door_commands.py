"""The command line: bad input is one sentence and exit code 2, and nothing is left behind."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import plugins, registry
from baselines.detectors.relational import stacked
from baselines.detectors.relational.leiden_fusion import LeidenFusion
from generator import schema
from generator.audit import run
from generator.audit.audited_dataset import AuditedDataset
from generator.audit.base.gate import Gate
from generator.audit.hunt.search import Hunt
from generator.audit.physics import invariants
from siphonbench.cli import quickstart
from siphonbench.cli.datasets import audit as gates
from siphonbench.cli.detectors import run as running
from siphonbench.cli.main import app
from siphonbench.workflows import audit_detectors, detector_submissions
from tests.conftest import LITTLE

COMMANDS = (
    "quickstart",
    "generate",
    "info",
    "columns",
    "verify",
    "release",
    "export",
    "inspect",
    "explain",
    "fit",
    "apply",
    "audit",
    "fidelity",
    "evaluate",
    "decide",
    "submit",
    "leaderboard",
    "ui",
    "new-detector",
    "duel",
    "redteam",
    "reproduce",
    "sensitivity",
    "serve",
    "check",
)
GROUPS = (
    ("baselines", "list"),
    ("baselines", "run"),
    ("baselines", "check"),
    ("baselines", "tune"),
    *(("scenario", c) for c in ("new", "check", "describe")),
    *(
        ("season", c)
        for c in ("seal", "submit", "answer", "settle", "standings", "play", "serve", "team", "unseal", "check")
    ),
    *(("class", c) for c in ("new", "roster", "submit", "board", "page", "grades", "serve")),
    *(("team", c) for c in ("add", "list", "revoke")),
    ("site", "build"),
    *(("leaderboard", c) for c in ("export", "import", "mark")),
)
EVERY_COMMAND = [*([c] for c in COMMANDS), *map(list, GROUPS)]
COMMAND = [sys.executable, "-m", "siphonbench"]
DETECTOR_ROOMS = [f.parent for f in (Path(registry.__file__).parent / "detectors").glob("*/__init__.py")]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(*arguments: object) -> str:
    """The one sentence that a refusal says."""
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("error: ")
    return sentence.removeprefix("error: ")


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """No other detector is built in."""
    chosen = {n: registry.DETECTORS[n] for n in names}
    for place in (registry, plugins):
        monkeypatch.setattr(place, "DETECTORS", chosen)


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Only the three quickest detectors."""
    names = ["random", "constant", "volume"]
    only(monkeypatch, *names)
    return names


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_help_shows_an_example(command: list[str]) -> None:
    done = call(*command, "--help")
    assert done.exit_code == 0
    assert f"Example: siphonbench {' '.join(command)}" in done.stdout


def test_help_is_quick(here: Path) -> None:
    best = 9.0
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)
        best = min(best, time.perf_counter() - began)
    assert best < 0.5 * max(1, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("generate --preset huge", "no preset 'huge': choose nano, small"),
        ("generate --seed -1", "seed: -1 is no whole number from 0 to"),
        ("generate --preset nano --config x.toml", "--preset nano and --config x.toml exclude each other"),
        ("generate --config x.toml", "x.toml can't be read as TOML"),
        ("release --preset huge --out x", "no preset 'huge'"),
        ("release --preset nano --config x.toml --out x", "--preset nano and --config x.toml exclude each other"),
        ("release --date yesterday --out x", "--date 'yesterday' is no date: write it as"),
        ("quickstart --preset huge", "no preset 'huge'"),
        ("info nowhere", "nowhere does not exist; make one with: siphonbench generate"),
        ("columns nonsense", "no table 'nonsense': choose requests, accounts, releases, prompts, labels_observed"),
        ("verify nowhere", "nowhere does not exist"),
        ("audit nowhere", "nowhere does not exist"),
        ("export nowhere --out x", "nowhere does not exist"),
        ("explain mine --data nowhere", "nowhere does not exist"),
        ("fidelity --reference nowhere", "nowhere is no folder; give one that holds traces"),
        ("baselines run volume --data nowhere", "nowhere does not exist"),
        ("baselines tune synchrony --data nowhere", "nowhere does not exist"),
        ("evaluate mine --data nowhere", "nowhere does not exist"),
        ("submit mine --data nowhere", "nowhere does not exist"),
        ("decide mine --data nowhere", "nowhere does not exist"),
        ("decide mine --review-cost -1", "cost review is -1.0: give a finite number that is not negative"),
        ("decide mine --token-price nan", "cost tokens is nan: give a finite number"),
        ("decide mine --false-ban-cost inf", "cost false_ban is inf: give a finite number"),
        ("decide mine --reviews 0", "0 reviews a day: nobody would ever be reviewed"),
        ("decide mine --calibrate platt", "--calibrate and --validation belong together"),
        ("leaderboard --data nowhere", "nowhere does not exist"),
        ("serve --data nowhere", "nowhere does not exist"),
        ("check mine --data nowhere", "nowhere does not exist"),
        ("leaderboard export x --board nowhere", "nowhere holds no board"),
        ("leaderboard import x --board nowhere", "x does not exist"),
        ("leaderboard mark abcdefgh --board nowhere", "nowhere has 0 entries 'abcdefgh'"),
        ("site build public --data nowhere", "nowhere does not exist"),
        ("duel nowhere.toml volume", "nowhere.toml can't be read as TOML"),
        ("reproduce --preset huge", "no preset 'huge'"),
        ("ui --board nowhere", "nowhere holds no mlflow.db"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, here: Path) -> None:
    assert said in refused(*arguments.split())
    assert list(here.iterdir()) == []


def test_config_tells_all_its_faults(here: Path) -> None:
    Path("x.toml").write_text("accounts = 3\ncolour = 'red'\n")
    sentence = refused("generate", "--config", "x.toml")
    assert "colour: no such key" in sentence
    assert "accounts: 3 is no whole number from 50 to" in sentence
    assert [f.name for f in here.iterdir()] == ["x.toml"]


def test_folder_in_use_is_kept(here: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    assert "mine holds 1 entries already" in refused("generate", "--out", "mine")
    assert [f.name for f in here.rglob("*")] == ["mine", "thesis.txt"]


def test_damaged_dataset(nano: Path, here: Path) -> None:
    shutil.copytree(nano, "data")
    file = Path("data/train/accounts.parquet")
    file.write_bytes(file.read_bytes()[:-7])
    for command in ("verify data", "audit data", "baselines run volume --data data", "submit x --data data"):
        assert "data has 1 damaged file: train/accounts.parquet" in refused(*command.split())
    assert [f.name for f in here.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.head(599), "1 accounts missing, e.g. "),
        (lambda p: pl.concat([p, p.head(2)]), "2 accounts duplicate, e.g. "),
        (lambda p: p.with_columns(score=pl.lit(float("nan"))), "600 accounts without a finite score, e.g. "),
        (lambda p: p.with_columns(score=pl.lit(float("inf"))), "600 accounts without a finite score, e.g. "),
        (lambda p: p.with_columns(account_id=pl.lit("me")), "600 accounts missing, e.g. "),
        (lambda p: p.with_columns(score=pl.lit("high")), "write exactly account_id: string and score: double"),
    ],
)
def test_bad_submission_is_one_sentence(change: Any, said: str, nano: Path, here: Path) -> None:
    ids = siphonbench.load(nano).test.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    change(ids.with_columns(score=pl.lit(0.5))).write_parquet("mine.parquet")
    for command in ("check", "evaluate", "submit"):
        assert said in refused(command, "mine.parquet", "--data", nano)
    assert [f.name for f in here.iterdir()] == ["mine.parquet"]


def test_full_disk_is_told_with_numbers(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "mine")

    monkeypatch.setattr("siphonbench.api.load", full)
    assert re.fullmatch(
        r"mine: No space left on device; [\d,]+ MB are free on /\S*; free some, or write to another disk",
        refused("info"),
    )


def test_interrupt_leaves_no_folder(here: Path) -> None:
    command = [*COMMAND, "generate", "--preset", "small", "--out", "made", "--workers", "1"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not Path("made.partial/train").exists() and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert (running.returncode, said.strip()) == (130, "stopped; nothing half-written is left")
    assert list(here.iterdir()) == []


def test_a_bug_keeps_its_traceback(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("siphonbench.api.load", bug)
    assert isinstance(call("info").exception, ZeroDivisionError)


def test_baselines_list_names_each_detector() -> None:
    done = call("baselines", "list")
    assert f"{len(registry.DETECTORS)} built-in detectors, 0 installed; 2 upper bounds" in done.stdout
    assert all(name in done.stdout for name in (*registry.DETECTORS, *registry.UPPER_BOUNDS))


def test_columns_are_those_of_the_schema() -> None:
    shown = " ".join(call("columns").stdout.split())
    for name, table in schema.TABLES.items():
        one = call("columns", name).stdout
        assert all(c.name in one and c.name in shown for c in table)
    assert all(f"{letter} {what}" in shown for letter, what in schema.GROUPS.items())


def test_from_detectors_to_board(nano: Path, here: Path) -> None:
    assert call("baselines", "run", "volume", "constant", "--data", nano, "--out", "mine").exit_code == 0
    card = json.loads(call("evaluate", "mine/constant", "--data", nano, "--json").stdout)
    assert card["primary"]["value"] == pytest.approx(card["primary"]["chance"])
    assert not Path("siphonbench-board").exists()
    for name in ("volume", "constant"):
        done = call("submit", f"mine/{name}", "--data", nano)
        assert (done.exit_code, name in done.stdout) == (0, True)
    assert [e.seconds is not None for e in siphonbench.board(siphonbench.load(nano)).entries] == [True, True]
    page = Path("siphonbench-board/board.html")
    page.unlink()
    assert call("leaderboard", "--data", nano).exit_code == 0
    assert "constant" in page.read_text("utf-8")


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_audit_fails_when_a_gate_does(
    passed: bool, code: int, nano: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Gate("first", 1.0, "<= 2", True, "-")
    second = Gate("second", 3.0, "<= 2", passed, "mend it", "here")
    monkeypatch.setattr(run, "measure", lambda *_: [first])
    monkeypatch.setattr(gates, "detector_gates", lambda *_: [second])
    done = call("audit", nano, "--json", "--out", "gates.json")
    assert (done.exit_code, [g["passed"] for g in json.loads(done.stdout)]) == (code, [True, passed])
    assert json.loads(Path("gates.json").read_text("utf-8")) == json.loads(done.stdout)
    assert [f.name for f in here.iterdir()] == ["gates.json"]
    monkeypatch.setattr(Hunt, "table", lambda _: [("a rule that nobody trained", "train 0.1", "one prompt")])
    shown = " ".join(call("audit", nano).stdout.split())
    assert ("FAILED: mend it" in shown) is not passed
    assert "nobody trained" in shown
    done = call("audit", nano, "--no-detectors", "--json")
    assert (done.exit_code, len(json.loads(done.stdout))) == (0, 1)


@pytest.mark.parametrize(("name", "code"), [("senders are accounts", 0), ("nobody can do it", 1)])
def test_audit_of_physics_alone(
    name: str, code: int, nano: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = next(law for law in invariants.INVARIANTS if law.name == "senders are accounts")
    law = known if code == 0 else replace(known, name=name, holds=pl.col("request_id") < 0)
    monkeypatch.setattr(invariants, "INVARIANTS", (law,))
    monkeypatch.setattr(run, "measure", lambda *_: pytest.fail("only physics was asked for"))
    done = call("audit", nano, "--physics", "--json")
    (gate,) = json.loads(done.stdout)
    assert (done.exit_code, gate["name"], gate["value"] > 0) == (code, f"physics: {name}", bool(code))
    rows = sum(n["counts"]["requests"] for n in siphonbench.load(nano).manifest["splits"].values())
    assert gate["where"].startswith(f"of {rows:,} checked")
    assert ("train: request_id" in gate["where"]) == bool(code)


@pytest.mark.slow
def test_gates_about_detectors(nano: Path) -> None:
    told: list[tuple[int, int]] = []
    audited = AuditedDataset(siphonbench.load(nano))
    found = audit_detectors.detector_gates(audited, 0, lambda *done: told.append(done))
    assert [(g.name.split(":")[0][:18], np.isfinite(g.value)) for g in found] == [
        ("per-account rate l", True),
        ("oracle that knows ", True),
        ("best honest baseli", True),
        ("best honest baseli", True),
        ("rate limit < accou", True),
        ("best one-rule rela", True),
    ]
    assert told[-1] == (4, 4)
    assert found[1].value > 0.35  # few campaigns to learn from, and still far above its prevalence of 0.1


def test_quickstart_takes_up_where_it_is(
    nano: Path, three: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(nano, "siphonbench-data/nano")
    monkeypatch.setattr(quickstart, "FIRST_LOOK", ("volume",))
    for more, names in (((), ["volume"]), (("--all",), three)):
        done = call("quickstart", "--preset", "nano", *more)
        assert done.exit_code == 0, done.output
        assert "siphonbench-data/nano is complete already" in done.stdout
        assert "siphonbench submit FOLDER --data siphonbench-data/nano" in done.stdout
        assert [line.partition(":")[0] for line in done.stderr.splitlines() if "precision" in line] == names
        page = Path("siphonbench-board/board.html").read_text("utf-8")
        assert all(name in page for name in names)
        board = siphonbench.board(siphonbench.load(nano))
        assert sorted(e.name for e in board.entries) == sorted(names)  # none twice
    assert "holds" in refused("quickstart", "--preset", "nano", "--seed", "1")  # another seed never overwrites


def test_a_board_without_differences_says_so(nano: Path, here: Path) -> None:
    accounts = siphonbench.load(nano).test.accounts.polars().select("account_id").collect()
    for name, score in (("one", 1.0), ("two", 2.0)):
        accounts.with_columns(score=pl.lit(score)).write_parquet(f"{name}/predictions.parquet", mkdir=True)
        done = call("submit", name, "--data", str(nano))
        assert done.exit_code == 0, done.output
        assert ("Nothing can be told apart here: all 2 entries share one rank" in done.stdout) == (name == "two")


def test_a_first_look_is_at_every_kind_of_evidence_but_text() -> None:
    kinds = [plugins.find(name) for name in quickstart.FIRST_LOOK]
    rooms = {kind.__module__.split(".")[2] for kind in kinds}
    assert {*registry.WITHOUT_EXTRAS} >= {*quickstart.FIRST_LOOK}  # runs everywhere
    assert {room.name for room in DETECTOR_ROOMS} - rooms == {"networks", "text", "upper_bounds"}
    assert len({*quickstart.FIRST_LOOK}) == len(kinds) == 11  # as help and README say


@pytest.mark.slow
def test_quickstart_from_an_empty_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("random", "volume", "xgboost-aggregates", "xgboost-relational")
    assert {*names} <= {*quickstart.FIRST_LOOK}
    monkeypatch.setattr(quickstart, "FIRST_LOOK", names)
    done = call("quickstart")
    assert done.exit_code == 0, done.output
    assert sorted(f.name for f in here.iterdir()) == ["siphonbench-board", "siphonbench-data"]
    data = siphonbench.load("siphonbench-data/quickstart")
    assert data.manifest["config"]["seed"] == 11
    board = siphonbench.board(data)
    assert {e.name for e in board.entries} == set(names)
    # What the README promises: relations first, trees next, and then what can't be told from chance.
    rank = {e.name: e.rank for e in board.entries}
    assert rank["volume"] > rank["xgboost-aggregates"] > rank["xgboost-relational"] == 1
    assert rank["random"] > rank["xgboost-aggregates"]
    assert "Nothing can be told apart" not in done.stdout
    page = Path("siphonbench-board/board.html").read_text("utf-8")
    assert all(name in page for name in names)


@pytest.mark.slow
def test_every_detector_answers_a_generated_world(nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What quickstart --all puts on its board, where that takes less time; each answer is held to its format."""
    monkeypatch.setattr(stacked, "MEMBERS", (LeidenFusion,))  # the others stand beside it
    found = detector_submissions.answers(siphonbench.load(nano), None, "test", None, lambda *_: None)
    names = [n for n, kind in registry.DETECTORS.items() if "accounts" in kind.tasks]
    assert [result.name for result in found] == names
    assert {*registry.DETECTORS} - {*names} == {"xgboost-requests"}  # its accounts are xgboost-relational's
    assert len(registry.DETECTORS) >= 8


def test_detectors_that_read_text_are_skipped_or_refused_where_there_is_none(here: Path) -> None:
    Path("little.toml").write_text(LITTLE)
    made = call("generate", "--config", "little.toml", "--text", "none", "--out", "wordless")
    assert made.exit_code == 0
    reading = [n for n, d in registry.DETECTORS.items() if any(f.startswith("prompts.") for f in d.fields)]
    refused = call("baselines", "run", reading[0], "--data", "wordless")
    assert refused.exit_code == 2
    assert f"{reading[0]} reads text, and train has no prompts" in refused.stderr
    assert {n for n, why in running._skipped(siphonbench.load("wordless"), set()) if "reads text" in why} == set(
        reading
    )
