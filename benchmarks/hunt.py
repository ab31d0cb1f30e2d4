"""What the hunt finds in a dataset: rules, features with a clock, binned ones, borders. No detector is trained.

python -m benchmarks.hunt siphonbench-data/small
"""

from __future__ import annotations

import argparse
import time

from generator.audit.audited_dataset import AuditedDataset
from generator.dataset import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    start, hunt = time.monotonic(), AuditedDataset(load(parser.parse_args().dataset)).hunt
    for gate in hunt.gates():
        print(
            f"{'passed' if gate.passed else 'FAILED'}  {gate.name}: {gate.value:.3f} ({gate.bound})  {gate.where}"
        )
    for row in hunt.table():
        print(" | ".join(row))
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
