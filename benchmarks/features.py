"""Seconds and peak memory of all features, on one world of a dataset.

python -m benchmarks.features siphonbench-data/medium --split train
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import siphonbench
from baselines import isolated_run
from baselines.features import account_features
from baselines.features.feature_table import FEATURES
from benchmarks import measured


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="train")
    args = parser.parse_args(arguments)
    dataset = siphonbench.load(args.data)
    split = dataset.reveal(args.split)
    found, seconds, busy = measured.took(lambda: account_features.account_features(split, FEATURES))
    requests = dataset.manifest["splits"][args.split]["counts"]["requests"]
    figures = {
        "requests": requests,
        "accounts": len(found),
        "features": len(FEATURES),
        "seconds": round(seconds, 1),
        "core_seconds": round(busy, 1),
        "requests_per_second": round(requests / seconds),
        "peak_gib": round(isolated_run.peak_mb() * 1e6 / 2**30, 2),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
