"""A series: several seeds of a preset as one result and one board."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from benchmarks import rank_agreement
from benchmarks.baseline_table import SeedReports
from generator.errors import UserError
from siphonbench.cli.main import app
from siphonbench.workflows import series

SEEDS = (0, 7)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def entry(data: Path, folder: Path, name: str, noise: float) -> Path:
    """Scores from labels and noise."""
    labels = siphonbench.load(data).reveal("test").labels.pandas()
    rng = np.random.default_rng(len(labels))
    labels["score"] = (labels["label"] == "extraction") + noise * rng.random(len(labels))
    folder.mkdir(parents=True)
    labels[["account_id", "score"]].to_parquet(folder / "predictions.parquet")
    (folder / "card.toml").write_text(f'name = "{name}"\n')
    return folder


@pytest.fixture
def data(nano_of: Callable[[int], Path]) -> list[Path]:
    return [nano_of(seed) for seed in SEEDS]


def test_a_series_is_evaluated_as_one(data: list[Path], here: Path) -> None:
    entries = [entry(d, here / f"e{i}", "mine", 3) for i, d in enumerate(data)]
    result = siphonbench.evaluate_series(data, entries)
    values = [card.primary.value for card in result.cards]
    assert result.primary.value == pytest.approx(np.mean(values))
    assert result.primary.low < result.primary.value < result.primary.high
    errors = [card.estimate.spread[0] for card in result.cards]
    assert result.primary.high - result.primary.low < max(c.primary.high - c.primary.low for c in result.cards)
    assert all(errors)
    done = call("evaluate", *entries, "--data", data[0], "--data", data[1], "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["primary"]["value"] == result.primary.value
    shown = call("evaluate", *entries, "--data", data[0], "--data", data[1]).stdout
    assert f"{result.primary.value:.4f}" in shown
    assert "nano-seed7" in shown


def test_two_entries_are_compared_in_pairs(data: list[Path], here: Path) -> None:
    def asked(noise: float, name: str) -> list[Path]:
        return [entry(d, here / f"{name}{i}", name, noise) for i, d in enumerate(data)]

    good, alike, bad = asked(0.1, "good"), asked(3, "alike"), asked(3.1, "bad")
    one = call("evaluate", good[0], "--data", data[0], "--against", bad[0]).stdout
    assert "Ahead: paired difference +" in one.replace("\n", " ")
    series_of = (
        "evaluate",
        *alike,
        "--data",
        data[0],
        "--data",
        data[1],
        "--against",
        bad[0],
        "--against",
        bad[1],
    )
    told = call(*series_of, "--difference", 0.2).stdout.replace("\n", " ")
    assert "Can't be told apart: paired difference" in told
    assert "Four times in five, 2 worlds like these would tell a difference of" in told
    document = json.loads(call(*series_of, "--json").stdout)
    assert document["comparison"]["campaigns"] == sum(c["counts"]["campaigns"] for c in document["cards"])
    assert not document["comparison"]["decided"]
    wrong = call("evaluate", good[0], "--data", data[0], "--against", bad[0], "--against", bad[1])
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--against names 2 submissions for one dataset" in wrong.stderr


def test_all_faults_of_a_series_are_told(data: list[Path], here: Path) -> None:
    with pytest.raises(UserError) as caught:
        siphonbench.evaluate_series([data[0], data[0]], ["nowhere"])
    for fault in ("is given twice", "1 submissions for 2 datasets", "submission nowhere does not exist"):
        assert fault in str(caught.value)
    with pytest.raises(UserError, match="two datasets or more"):
        siphonbench.evaluate_series(data[:1], ["nowhere"])
    opened = [siphonbench.load(d) for d in data]
    opened[1].manifest["config"]["name"] = "small"
    assert series.series_faults(opened) == ["a series has one preset: nano-seed0 is nano, nano-seed7 is small"]


def test_boards_of_a_series_are_joined(data: list[Path], here: Path) -> None:
    for i, d in enumerate(data):
        for name, noise in (("good", 1.5), ("bad", 6)):
            siphonbench.submit(d, entry(d, here / f"{name}{i}", name, noise), here / "board")
    siphonbench.submit(data[0], entry(data[0], here / "lone", "lone", 1), here / "board")
    done = call("leaderboard", "--data", data[0], "--data", data[1], "--board", here / "board")
    assert done.exit_code == 0, done.output
    good, bad = (next(x for x in done.stdout.splitlines() if name in x) for name in ("good", "bad"))
    assert done.stdout.index(good) < done.stdout.index(bad)
    assert "lone" not in done.stdout
    assert "Kendall's tau of the entries, first 1 datasets against the others: 1.00" in done.stdout


def test_a_board_says_what_entries_reach_where_campaigns_adapted(data: list[Path], here: Path) -> None:
    store = here / "robust"
    for name, noise in (("first", 1.0), ("second", 5.0)):
        siphonbench.submit(data[0], entry(data[0], here / f"{name}-a", name, noise), store)
    siphonbench.submit(data[1], entry(data[1], here / "first-b", "first", 4.0), store)
    plain = call("leaderboard", "--data", data[0], "--board", store, "--format", "md").stdout
    asked = call("leaderboard", "--data", data[0], "--robust", data[1], "--board", store, "--format", "md").stdout
    assert ("robust" in plain, "robust" in asked) == (False, True)
    head, _, *rows = ([c.strip() for c in line.split("|")] for line in asked.strip().splitlines())
    shown = {row[head.index("entry")]: row[head.index("robust")] for row in rows}
    elsewhere = siphonbench.evaluate(data[1], here / "first-b").primary.value
    assert shown == {"first": f"{elsewhere:.3f}", "second": "–"}
    assert "worlds whose campaigns adapted" in (store / "board.html").read_text("utf-8")
    siphonbench.submit(data[1], entry(data[1], here / "third", "third", 1.0), here / "other")
    siphonbench.submit(data[0], entry(data[0], here / "second-c", "second", 1.0), here / "other")
    wrong = call("leaderboard", "--data", data[0], "--robust", data[1], "--board", here / "other")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "is also on" in wrong.stderr.replace("\n", " ")
    twice = call("leaderboard", "--data", data[0], "--data", data[1], "--robust", data[1], "--board", store)
    assert twice.exit_code == 2


def test_agreement_of_two_series(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"a": [0.9, 0.8, 0.9, 0.9], "b": [0.5, 0.6, 0.5, 0.5], "c": [0.4, 0.4, 0.6, 0.1]}
    monkeypatch.setattr(rank_agreement, "reached", lambda reports: values)
    of = [SeedReports(Path(n), Path()) for n in "1234"]
    rank_agreement.show(of[:2], of[2:])
    assert "| 3 | 6 | 0.67 | 0.33 | 1.00 | 1.00 |" in capsys.readouterr().out


def test_boards_are_written_for_papers_and_programs(data: list[Path], here: Path) -> None:
    for i, d in enumerate(data):
        for name, noise in (("good_one", 1.5), ("bad", 6)):
            siphonbench.submit(d, entry(d, here / f"{name}{i}", name, noise), here / "board")
    board = siphonbench.board(data[0], here / "board")
    of = ("leaderboard", "--data", data[0], "--board", here / "board")
    written = {form: call(*of, "--format", form).stdout for form in ("csv", "md", "latex")}
    rows = list(csv.DictReader(io.StringIO(written["csv"])))
    assert [(r["name"], float(r["primary"])) for r in rows] == [(e.name, e.primary) for e in board.entries]
    assert "| 1 | good_one |" in written["md"]
    assert r"1 & good\_one & " in written["latex"]
    series_of = call(*of, "--data", data[1], "--format", "csv").stdout
    assert [line.split(",")[0] for line in series_of.splitlines()] == ["entry", "good_one", "bad"]
    refused = call(*of, "--format", "word")
    assert (refused.exit_code, "--format 'word' is none of csv, md, latex" in refused.stderr) == (2, True)
