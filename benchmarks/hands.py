"""Does a detector know extraction or our habits: learn from one hand's worlds, be judged on the other's.

    python -m benchmarks.hands FOLDER --preset small --seeds 11
    python -m benchmarks.hands FOLDER --preset nano --detectors rate-limit xgboost-aggregates

A world and its twin differ in whose laws they follow (`generator.config.hands`) and in nothing else: accounts,
campaigns and tiers are the same. Each detector learns from `train` of one hand and answers about `test` of both.
It falls by the share that is lost, on the other hand, of what it has over chance on its own; who falls by more
than half is a specialist of the hand that it learnt from. Worlds, and one file for each detector, seed and hand,
stay in FOLDER: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import polars as pl

import siphonbench
from baselines.base import evaluation
from baselines.registry import DETECTORS
from benchmarks import measured, shown
from benchmarks.measured import Row
from generator import files
from generator.config import dataset_config
from generator.dataset import Dataset
from generator.pipeline import generate
from leaderboard.records import estimate
from leaderboard.records.scorecard import Scorecard

PAIR = ("first", "second")
"""Whose worlds are compared: ours, and another author's."""
CHOSEN = (
    *("xgboost-relational", "leiden-fusion", "xgb-graph", "xgboost-aggregates", "text-discrepancy"),
    *("rate-limit", "text-style", "text-duplicates", "provider-rules", "random"),
)
"""Detectors of README's first table."""
MOST_FALL = 0.5  # of what is reached over chance, from which on a detector is called a specialist (a)


def made(folder: Path, preset: str, seed: int, hand: str, workers: int) -> Dataset:
    """A world's three splits by one hand."""
    data = folder / "worlds" / f"{preset}-{seed}-{hand}"
    plain = dataset_config.preset(preset) | {"seed": seed, "hand": hand}
    if not data.exists():
        generate.generate(dataset_config.from_dict(plain, f"preset {preset}"), data, workers, resume=True)
    return siphonbench.load(data)


def row_file(folder: Path, preset: str, name: str, seed: int, hand: str) -> Path:
    """What a detector reached that learnt from one hand's world."""
    return folder / "rows" / f"{preset}-{seed}.{name}.{hand}.json"


def judge(name: str, learnt: str, worlds: Mapping[str, Dataset]) -> Row:
    """Scorecards on the test splits of all hands, of a detector that learnt from one of them."""
    targets = [world.test for world in worlds.values()]
    answers = evaluation.run_each(DETECTORS[name](), worlds[learnt].train, targets)
    cards = {
        hand: json.loads(shown.scored(worlds[hand], said.predictions).to_json())
        for hand, said in zip(worlds, answers, strict=True)
    }
    return {
        "detector": name,
        "learnt": learnt,
        "digests": {h: w.digest for h, w in worlds.items()},
        "cards": cards,
    }


def reached(rows: Sequence[Row], hand: str) -> Row:
    """Mean over seeds on one hand's test splits: average precision, its interval, and chance."""
    cards = [Scorecard.from_json(json.dumps(row["cards"][hand])) for row in rows]
    together = estimate.mean([card.estimate for card in cards])
    low, high = (cards[0].primary.low, cards[0].primary.high) if len(cards) == 1 else together.interval()
    chance = sum(card.primary.chance for card in cards) / len(cards)
    return {"ap": together.value, "low": low, "high": high, "chance": chance}


def compared(name: str, rows: Mapping[str, Sequence[Row]]) -> Row:
    """A row of the table: a detector on all pairs of hands, and how far it falls where it is not at home."""
    told: Row = {"detector": name}
    for learnt, hand in product(PAIR, PAIR):
        found = reached(rows[learnt], hand)
        told |= {f"{learnt}_{hand}{key and '_' + key}": found[k] for k, key in _KEYS.items()}
    for learnt, other in (PAIR, PAIR[::-1]):
        told[f"fall_{learnt}"] = fall(told, learnt, other)
    told["verdict"] = verdict(told)
    return told


