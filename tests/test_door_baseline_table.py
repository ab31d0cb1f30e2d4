"""benchmarks.baseline_table: from reports to tables, a protocol, and what README and docs show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import siphonbench
from benchmarks import baseline_table
from benchmarks.baseline_columns import HIDDEN, Row, short, table
from benchmarks.baseline_table import SeedReports
from leaderboard.metrics.decision_costs import REVIEWS_A_DAY
from siphonbench.cli.detectors.tune import PROTOCOL

NOISE = {"good": 0.5, "xgboost-aggregates": 3.0, "random": 1e6}


@pytest.fixture
def reports(nano: Path, tmp_path: Path) -> SeedReports:
    """What `baselines run` leaves of three detectors, and of a fourth that ran out of its budget."""
    folder = tmp_path / "reports"
    labels = siphonbench.load(nano).reveal("test").labels.pandas()
    rng = np.random.default_rng(0)
    for k, (name, noise) in enumerate(NOISE.items(), 1):
        labels["score"] = (labels["label"] == "extraction") + noise * rng.random(len(labels))
        (tmp_path / name).mkdir()
        labels[["account_id", "score"]].to_parquet(tmp_path / name / "predictions.parquet")
        (folder / name).mkdir(parents=True)
        card = siphonbench.evaluate(nano, tmp_path / name)
        (folder / name / "scorecard.json").write_text(card.to_json())
        told = {"detector": name, "seconds": 9.0, "core_seconds": 2.0 * k, "peak_mb": 100.0 * k}
        (folder / name / "run.json").write_text(json.dumps(told))
    (folder / "accounts.md").write_text("| good | 0.9 | - |\n| slow | out of 60 core s | - | - |\n")
    return SeedReports(folder, nano)


def test_a_row_is_what_a_detector_reached_and_took(reports: SeedReports) -> None:
    runs = baseline_table.collected([reports])
    head, rows = table(runs, baseline_table.unfinished([reports]), ["seed 7"], {"good": 4})
    assert [row[0] for row in rows] == ["good", "xgboost-aggregates", "random", "slow"]
    assert rows[-1][1:3] == ["out of 60 core s", "-"]
    assert {len(row) for row in rows} == {len(head)}
    first = dict(zip(head, rows[0], strict=True))
    assert (first["AP"], first["core seconds"], first["peak GiB"]) == (first["seed 7"], "2.0", "0.10")
    assert [row[-1] for row in rows] == ["4", "1", "1", "-"]
    assert first["at .1 %"] == f"{_mean(runs['good'][0], 'recall_fpr_1e-3'):.3f}"
    archetype, share = first["worst archetype flagged"].split()
    assert float(share) == max(round(v.value, 3) for v in runs["good"][0].card.false_positives.values())
    assert archetype == runs["good"][0].card.worst_archetype


def test_who_is_reviewed_is_counted_by_hand(reports: SeedReports) -> None:
    runs = baseline_table.collected([reports])
    data = siphonbench.load(reports.data)
    labels = data.reveal("test").labels.pandas()
    scored = labels[(labels["label"] == "benign") | ((labels["label"] == "extraction") & labels["served"])]
    reviewed = min(len(scored), REVIEWS_A_DAY * int(data.manifest["config"]["days"]))
    best = min(1.0, (scored["label"] == "extraction").sum() / reviewed)
    assert runs["good"][0].queue == pytest.approx(best)
    assert runs["random"][0].queue < best


def _mean(run: Row, metric: str) -> float:
    return float(np.mean([run.card.tiers[t][metric].value for t in HIDDEN]))


def test_readmes_rows_are_some_of_all(reports: SeedReports) -> None:
    head, rows = table(baseline_table.collected([reports]), {}, ["seed 7"], {})
    few, some = short(head, rows)
    assert (few[:2], [row[0] for row in some]) == (["detector", "AP"], [row[0] for row in rows])


def test_the_protocol_has_each_row_with_its_search(reports: SeedReports, tmp_path: Path) -> None:
    (tmp_path / "tuned" / "good").mkdir(parents=True)
    (tmp_path / "tuned" / "good" / PROTOCOL).write_text(json.dumps({"trials": {"asked": 4}}))
    runs = baseline_table.collected([reports])
    found = baseline_table.protocol(runs, baseline_table.searched(tmp_path / "tuned"), {"trials": 4})
    assert found["trials"] == 4
    assert found["rows"]["good"]["search"] == {"trials": {"asked": 4}}
    assert (found["rows"]["random"]["search"], found["rows"]["random"]["core_seconds"]) == (None, [6.0])


def test_tables_are_published_between_their_markers(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for place, name in baseline_table.PLACES.items():
        (tmp_path / place).write_text(f"before\n<!-- {name}: begin -->\nold\n<!-- {name}: end -->\nafter\n")
    head, rows = ["detector", "AP", "peak MB"], [[f"d{k}", "0.1", "9"] for k in range(7)]
    baseline_table.publish(tmp_path, "measured:", head, rows)
    short, long = ((tmp_path / place).read_text() for place in baseline_table.PLACES)
    assert all(t.startswith("before\n") and t.endswith("after\n") and "old" not in t for t in (short, long))
    assert ("| d4 | 0.1 |\n" in short, "d5" in short) == (True, False)
    assert "| d6 | 0.1 | 9 |\n" in long
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(SystemExit, match="has no place for a table"):
        baseline_table.publish(tmp_path, "measured:", head, rows)


def test_readme_and_docs_have_their_places() -> None:
    root = Path(siphonbench.__file__).parent.parent
    for place, name in baseline_table.PLACES.items():
        assert all(f"<!-- {name}: {end} -->" in (root / place).read_text("utf-8") for end in ("begin", "end"))
