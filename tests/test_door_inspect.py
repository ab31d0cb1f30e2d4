"""`siphonbench inspect`: one page, or one per campaign; bad input is one sentence and leaves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import siphonbench
from generator.campaign_report import behaviour, page
from siphonbench.cli.main import app


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["inspect", *(str(a) for a in arguments)])


def test_one_page_of_the_largest_campaign(nano: Path, here: Path) -> None:
    done = call(nano)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("inspect.html  ")
    assert [f.name for f in here.iterdir()] == ["inspect.html"]
    roster = siphonbench.load(nano).train.campaigns.polars().collect()
    html = Path("inspect.html").read_text("utf-8")
    largest = roster.sort(["accounts", "campaign"], descending=[True, False])["campaign"][0]
    assert f"<h1>{largest}: " in html
    for name in set(roster["campaign"]) - {largest}:  # and how to see the others
        assert f"siphonbench inspect {nano} --split train --campaign {name}" in html


def test_campaign_split_and_file_are_chosen(nano: Path, here: Path) -> None:
    done = call(nano, "--campaign", "campaign/1", "--split", "test", "--out", "deep/mine.html")
    assert done.exit_code == 0, done.output
    assert "labels of test are open" in done.stdout
    html = Path("deep/mine.html").read_text("utf-8")
    assert "<h1>campaign/1: " in html
    assert "this is the test split" in html


@pytest.mark.slow
def test_all_makes_a_folder(nano: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FIGURES", (behaviour.activity,))  # the quickest; one page above has them all
    done = call(nano, "--all")
    assert done.exit_code == 0, done.output
    assert [f.name for f in here.iterdir()] == ["inspect"]
    assert len(list(Path("inspect").iterdir())) == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--campaign mine", "has no campaign 'mine': choose campaign/"),
        ("--split tset", "no split 'tset': choose train, validation, test"),
        ("--all --campaign campaign/1", "--all and --campaign campaign/1 exclude each other"),
        ("--out .", ". is a folder; name a file in it"),
        ("--all --out taken", "taken is a file: --all writes into a folder"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, nano: Path, here: Path) -> None:
    Path("taken").write_text("years of work")
    done = call(nano, *arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")
    (sentence,) = done.stderr.strip().splitlines()
    assert said in sentence
    assert [(f.name, f.read_text()) for f in here.iterdir()] == [("taken", "years of work")]


def test_no_dataset_and_a_damaged_one(nano: Path, here: Path) -> None:

    assert "nowhere does not exist" in call("nowhere").stderr
    shutil.copytree(nano, "data")
    file = next(Path("data/train/requests").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:999])
    done = call("data")
    assert done.exit_code == 2
    assert "data can't be read; see what is damaged with: siphonbench verify data" in done.stderr
    assert [f.name for f in here.iterdir()] == ["data"]
