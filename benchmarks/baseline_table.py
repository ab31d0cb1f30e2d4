"""The README's table: baselines on `small`, per seed, with the paired interval of each step.

python benchmarks/baseline_table.py --seeds 11 12 13 --folder /tmp/tables
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

from baselines import DETECTORS
from generator.schema import TIERS
from leaderboard import uncertainty
from siphonbench_cli import reproducing

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    print("| seed | detector | AP, mean of tiers | overt | evasive | adaptive | recall at FPR 1 % |")
    print("|---|---|---|---|---|---|---|")
    steps = []
    for seed in args.seeds:
        vectors = {}
        for name, card in reproducing.cards(args.preset, seed, args.folder, [*DETECTORS], args.workers):
            vectors[name] = np.array(card.resampled)
            tiers = " | ".join(f"{card.tiers[t]['ap'].value:.3f}" for t in TIERS)
            recall = card.tables["overall"][reproducing.RECALL].value
            p = card.primary
            print(
                f"| {seed} | {name} | {p.value:.3f} ({p.low:.3f}-{p.high:.3f}) | {tiers} | {recall:.3f} |",
                flush=True,
            )
        for low, high in itertools.pairwise(CHAIN):
            a, b = uncertainty.interval(vectors[high] - vectors[low])
            middle = float(np.median(vectors[high] - vectors[low]))
            steps.append(f"| {seed} | {high} - {low} | {middle:.3f} | {a:.3f} to {b:.3f} |")
    print("\n| seed | difference | median of the resamples | paired 95 % interval |\n|---|---|---|---|")
    print("\n".join(steps))


if __name__ == "__main__":
    main()
