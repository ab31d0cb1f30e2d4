"""benchmarks.headline: every step has a record, runs go on, and the table says what alerts would have saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import siphonbench
from benchmarks import headline, headline_step, headline_table
from leaderboard.tasks import scoring

SCENARIO = """
preset = "nano"
name = "small-headline"
splits = ["train"]
accounts = 300
extraction_accounts = 0
campaigns = 0
least_campaigns = 0
quiet_days = 0
buckets = 2
days = 6
text = "none"

[[cohorts]]
name = "headline"
archetype = "A4"
tier = "evasive"
accounts = 20
target = "agentic tool use"
first_day = 0
days = 6
requests = 3000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose steps need no process of their own."""
    (tmp_path / "scenario.toml").write_text(SCENARIO)

    def here(run: headline.Run, name: str, left: float) -> tuple[float, str]:
        headline_step.take(run.folder, name)
        return 0.5, ""

    monkeypatch.setattr(headline.Run, "_watch", here)
    return tmp_path / "run"


def arguments(folder: Path, lesson: Path, *more: str) -> list[str]:
    scenario = str(folder.parent / "scenario.toml")
    asked = ["--scenario", scenario, "--lesson", str(lesson), "--days", "1", "3", "--workers", "1"]
    return [str(folder), *asked, "--detectors", "volume", "reputation", *more]


def test_a_table_and_a_picture(folder: Path, nano: Path, capsys: pytest.CaptureFixture[str]) -> None:
    headline.main(arguments(folder, nano))
    shown = capsys.readouterr().out
    assert shown.startswith("| detector | family | AP | recall at 1 % false positives |")
    told = json.loads((folder / "headline.json").read_text("utf-8"))
    volume, reputation = told["rows"]
    assert (volume["family"], reputation["family"]) == ("trivial", "rules")
    assert volume["days"] == [1, 3, 5]
    assert "recall_fpr_1e-4" not in volume  # of 300 accounts nobody can say
    assert [len(pl.read_csv(folder / "headline.csv")), volume["note"]] == [2, ""]
    assert ">volume<" in (folder / "headline.svg").read_text("utf-8")

    world = siphonbench.load(folder / "world")
    answer = siphonbench.load_detector(folder / "fitted" / "volume").apply(world, "train").predictions
    truth = scoring.truth(world.reveal("train"), "accounts")
    card = scoring.score("accounts", answer, truth, world.digest)
    for metric in ("ap", "recall_fpr_1e-2", "recall_fpr_1e-3"):  # the ranking is that of the whole window
        assert volume[metric] == pytest.approx(card.tables["overall"][metric].value, abs=1e-12)

    # Again: not one step is taken, and the same files come out.
    before = {f: f.read_bytes() for f in folder.glob("headline.*")}
    steps = {f: f.stat().st_mtime_ns for f in folder.glob("steps/*.json")}
    headline.main(arguments(folder, nano))
    assert {f: f.read_bytes() for f in before} == before
    assert {f: f.stat().st_mtime_ns for f in folder.glob("steps/*.json")} == steps

    with pytest.raises(SystemExit):
        headline.main(arguments(folder, nano, "--seed", "8"))
    assert "holds the run of another world" in capsys.readouterr().err


def test_what_failed_has_a_row_and_is_taken_again_when_asked(
    folder: Path, nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row() -> Any:
        return json.loads((folder / "headline.json").read_text("utf-8"))["rows"][1]

    take, full = headline_step.take, "ended: took more than 1 GiB"

    def watch(run: headline.Run, name: str, left: float) -> tuple[float, str]:
        if name == "reputation.3":
            return 1.2, full
        take(run.folder, name)
        return 0.5, ""

    works = headline.Run._watch
    monkeypatch.setattr(headline.Run, "_watch", watch)
    headline.main(arguments(folder, nano))
    first = row()
    assert (first["note"], first["peak_gib"], first["days"]) == (f"{full}; not asked on days 1", 1.2, [5])
    assert "found_in_time" not in first  # with no early day nothing can be found early

    monkeypatch.setattr(headline.Run, "_watch", works)
    headline.main(arguments(folder, nano))
    assert row() == first
    headline.main(arguments(folder, nano, "--again"))
    assert (row()["note"], row()["days"]) == ("", [1, 3, 5])


def test_no_time_no_step(folder: Path, nano: Path) -> None:
    with pytest.raises(SystemExit, match="world: no time was left"):
        headline.main(arguments(folder, nano, "--seconds", "0"))
    assert not (folder / "world").exists()


def perfect(truth: headline_table.Truth, by: float) -> pl.DataFrame:
    score = np.where(truth.people.attack, by, np.linspace(0.1, 0.2, len(truth.people.ids)))
    return pl.DataFrame({"account_id": truth.people.ids, "score": score})


def test_what_alerts_save(folder: Path, nano: Path) -> None:
    headline.main(arguments(folder, nano))
    truth = headline_table.read_truth(folder)
    collected = pl.read_parquet(folder / "collected.parquet")
    attackers, half = int(truth.people.attack.sum()), int((truth.gone < 0.5).sum())
    assert 0 < half < 5
    late = headline_table.figures(truth, {0: perfect(truth, 0.0), 5: perfect(truth, 1.0)})
    assert late["ap"] == late["recall_fpr_1e-3"] == 1
    assert (late["found_in_time"], late["tokens_saved"]) == (0, 0)  # noticed when the window ends
    early = headline_table.figures(truth, {0: perfect(truth, 1.0), 5: perfect(truth, 1.0)})
    assert early["found_in_time"] == pytest.approx(attackers)
    after = collected.filter(pl.col("day") > 0)
    assert early["tokens_saved"] == pytest.approx(after["tokens"].sum())
    assert early["usd_saved"] == pytest.approx(after["usd"].sum())
    assert early["innocents"] == pytest.approx(0.001 * truth.people.benign.sum())
    past = headline_table.figures(truth, {half: perfect(truth, 1.0), 5: perfect(truth, 1.0)})
    assert (past["found_in_time"], past["tokens_saved"] > 0) == (0, True)


@pytest.mark.slow
def test_a_step_is_a_process_with_limits(tmp_path: Path, nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "steps").mkdir()
    asked = {"scenario": "", "seed": 1, "lesson": str(nano), "workers": 1}
    (tmp_path / headline_step.ASKED).write_text(json.dumps(asked))
    run = headline.Run(tmp_path, memory=4.0, seconds=600.0)
    fitted = run.take("volume.fit")
    assert (fitted.ended, fitted.peak_gib > 0.05, fitted.core_seconds > 0) == ("", True, True)
    assert siphonbench.load_detector(tmp_path / "fitted" / "volume").detector.name == "volume"
    wrong = run.take("volume.1")  # there is no world to ask about
    assert wrong.ended.startswith("ended with 1: ")
    assert "world" in wrong.ended
    assert headline.Run(tmp_path, memory=0.01, seconds=600.0).take("account-age.fit").ended == (
        "ended: took more than 0.01 GiB"
    )
    monkeypatch.setattr(headline, "_LOOK_S", 0.01)
    spent = sum(r.seconds for r in run.records().values())
    late = headline.Run(tmp_path, memory=4.0, seconds=spent + 0.02).take("rate-limit.fit")
    assert late.ended == "ended: no time was left"  # no process starts in so short a time
