"""The tables of baselines: all detectors on several seeds of a preset, tuned and run alike.

python -m benchmarks.baseline_table --preset medium --seeds 11 12 13 --folder tables --trials 10 --budget 3600

Parameters are tuned on validation of the first seed, as many trials and core seconds for each detector, and are
those of all seeds. Goes on where an earlier run was stopped. FOLDER gets table.md, table.csv, table.tex and
protocol.json; --publish also fills in README's short table and the long one in docs. Intervals of means over seeds
join the campaigns of all seeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

import siphonbench
from baselines import plugins
from benchmarks import measured, shown
from benchmarks.baseline_columns import CHAIN, Row, Runs, short, table
from generator import files
from leaderboard.metrics import decisions
from leaderboard.metrics.decision_costs import REVIEWS_A_DAY
from leaderboard.records import estimate
from leaderboard.records.scorecard import Scorecard
from leaderboard.tasks import accounts, scoring
from leaderboard.tasks.ground_truth import GroundTruth
from leaderboard.tracking import text_tables
from siphonbench.cli.detectors.tune import PROTOCOL
from siphonbench.workflows.detector_runs import REPORTS
from siphonbench.workflows.series import agreement

PLACES = {"README.md": "results", "docs/results.md": "long table"}
"""Where tables are published: the file, and the name of its markers."""


class SeedReports(NamedTuple):
    """What all detectors answered on one seed: a folder of reports, and the dataset."""

    folder: Path
    data: Path


def tuned(data: Path, folder: Path, trials: int, budget: int | None) -> Path:
    """Parameters of every detector that has any, tuned on one dataset; where a search failed, there are none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in plugins.everything("accounts").items():
        if not kind.ranges or (folder / name / PROTOCOL).exists():
            continue
        limits = ["--trials", str(trials), *(["--budget", str(budget)] if budget else [])]
        subprocess.run(
            _siphonbench("tune", name, "--data", str(data), *limits, "--out", str(folder / name)),
            check=False,  # a search without a good trial says so, and the detector keeps its defaults
            stdout=sys.stderr,
        )
    files.write_text(folder / "all.toml", "\n".join(f.read_text("utf-8") for f in sorted(folder.glob("*/*.toml"))))
    return folder / "all.toml"


def made(preset: str, seed: int, folder: Path, workers: int) -> Path:
    """The dataset of a seed."""
    data = folder / f"{preset}-{seed}"
    if not data.exists():
        siphonbench.generate(preset, seed, data, workers)
    return data


def run(
    preset: str, seed: int, folder: Path, workers: int, params: Path | None = None, budget: int | None = None
) -> SeedReports:
    """Reports of all detectors on one seed."""
    data, out = made(preset, seed, folder, workers), folder / f"{preset}-{seed}-entries"
    limits = [*(["--params", str(params)] if params else []), *(["--budget", str(budget)] if budget else [])]
    subprocess.run(
        _siphonbench("run", "--data", str(data), "--out", str(out), *limits), check=True, stdout=sys.stderr
    )
    return SeedReports(out / REPORTS, data)


def collected(reports: list[SeedReports]) -> Runs:
    """What each detector reached and took, seed by seed, of those that answered on all."""
    found: Runs = defaultdict(list)
    for folder, data in reports:
        truth = scoring.truth(siphonbench.load(data).reveal("test"), "accounts")
        for file in sorted(folder.glob("*/scorecard.json")):
            card = Scorecard.from_json(file.read_text("utf-8"))
            told = json.loads((file.parent / "run.json").read_text("utf-8"))
            if card.task == "accounts":
                answer = pl.read_parquet(folder.parent / file.parent.name / "predictions.parquet", glob=False)
                found[told["detector"]].append(
                    Row(card, told["core_seconds"], told["peak_mb"], reviewed(answer, truth))
                )
    return {name: runs for name, runs in found.items() if len(runs) == len(reports)}


def reviewed(answer: pl.DataFrame, truth: GroundTruth) -> float:
    """Share of extraction accounts among all that are reviewed in as many days as the window has."""
    people = truth.population
    score = accounts.aligned(answer, people)[people.scored]
    return decisions.queue_precision(score, people.attack[people.scored], REVIEWS_A_DAY, truth.days)


