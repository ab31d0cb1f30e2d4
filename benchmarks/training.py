"""Seconds and peak memory of fitting a detector on one world of a dataset and scoring another.

python -m benchmarks.training siphonbench-data/medium --detector xgboost-relational
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import siphonbench
from baselines import isolated_run
from baselines.registry import DETECTORS
from benchmarks import measured


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--detector", choices=DETECTORS, default="xgboost-relational")
    parser.add_argument("--split", default="validation", help="what is scored")
    args = parser.parse_args(arguments)
    dataset = siphonbench.load(args.data)
    detector = DETECTORS[args.detector]()
    figures = {"detector": args.detector, "requests": dataset.manifest["splits"]["train"]["counts"]["requests"]}
    seen = dataset.reveal(args.split).without_labels()
    for step, work in (("fit", lambda: detector.fit(dataset.train)), ("score", lambda: detector.score(seen))):
        _, seconds, busy = measured.took(work)
        figures |= {
            f"{step}_seconds": round(seconds, 1),
            f"{step}_core_seconds": round(busy, 1),
            f"peak_gib_after_{step}": round(isolated_run.peak_mb() * 1e6 / 2**30, 2),
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
