"""benchmarks/: every peer fills the schema, a fall of more than 20 % is told, and sizes are what they say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

import siphonbench
from benchmarks import features, peers, scaling, score_oracle, sizes, training
from generator import schema
from leaderboard.tasks.ground_truth import GroundTruth

NAMES = [c.name for c in schema.REQUESTS]
NULLABLE = [c.name for c in schema.REQUESTS if c.nullable]
SCRIPTS = [name for name in peers.PEERS if not name.startswith((peers.OURS, "SDV"))]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_peer_fills_the_schema(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PART", 40)
    peers.PEERS[name](100, tmp_path)
    files = [pq.read_table(f) for f in sorted(tmp_path.iterdir())]
    assert [f.num_rows for f in files] == [40, 40, 20]
    for file in files:
        assert file.column_names == NAMES
        assert all(file.column(c.name).null_count == 0 for c in schema.REQUESTS if not c.nullable)
        assert all(0 < file.column(c).null_count < file.num_rows for c in NULLABLE)
    assert not files[0].slice(0, 20).equals(files[2])  # noise, not one file again and again


def test_ours_writes_the_schema(tmp_path: Path) -> None:
    said = peers._one(peers.OURS, 20_000, tmp_path)
    assert 10_000 < said["requests"] < 60_000
    file = next(tmp_path.glob("made/train/requests/*/*.parquet"))
    assert pq.read_schema(file).names == NAMES


def test_a_package_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sdv.metadata", None)
    assert peers._one("SDV, Gaussian copula", 10, tmp_path) == {"missing": "sdv"}


def test_a_measurement_stands_on_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    row = peers.measure(peers.PLAIN, 1000)
    assert row["requests"] == 1000
    assert 0.02 < row["peak_gib"] < 1
    assert row["core_seconds"] > 0
    assert row["bytes_per_request"] > 16  # two columns of random bits alone
    with pytest.raises(SystemExit, match=r"benchmarks\.peers .* ended with 2"):
        peers.measure("nobody", 1)
    capfd.readouterr()


def fake(speed: dict[str, float], calls: Counter[str]) -> Any:
    def measure(name: str, rows: int) -> dict[str, Any]:
        calls[name] += 1
        if name not in speed:
            return {"name": name, "missing": "something"}
        found = {"seconds": 1.0, "core_seconds": 1.0, "peak_gib": 0.5, "bytes_per_request": 60.0}
        rate = {"requests_per_second": 7, "requests_per_core_second": speed[name]}
        return {"name": name, "requests": rows, **found, **rate}

    return measure


@pytest.mark.parametrize(("fall", "code"), [(0.79, 1), (0.81, 0), (1.5, 0)])
def test_a_fall_of_our_ratio_is_told(
    fall: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: Counter[str] = Counter()
    monkeypatch.setattr(peers, "measure", fake({peers.OURS: 400.0, peers.PLAIN: 1000.0}, calls))
    peers.main(["--out", str(tmp_path / "was"), "--rows", "1e3"])
    assert calls == Counter(peers.PEERS.keys())
    was = tmp_path / "was" / "peers.json"
    assert [r.get("ratio") for r in json.loads(was.read_text("utf-8"))["rows"]][:3] == [0.4, None, 1.0]
    table = (tmp_path / "was" / "peers.md").read_text("utf-8")
    assert "| DuckDB | something is not installed | - |" in table
    assert (tmp_path / "was" / "peers.png").stat().st_size > 5000

    # A machine that is ten times as fast changes nothing.
    monkeypatch.setattr(peers, "measure", fake({peers.OURS: 4000.0 * fall, peers.PLAIN: 10_000.0}, calls))
    again = ["--out", str(tmp_path / "now"), "--only", "ours", "--check", str(was)]
    if not code:
        peers.main(again)
        return
    with pytest.raises(SystemExit) as stop:
        peers.main(again)
    assert "21% fewer than the 0.400 of" in str(stop.value)
    assert "\n" not in str(stop.value)  # a text, for which Python exits with 1


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"rows": [], "machine": {"date": ""}}'])
def test_no_figures_to_check_against(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "earlier.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit, match="2"):
        peers.main(["--out", str(tmp_path / "out"), "--check", str(file)])
    assert "holds no figures of an earlier run" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sizes_are_in_proportion() -> None:
    small, large = sizes.world(10**6), sizes.world(10**8)
    assert large.accounts == pytest.approx(100 * small.accounts, rel=0.01)
    assert large.extraction_accounts / large.accounts == pytest.approx(0.03, rel=0.01)
    assert (small.days, small.rate_cap, small.mix, small.overlay) == (
        large.days,
        large.rate_cap,
        large.mix,
        large.overlay,
    )
    assert small.buckets % 2 == large.buckets % 2 == 0


def test_cost_against_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "measure", fake({peers.OURS: 400.0}, Counter()))
    scaling.main(["--out", str(tmp_path), "--sizes", "1e5", "2e5", "--largest", "4e5"])
    rows = json.loads((tmp_path / "scaling.json").read_text("utf-8"))["rows"]
    assert [r["requests"] for r in rows] == [100_000, 200_000, 400_000]
    assert [r["core_us_per_request"] for r in rows] == [10, 5, 2.5]
    assert (tmp_path / "scaling.png").exists()


def test_features_and_training_are_measured(nano: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = siphonbench.load(nano)
    counts = data.manifest["splits"]["train"]["counts"]
    features.main([str(data.path)])
    told = json.loads(capsys.readouterr().out)
    assert (told["requests"], told["accounts"]) == (counts["requests"], counts["accounts"])
    training.main([str(data.path), "--detector", "volume"])
    told = json.loads(capsys.readouterr().out)
    assert told["requests"] == counts["requests"]
    assert 0 < told["peak_gib_after_fit"] <= told["peak_gib_after_score"]


class Toy(score_oracle.World):
    """1,200 accounts, 12 campaigns of 20, each a community that the detector rates no higher than others."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        campaign = np.repeat(np.arange(60), 20)
        attack = campaign < 12
        self.ids = pl.Series([f"a{i:04d}" for i in range(1200)])
        self.groups = campaign
        self.honest = dict.fromkeys(score_oracle.ATTACKS, rng.random(1200))
        names = pl.Series(campaign).cast(pl.String)
        labels = pl.DataFrame(
            {"account_id": self.ids, "label": np.where(attack, "extraction", "benign"), "cohort": names}
        ).with_columns(
            campaign=pl.when(pl.Series(attack)).then("cohort"),
            archetype="cohort",
            tier=pl.when(pl.Series(attack)).then(
                pl.Series(np.array(["overt", "evasive", "adaptive"])[campaign % 3])
            ),
            served=pl.Series(attack),
            extraction_requests=pl.Series(attack).cast(pl.Int64),
        )
        self._truth, self._digest = GroundTruth(labels, 1), "toy"


def test_reading_scores_gains_where_they_are_told_and_nothing_where_it_counts() -> None:
    world = Toy()
    divided = score_oracle.measure(world, 14, 2, 1)
    whole = score_oracle.measure(world, 14, 3, 1, divided=False)
    gains = {gain.attack: gain for gain in whole}
    assert (
        gains["communities"].counting > 0.4
    )  # as in a season of old: the same accounts gave feedback and counted
    assert gains["all labels"].counting > 0.9
    assert max(gain.counting for gain in divided) <= 0.05
    assert max(gain.feedback for gain in divided) > 0.4
    assert score_oracle.table(divided).count("\n") == 1 + len(score_oracle.ATTACKS)