def unfinished(reports: list[SeedReports]) -> dict[str, str]:
    """Detectors that used up their budget on some seed, and what their row says."""
    lines = [line for folder, _ in reports for line in (folder / "accounts.md").read_text("utf-8").splitlines()]
    cells = [line.strip("| ").split(" | ") for line in lines if " | out of " in line]
    return {name: said for name, said, *_ in cells}


def searched(searches: Path | None) -> dict[str, dict[str, Any]]:
    """Protocol of each detector's search."""
    found = sorted(searches.glob(f"*/{PROTOCOL}")) if searches else []
    return {file.parent.name: json.loads(file.read_text("utf-8")) for file in found}


def protocol(runs: Runs, searches: dict[str, dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked of all, and for each row its search, what it took, and what it reached."""
    rows = {}
    for name, of in runs.items():
        rows[name] = {
            "search": searches.get(name),
            "ap": [r.card.primary.value for r in of],
            "datasets": [r.card.dataset for r in of],
            "core_seconds": [r.core_seconds for r in of],
            "peak_mb": [r.peak_mb for r in of],
        }
    packages = ("siphonbench", "numpy", "polars", "scikit-learn", "xgboost")
    return {**asked, "machine": measured.machine(packages), "rows": rows}


def publish(root: Path, said: str, head: list[str], rows: list[list[str]]) -> None:
    """Fill in README's short table and the long one in docs, between their markers."""
    for (place, name), content in zip(PLACES.items(), (short(head, rows), (head, rows)), strict=True):
        text = (root / place).read_text("utf-8")
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{root / place} has no place for a table: put {begin} and {end} into it")
        written = f"{begin}\n{said}\n\n{text_tables.as_markdown(*content)}{end}"
        files.write_text(root / place, before + written + after)


def show(runs: Runs, seeds: list[str]) -> None:
    """Print how far seeds agree on the order, and by how much each step of the chain leads the one before."""
    values = list(zip(*([r.card.primary.value for r in of] for of in runs.values()), strict=True))
    for (one, first), (other, second) in itertools.combinations(zip(seeds, values, strict=True), 2):
        tau = agreement(list(zip(first, second, strict=True)))
        print(f"Kendall's tau of {len(runs)} detectors, {one} and {other}: {'-' if tau is None else f'{tau:.2f}'}")
    if not all(name in runs for name in CHAIN):
        return
    shown.head("step", "paired difference of AP", *seeds)
    for low_name, high_name in itertools.pairwise(CHAIN):
        each = [b.card.estimate - a.card.estimate for a, b in zip(runs[low_name], runs[high_name], strict=True)]
        shown.row(f"{high_name} - {low_name}", shown.paired(estimate.mean(each)), *map(shown.paired, each))


def _siphonbench(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "siphonbench", "baselines", *arguments]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=1, help="of each detector's search; 1: the defaults")
    parser.add_argument("--budget", type=int, help="core seconds of a search, and of a run")
    parser.add_argument("--publish", action="store_true", help="fill in the tables of README and docs")
    args = parser.parse_args()
    searches = args.folder / f"{args.preset}-{args.seeds[0]}-tuned" if args.trials > 1 else None
    params = None
    if searches:
        first = made(args.preset, args.seeds[0], args.folder, args.workers)
        params = tuned(first, searches, args.trials, args.budget)
    reports = [run(args.preset, s, args.folder, args.workers, params, args.budget) for s in args.seeds]
    runs, seeds, found = collected(reports), [f"seed {seed}" for seed in args.seeds], searched(searches)
    finished = {name: int(told["trials"]["finished"]) for name, told in found.items()}
    head, rows = table(runs, unfinished(reports), seeds, finished)
    for ending, form in (("md", "md"), ("csv", "csv"), ("tex", "latex")):
        files.write_text(args.folder / f"table.{ending}", text_tables.FORMATS[form](head, rows))
    asked = {name: getattr(args, name) for name in ("preset", "seeds", "trials", "budget")}
    files.write_text(args.folder / PROTOCOL, json.dumps(protocol(runs, found, asked), indent=1) + "\n")
    print(text_tables.as_markdown(head, rows))
    show(runs, seeds)
    if args.publish:
        said = f"`{args.preset}`, seeds {', '.join(map(str, args.seeds))}, {args.trials} trials of each, by"
        publish(measured.ROOT, f"{said} `python -m benchmarks.baseline_table`:", head, rows)


if __name__ == "__main__":
    main()
