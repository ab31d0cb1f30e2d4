"""Arms race at the command line: a reckless operator is caught, and nobody leaves the allowed dials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import siphonbench_cli

RECKLESS = """
[[cohorts]]
name = "loud"
archetype = "A1"
tier = "overt"
accounts = 40
"""
LOUD = RECKLESS + "dials = { decoy = 0.3, camouflage = 0, leak_payment = 0.7, leak_device = 0.7, cover = 0 }\n"
QUIET = RECKLESS.replace("overt", "adaptive") + "dials = { rate = 25, camouflage = 0.4, decoy = 0.004 }\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(siphonbench_cli.app, [str(a) for a in arguments])


def duel(folder: Path, text: str, detector: str = "xgboost-early") -> dict[str, Any]:
    file = folder / "mine.toml"
    file.write_text(text)
    done = call("duel", file, detector, "--preset", "nano", "--seed", 3, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_reckless_is_caught_more_than_quiet(tmp_path: Path) -> None:
    loud, quiet = duel(tmp_path, LOUD), duel(tmp_path, QUIET)
    assert loud["prevented"] > quiet["prevented"]
    assert (loud["detected"], quiet["detected"]) == (1, 0)
    for found in (loud, quiet):
        assert found["tokens_obtained"] == pytest.approx(found["tokens"] * (1 - found["prevented"]), rel=1e-6)
        paid = found["price_usd"] + found["accounts_usd"] + found["gear_usd"]
        assert found["tokens_per_usd"] == pytest.approx(found["tokens_obtained"] / paid)


@pytest.mark.slow
def test_same_call_gives_the_same_numbers(tmp_path: Path) -> None:
    assert duel(tmp_path, RECKLESS, "volume") == duel(tmp_path, RECKLESS, "volume")


def test_all_faults_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    dials = "dials = { synchrony = 0.99, camouflage = 7, colour = 1 }\n"
    file.write_text("days = 3\ncampaigns = 2\n" + RECKLESS.replace("40", "61") + dials)
    done = call("duel", file, "volume")
    assert (done.exit_code, done.stdout) == (2, "")
    (sentence,) = done.stderr.strip().splitlines()
    for said in (
        "days: belongs to the world",
        "campaigns: 2 must be 0",
        "61 accounts are more than the 60",
        "cohorts[0].dials.synchrony: 0.99 is outside 0.15 to 0.6, which A1 allows",
        "cohorts[0].dials.camouflage: 7 is outside 0 to 1",
        "cohorts[0].dials.colour: no such dial",
    ):
        assert said in sentence


@pytest.mark.parametrize(
    ("text", "detector", "said"),
    [
        ("", "volume", "cohorts: there are none"),
        (RECKLESS.replace("A1", "B1").replace("overt", ""), "volume", "B1 is no campaign"),
        ("[[cohorts", "volume", "can't be read as TOML"),
        (RECKLESS, "nobody", "no detector 'nobody'"),
        (RECKLESS, "cohort-oracle", "knows part of the truth"),
    ],
)
def test_bad_input_is_one_sentence(text: str, detector: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    done = call("duel", file, detector)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["mine.toml"]
