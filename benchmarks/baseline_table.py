"""The README's tables of baselines: `siphonbench baselines run` on several seeds of a preset, put together.

python -m benchmarks.baseline_table --preset medium --seeds 11 12 13 --folder tables

Goes on where an earlier run was stopped. Intervals of means over seeds join the campaigns of all seeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import siphonbench
from benchmarks import shown
from generator.schema import TIERS
from leaderboard.records import estimate
from leaderboard.records.scorecard import Scorecard
from siphonbench.workflows.detector_runs import REPORTS
from siphonbench.workflows.reproduction import RECALL

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")
HIDDEN = ("evasive", "adaptive")
Runs = dict[str, list[tuple[Scorecard, float, float]]]  # by detector: scorecard, seconds and MB of each seed


def run(preset: str, seed: int, folder: Path, workers: int) -> Path:
    """Reports of all detectors on one seed."""
    data, out = folder / f"{preset}-{seed}", folder / f"{preset}-{seed}-entries"
    if not data.exists():
        siphonbench.generate(preset, seed, data, workers)
    command = [sys.executable, "-m", "siphonbench", "baselines", "run", "--data", str(data), "--out", str(out)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return out / REPORTS


def collected(reports: list[Path]) -> Runs:
    """What each detector reached and took, seed by seed."""
    found: Runs = defaultdict(list)
    for folder in reports:
        for file in sorted(folder.glob("*/scorecard.json")):
            card = Scorecard.from_json(file.read_text("utf-8"))
            told = json.loads((file.parent / "run.json").read_text("utf-8"))
            if card.task == "accounts":
                found[told["detector"]].append((card, told["seconds"], told["peak_mb"]))
    return {name: runs for name, runs in found.items() if len(runs) == len(reports)}


def show(reports: list[Path], seeds: list[str]) -> None:
    """Print the tables of reports, one folder per seed."""
    runs = collected(reports)
    cards = {name: [card for card, _, _ in of] for name, of in runs.items()}
    value = {name: float(np.mean([c.primary.value for c in of])) for name, of in cards.items()}
    hidden = f"recall at FPR 1 %, {' and '.join(HIDDEN)}"
    shown.head(
        "detector",
        "AP",
        "95 % interval",
        *TIERS,
        *seeds,
        hidden,
        "chance",
        "ceiling",
        "headroom",
        "seconds",
        "peak MB",
    )
    for name in sorted(runs, key=lambda n: -value[n]):
        of = cards[name]
        low, high = estimate.mean([c.estimate for c in of]).interval()
        numbers = (
            *(np.mean([c.tiers[t]["ap"].value for c in of]) for t in TIERS),
            *(c.primary.value for c in of),
            np.mean([c.tiers[t][RECALL].value for c in of for t in HIDDEN]),
            np.mean([c.primary.chance for c in of]),
            *(np.mean([getattr(c, name) for c in of]) for name in ("ceiling", "headroom")),
        )
        took = np.array([(seconds, peak) for _, seconds, peak in runs[name]])
        shown.row(
            name,
            f"{value[name]:.3f}",
            f"{low:.3f}-{high:.3f}",
            *(f"{x:.3f}" for x in numbers),
            f"{took[:, 0].mean():.1f}",
            f"{took[:, 1].max():.0f}",
        )
    print()
    shown.head("step", "paired difference of AP", *seeds)
    for low_name, high_name in itertools.pairwise(CHAIN):
        each = [b.estimate - a.estimate for a, b in zip(cards[low_name], cards[high_name], strict=True)]
        shown.row(f"{high_name} - {low_name}", shown.paired(estimate.mean(each)), *map(shown.paired, each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    reports = [run(args.preset, seed, args.folder, args.workers) for seed in args.seeds]
    show(reports, [f"seed {seed}" for seed in args.seeds])


if __name__ == "__main__":
    main()
