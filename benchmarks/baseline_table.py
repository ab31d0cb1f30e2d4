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

import numpy as np

import siphonbench
from baselines import plugins
from benchmarks import measured, shown
from generator import files
from generator.schema import TIERS
from leaderboard.records import estimate
from leaderboard.records.scorecard import Scorecard
from leaderboard.tracking import text_tables
from siphonbench.cli.detectors.tune import PROTOCOL
from siphonbench.workflows.detector_runs import REPORTS
from siphonbench.workflows.reproduction import RECALL

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")
HIDDEN = ("evasive", "adaptive")
BEST = 5  # detectors of README's table, beside the chain and chance
PLACES = {"README.md": "results", "docs/results.md": "long table"}
"""Where tables are published: the file, and the name of its markers."""


class Row(NamedTuple):
    """What a detector reached and took on one seed."""

    card: Scorecard
    seconds: float
    core_seconds: float
    peak_mb: float


Runs = dict[str, list[Row]]  # by detector: one of each seed


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
) -> Path:
    """Reports of all detectors on one seed."""
    data, out = made(preset, seed, folder, workers), folder / f"{preset}-{seed}-entries"
    limits = [*(["--params", str(params)] if params else []), *(["--budget", str(budget)] if budget else [])]
    subprocess.run(
        _siphonbench("run", "--data", str(data), "--out", str(out), *limits), check=True, stdout=sys.stderr
    )
    return out / REPORTS


def collected(reports: list[Path]) -> Runs:
    """What each detector reached and took, seed by seed, of those that answered on all."""
    found: Runs = defaultdict(list)
    for folder in reports:
        for file in sorted(folder.glob("*/scorecard.json")):
            card = Scorecard.from_json(file.read_text("utf-8"))
            told = json.loads((file.parent / "run.json").read_text("utf-8"))
            if card.task == "accounts":
                of = (told[c] for c in ("seconds", "core_seconds", "peak_mb"))
                found[told["detector"]].append(Row(card, *of))
    return {name: runs for name, runs in found.items() if len(runs) == len(reports)}


def unfinished(reports: list[Path]) -> dict[str, str]:
    """Detectors that used up their budget on some seed, and what their row says."""
    lines = [line for folder in reports for line in (folder / "accounts.md").read_text("utf-8").splitlines()]
    cells = [line.strip("| ").split(" | ") for line in lines if " | out of " in line]
    return {name: said for name, said, *_ in cells}


def table(runs: Runs, spent: dict[str, str], seeds: list[str]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the long table, best first."""
    hidden = f"recall at FPR 1 %, {' and '.join(HIDDEN)}"
    bounds = ("ceiling", "headroom")
    head = [
        "detector",
        "AP",
        "95 % interval",
        *TIERS,
        *seeds,
        hidden,
        "chance",
        *bounds,
        "core seconds",
        "peak MB",
    ]
    value = {name: float(np.mean([r.card.primary.value for r in of])) for name, of in runs.items()}
    rows = []
    for name in sorted(runs, key=lambda n: (-value[n], n)):
        cards = [r.card for r in runs[name]]
        low, high = estimate.mean([c.estimate for c in cards]).interval()
        numbers = (
            *(np.mean([c.tiers[t]["ap"].value for c in cards]) for t in TIERS),
            *(c.primary.value for c in cards),
            np.mean([c.tiers[t][RECALL].value for c in cards for t in HIDDEN]),
            np.mean([c.primary.chance for c in cards]),
            *(np.mean([getattr(c, bound) for c in cards]) for bound in bounds),
        )
        took = f"{np.mean([r.core_seconds for r in runs[name]]):.1f}", f"{max(r.peak_mb for r in runs[name]):.0f}"
        rows.append([name, f"{value[name]:.3f}", f"{low:.3f}-{high:.3f}", *(f"{x:.3f}" for x in numbers), *took])
    rows += [[name, said, *["-"] * (len(head) - 2)] for name, said in sorted(spent.items()) if name not in runs]
    return head, rows


def protocol(runs: Runs, searches: Path | None, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked of all, and for each row its search, what it took, and what it reached."""
    rows = {}
    for name, of in runs.items():
        file = searches / name / PROTOCOL if searches else None
        rows[name] = {
            "search": json.loads(file.read_text("utf-8")) if file and file.exists() else None,
            "ap": [r.card.primary.value for r in of],
            "datasets": [r.card.dataset for r in of],
            "core_seconds": [r.core_seconds for r in of],
            "peak_mb": [r.peak_mb for r in of],
        }
    packages = ("siphonbench", "numpy", "polars", "scikit-learn", "xgboost")
    return {**asked, "machine": measured.machine(packages), "rows": rows}


def short(head: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """README's rows and columns of the long table."""
    names = {row[0] for row in rows[:BEST]} | {*CHAIN, "random"}
    kept = [
        k for k, name in enumerate(head) if name in ("detector", "AP", "95 % interval", *TIERS, "core seconds")
    ]
    return [head[k] for k in kept], [[row[k] for k in kept] for row in rows if row[0] in names]


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
    """Print by how much each step of the chain is ahead of the one before."""
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
    runs, seeds = collected(reports), [f"seed {seed}" for seed in args.seeds]
    head, rows = table(runs, unfinished(reports), seeds)
    for ending, form in (("md", "md"), ("csv", "csv"), ("tex", "latex")):
        files.write_text(args.folder / f"table.{ending}", text_tables.FORMATS[form](head, rows))
    asked = {name: getattr(args, name) for name in ("preset", "seeds", "trials", "budget")}
    files.write_text(args.folder / PROTOCOL, json.dumps(protocol(runs, searches, asked), indent=1) + "\n")
    print(text_tables.as_markdown(head, rows))
    show(runs, seeds)
    if args.publish:
        said = f"`{args.preset}`, seeds {', '.join(map(str, args.seeds))}, {args.trials} trials of each, by"
        publish(measured.ROOT, f"{said} `python -m benchmarks.baseline_table`:", head, rows)


if __name__ == "__main__":
    main()
