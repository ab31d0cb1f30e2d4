"""benchmarks/hands.py: what a fall is, who is called a specialist, and that a run goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import siphonbench
from benchmarks import hands
from generator.config import dataset_config
from generator.config.hands import HANDS
from generator.dataset import Dataset
from generator.pipeline import generate

WORLD = {"name": "tiny", "seed": 5, "accounts": 240, "extraction_accounts": 36, "campaigns": 9, "days": 4}
REST = {"quiet_days": 0, "buckets": 1, "rate_cap": 60, "text": "none"}


def told(first: float, away: float, second: float = 0.6, back: float = 0.6, low: float = 0.2) -> dict[str, Any]:
    values = {"first_first": first, "first_second": away, "second_second": second, "second_first": back}
    row: dict[str, Any] = {}
    for key, value in values.items():
        row |= {key: value, f"{key}_low": low, f"{key}_high": 0.9, f"{key}_chance": 0.1}
    row |= {f"fall_{a}": hands.fall(row, a, b) for a, b in (hands.PAIR, hands.PAIR[::-1])}
    return row


def test_a_fall_is_the_share_lost_of_what_was_over_chance() -> None:
    assert told(0.5, 0.3)["fall_first"] == pytest.approx(0.5)
    assert told(0.5, 0.1)["fall_first"] == pytest.approx(1)
    assert told(0.5, 0.5)["fall_first"] == pytest.approx(0)
    assert told(0.5, 0.3, low=0.1)["fall_first"] is None  # nothing for certain to fall from


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (told(0.5, 0.29), "specialist of our hand"),
        (told(0.5, 0.31), "carries over"),
        (told(0.5, 0.5, 0.5, 0.2), "specialist of the second hand"),
        (told(0.5, 0.5, low=0.05), "no better than chance on our hand"),
    ],
)
def test_the_verdict_follows_from_the_falls(row: dict[str, Any], verdict: str) -> None:
    assert hands.verdict(row) == verdict


def test_the_pair_are_hands() -> None:
    assert set(hands.PAIR) <= set(HANDS)


def test_a_run_writes_its_table_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = []
    real = hands.judge

    def made(folder: Path, preset: str, seed: int, hand: str, workers: int) -> Dataset:
        data = folder / hand
        if not data.exists():
            generate.generate(dataset_config.from_dict(WORLD | REST | {"hand": hand}, "test"), data)
        return siphonbench.load(data)

    def counted(name: str, learnt: str, worlds: Any) -> Any:
        judged.append((name, learnt))
        return real(name, learnt, worlds)

    monkeypatch.setattr(hands, "made", made)
    monkeypatch.setattr(hands, "judge", counted)
    asked = [str(tmp_path), "--preset", "nano", "--seeds", "5", "--detectors", "volume", "random"]
    hands.main(asked)
    assert judged == [("volume", "first"), ("volume", "second"), ("random", "first"), ("random", "second")]
    found = json.loads((tmp_path / "hands.json").read_text("utf-8"))
    assert {r["detector"] for r in found["rows"]} == {"volume", "random"}
    assert len(set(found["digests"]["5"].values())) == 2
    row = found["rows"][0]
    assert row["first_first"] == row["second_first"]  # neither learns, so it does not matter from whom
    assert (tmp_path / "hands.csv").read_text("utf-8").count("\n") == 3
    before = capsys.readouterr().out
    assert before == (tmp_path / "hands.md").read_text("utf-8") + "\n"

    (tmp_path / "rows" / "nano-5.random.second.json").unlink()
    hands.main(asked)
    assert judged[4:] == [("random", "second")]
    assert capsys.readouterr().out == before
