"""How far the order of all detectors is that of other seeds: Kendall's tau between seeds, and between two series.

python -m benchmarks.rank_agreement --preset small --first 11 12 13 14 15 --second 21 22 23 24 25 --folder tables

Goes on where an earlier run was stopped; worlds and runs are those of `benchmarks.baseline_table`.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks import baseline_table, shown
from benchmarks.baseline_table import SeedReports
from siphonbench.workflows.series import agreement


def reached(reports: list[SeedReports]) -> dict[str, list[float]]:
    """Average precision of each detector on each seed, of those that all seeds have."""
    runs = baseline_table.collected(reports)
    return {name: [row.card.primary.value for row in of] for name, of in runs.items()}


def show(first: list[SeedReports], second: list[SeedReports]) -> None:
    """Print the agreement of two series of reports."""
    values = reached([*first, *second])
    seeds = np.array(list(values.values())).T
    taus = [agreement(list(zip(a, b, strict=True))) for a, b in combinations(seeds.tolist(), 2)]
    between = [tau for tau in taus if tau is not None]
    one, other = seeds[: len(first)].mean(axis=0), seeds[len(first) :].mean(axis=0)
    series = agreement(list(zip(one.tolist(), other.tolist(), strict=True)))
    shown.head("detectors", "pairs of seeds", "tau between seeds, mean", "least", "most", "tau between the series")
    ends = (np.mean(between), np.min(between), np.max(between)) if between else (np.nan,) * 3
    numbers = (*ends, np.nan if series is None else series)
    shown.row(len(values), len(taus), *(f"{x:.2f}" for x in numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--first", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    parser.add_argument("--second", type=int, nargs="+", default=[21, 22, 23, 24, 25])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    first, second = (
        [baseline_table.run(args.preset, seed, args.folder, args.workers) for seed in seeds]
        for seeds in (args.first, args.second)
    )
    show(first, second)


if __name__ == "__main__":
    main()
