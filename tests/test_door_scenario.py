"""Scenarios at the command line, and what a dataset's campaigns did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import siphonbench
from siphonbench.cli.main import app

TINY = """
preset = "nano"
name = "tiny"
accounts = 150
extraction_accounts = 30
campaigns = 9
days = 3
rate_cap = 20
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def here(here: Path) -> Path:
    """An empty folder to work in, with one small scenario."""
    (here / "tiny.toml").write_text(TINY)
    return here


def test_from_a_new_scenario_to_its_picture(here: Path) -> None:
    made = call("scenario", "new", "mine.toml", "--from", "nano", "--campaign", "A2:evasive:40")
    assert (made.exit_code, "mine.toml written" in made.stdout) == (0, True)
    checked = call("scenario", "check", "mine.toml")
    assert (
        "mine.toml can be built: mine, 3 worlds of 7 days with 640 accounts, 40 of them in 1 campaigns"
        in checked.stdout
    )
    for name in ("mine.svg", "mine.png"):
        done = call("scenario", "describe", "mine.toml", "--plot", name)
        assert done.exit_code == 0, done.output
        assert "extra/campaign-1" in done.stdout
        assert "multi-tenant SaaS" in done.stdout
    assert Path("mine.svg").read_text().count("extra/campaign-1") == 1
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(f.name for f in here.iterdir()) == ["mine.png", "mine.svg", "mine.toml", "tiny.toml"]


def test_description_as_json(here: Path) -> None:
    groups = json.loads(call("scenario", "describe", "tiny.toml", "--split", "test", "--json").stdout)
    assert sum(g["accounts"] for g in groups) == 150
    assert {g["tier"] for g in groups} == {"", "overt", "evasive", "adaptive"}
    assert all(sum(g["per_day"]) == pytest.approx(g["requests"]) for g in groups)


def test_same_scenario_same_picture(here: Path) -> None:
    for name in ("one.svg", "two.svg"):
        assert call("scenario", "describe", "tiny.toml", "--plot", name).exit_code == 0
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("scenario new tiny.toml", "tiny.toml exists already and is kept: choose another name"),
        ("scenario new x.toml --from huge", "no preset 'huge': choose nano, small, medium, full"),
        ("scenario new nowhere/x.toml", "nowhere is no folder"),
        ("scenario new x.toml --campaign A2:40", "--campaign A2:40: write archetype:tier:accounts"),
        ("scenario new x.toml --campaign A2:sly:40 --campaign A99:overt:9", "x.toml: 2 faults: cohorts[0].tier"),
        (
            "scenario new x.toml --campaign A2:overt:9999",
            "cohorts: their 9,999 accounts are more than the world's 600",
        ),
        ("scenario check nowhere.toml", "nowhere.toml can't be read as TOML"),
        ("scenario check nowhere.toml", "scenarios that come with SiphonBench: headline"),
        ("scenario describe headline --split test", "--split test: headline makes train"),
        ("scenario describe tiny.toml --plot x.pdf", "--plot x.pdf: write .svg or .png at its end"),
        ("scenario describe tiny.toml --plot nowhere/x.svg", "nowhere is no folder"),
        ("scenario describe tiny.toml --seed -1", "seed: -1 is no whole number"),
        ("generate --scenario nowhere", "nowhere can't be read as TOML"),
        ("info nowhere --campaigns", "nowhere does not exist"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, here: Path) -> None:
    done = call(*arguments.split())
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("error: ")
    assert said in sentence
    assert [f.name for f in here.iterdir()] == ["tiny.toml"]


def test_check_and_generate_say_the_same_faults(here: Path) -> None:
    Path("bad.toml").write_text(TINY + "acounts = 3\nquiet_days = 3\n")
    said = {call(*c, "bad.toml").stderr.strip() for c in (("scenario", "check"), ("generate", "--config"))}
    (sentence,) = said
    assert "acounts: no such key (did you mean accounts?)" in sentence
    assert "quiet_days: 3 of 3 days" in sentence
    assert sorted(f.name for f in here.iterdir()) == ["bad.toml", "tiny.toml"]


def test_presets_and_shipped_scenarios_go_by_name(here: Path) -> None:
    assert "nano can be built" in call("scenario", "check", "nano").stdout
    said = call("scenario", "check", "headline").stdout
    assert "1 world of 45 days with 1,025,000 accounts, 25,000 of them in 1 campaigns" in said


def test_ledger_of_a_dataset(here: Path) -> None:
    data = siphonbench.generate(config="tiny.toml", out="data")
    done = call("info", "data", "--campaigns")
    assert done.exit_code == 0, done.output
    assert "Everything adds up" in done.stdout
    assert "all of train" in done.stdout
    assert "all of test" not in done.stdout  # masked, unless asked for by name
    assert "all of test" in call("info", "data", "--campaigns", "--split", "test").stdout
    file = data.path / "train" / "campaigns.parquet"
    file.write_bytes((data.path / "validation" / "campaigns.parquet").read_bytes())
    wrong = call("info", "data", "--campaigns", "--split", "train")
    assert wrong.exit_code == 1
    assert "do not add up: train: campaign/" in wrong.stderr


def test_the_picture_is_there_when_the_reader_of_the_table_leaves(here: Path) -> None:
    command = [sys.executable, "-m", "siphonbench", "scenario", "describe", "nano", "--sample", "50"]
    for more in ([], ["--json"]):
        running = subprocess.Popen(
            [*command, "--plot", "x.svg", *more],
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert running.stdout
        running.stdout.close()  # as head does, only sooner
        _, said = running.communicate(timeout=120)
        assert b"Traceback" not in said
        assert (here / "x.svg").read_text("utf-8").rstrip().endswith("</svg>")
        (here / "x.svg").unlink()