_KEYS = {"ap": "", "low": "low", "high": "high", "chance": "chance"}


def fall(told: Row, learnt: str, other: str) -> float | None:
    """Share that is lost of what is reached over chance at home; None where that is nothing for certain."""
    home = f"{learnt}_{learnt}"
    if told[f"{home}_low"] <= told[f"{home}_chance"]:
        return None
    away = told[f"{learnt}_{other}"] - told[f"{learnt}_{other}_chance"]
    return float(1 - away / (told[home] - told[f"{home}_chance"]))


def verdict(told: Row) -> str:
    """What the falls say in words."""
    ours, theirs = (told[f"fall_{hand}"] for hand in PAIR)
    if ours is None:
        return "no better than chance on our hand"
    if ours > MOST_FALL:
        return "specialist of our hand"
    return "specialist of the second hand" if theirs is not None and theirs > MOST_FALL else "carries over"


def _reached(learnt: str, hand: str) -> Callable[[Row], str]:
    key = f"{learnt}_{hand}"
    return lambda r: f"{r[key]:.3f} ({r[f'{key}_low']:.3f}-{r[f'{key}_high']:.3f})"


def _falls(hand: str) -> Callable[[Row], str]:
    return lambda r: "-" if r[f"fall_{hand}"] is None else f"{r[f'fall_{hand}']:.0%}"


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "detector": lambda r: r["detector"],
    "learnt first, judged first": _reached("first", "first"),
    "learnt first, judged second": _reached("first", "second"),
    "falls by": _falls("first"),
    "learnt second, judged second": _reached("second", "second"),
    "learnt second, judged first": _reached("second", "first"),
    "falls by ": _falls("second"),
    "chance": lambda r: f"{r['first_first_chance']:.3f}, {r['second_second_chance']:.3f}",
    "verdict": lambda r: r["verdict"],
}


def write(folder: Path, preset: str, seeds: Sequence[int], names: Sequence[str]) -> str:
    """Write hands.json, .csv and .md from the rows that are there, best at home first; returns the table."""
    found, digests = [], {}
    for name in names:
        of_hand: dict[str, list[Row]] = {hand: [] for hand in PAIR}
        for hand, seed in product(PAIR, seeds):
            file = row_file(folder, preset, name, seed, hand)
            if file.exists():
                of_hand[hand].append(json.loads(file.read_text("utf-8")))
                digests[str(seed)] = of_hand[hand][-1]["digests"]
        if all(len(rows) == len(seeds) for rows in of_hand.values()):
            found.append(compared(name, of_hand))
    found.sort(key=lambda r: -r["first_first"])
    machine = measured.machine(("siphonbench", "numpy", "polars", "scikit-learn", "xgboost"))
    told = {"preset": preset, "seeds": [*seeds], "digests": digests, "machine": machine, "rows": found}
    table = measured.table(found, COLUMNS)
    files.write_text(folder / "hands.json", json.dumps(told, indent=1) + "\n")
    files.write_text(folder / "hands.csv", pl.DataFrame(found, infer_schema_length=None).write_csv())
    files.write_text(folder / "hands.md", table)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where worlds, rows and the table are kept")
    parser.add_argument("--preset", choices=dataset_config.PRESETS, default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11])
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, metavar="NAME", default=list(CHOSEN))
    parser.add_argument("--workers", type=int, default=2, help="that make datasets")
    args = parser.parse_args(arguments)
    (args.folder / "rows").mkdir(parents=True, exist_ok=True)
    for seed, name, hand in product(args.seeds, args.detectors, PAIR):
        file = row_file(args.folder, args.preset, name, seed, hand)
        if file.exists():
            continue
        worlds = {h: made(args.folder, args.preset, seed, h, args.workers) for h in PAIR}
        files.write_text(file, json.dumps(judge(name, hand, worlds)) + "\n")
        write(args.folder, args.preset, args.seeds, args.detectors)
    print(write(args.folder, args.preset, args.seeds, args.detectors))


if __name__ == "__main__":
    main()
