"""What a detector's field groups are worth: the same detector, trained and tested with columns turned constant.

python -m benchmarks.ablation DATASET --detectors xgboost-relational xgboost-aggregates
"""

from __future__ import annotations

import argparse
from pathlib import Path

import siphonbench
from baselines.registry import DETECTORS
from benchmarks import shown
from generator import schema

VIEWS = {
    "M+L+C": shown.View(),
    "M": shown.View("M"),
    "M+L (no content)": shown.View("ML"),
    "M+C (no links)": shown.View("MC"),
    "M+L+C, no timing": shown.View(timed=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=["xgboost-relational"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = siphonbench.load(args.data)
    shown.head("detector", "fields", "AP, mean of tiers", *schema.TIERS, "paired difference to all fields")
    for name in args.detectors:
        whole = None
        for view, show in VIEWS.items():
            card = shown.card(DETECTORS[name](seed=args.seed), [data.train], data, show)
            tiers = (f"{card.tiers[t]['ap'].value:.3f}" if t in card.tiers else "-" for t in schema.TIERS)
            now = card.estimate
            whole = now if whole is None else whole
            difference = "-" if now is whole else shown.paired(now - whole)
            shown.row(name, view, shown.interval(card), *tiers, difference)


if __name__ == "__main__":
    main()
