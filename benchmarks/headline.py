"""The headline: 25,000 accounts among a million, looked for by detectors that learnt from another world.

    python -m benchmarks.headline FOLDER --lesson siphonbench-data/medium

Every step has a process of its own and a record in FOLDER/steps: the world, losses by account and day, one fit of
each detector, one answer of each at the end of each asked day. Run again after a kill, it goes on with the next
step. A step that takes more memory, or more than what is left of the time, is ended, and its row says so. First
all detectors are asked at the end of the window, then at the earlier days, each time from cheap to dear.
FOLDER gets headline.md, .csv, .json and .svg, written anew after each round.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

import siphonbench
from baselines.registry import DETECTORS
from benchmarks import headline_step as step
from benchmarks import headline_table, measured
from generator import files
from generator.config import dataset_config

CHOSEN = (
    *("account-age", "volume", "rate-limit", "reputation", "provider-rules", "work-coverage", "evilcohort"),
    *("link-communities", "seat", "xgboost-aggregates", "xgboost-relational", "xgb-graph"),
)
"""All families, cheap ones first: what is last is what the time may not suffice for."""
DAYS = (6, 13, 20)
"""Ends of the first three weeks: who collects evenly for 45 days has half of all on day 22."""
_STEPS = "steps"
_LOOK_S = 0.25  # between two looks at a process


@dataclass(frozen=True)
class Record:
    """What a step took, and why it ended before its time ("": it did not)."""

    seconds: float = 0.0
    core_seconds: float = 0.0
    peak_gib: float = 0.0
    ended: str = ""


@dataclass(frozen=True)
class Run:
    """A folder of steps, and what they may take.

    Attributes
    ----------
    folder : Path
        Where everything is kept.
    memory : float
        GiB that a process may take.
    seconds : float
        Wall time of all steps together, those of earlier runs included.
    again : bool
        Whether steps that were ended or failed are taken again.
    """

    folder: Path
    memory: float
    seconds: float
    again: bool = False

    def take(self, name: str) -> Record:
        """Take a step, unless there is a record of it."""
        file = self.folder / _STEPS / f"{name}.json"
        if file.exists():
            known = _record(file)
            if not (known.ended and self.again):
                return known
            file.unlink()
        left = self.seconds - sum(r.seconds for r in self.records().values())
        if left <= 0:
            return Record(ended="no time was left")
        print(f"{name}: {left / 60:.1f} minutes are left", file=sys.stderr, flush=True)
        (peak, ended), seconds, busy = measured.took(lambda: self._watch(name, left))
        taken = Record(round(seconds, 1), round(busy, 1), round(peak, 2), ended)
        files.write_text(file, json.dumps(asdict(taken)) + "\n")
        return taken

    def records(self) -> dict[str, Record]:
        """What every step so far took."""
        return {file.stem: _record(file) for file in sorted((self.folder / _STEPS).glob("*.json"))}

    def _watch(self, name: str, left: float) -> tuple[float, str]:
        """Peak memory of the process of a step, GiB, and why it ended."""
        log, end, peak = self.folder / _STEPS / f"{name}.log", time.monotonic() + left, 0.0
        with _started(self.folder, name, log) as process:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    said, _ = process.communicate(timeout=_LOOK_S)
                    break
                now, highest = _resident_gib(process.pid)
                peak = max(peak, highest)
                if now > self.memory:
                    return peak, f"ended: took more than {self.memory:g} GiB"
                if time.monotonic() > end:
                    return peak, "ended: no time was left"
        if process.returncode:
            last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2][:200]
            return peak, f"ended with {process.returncode}: {last or 'it said nothing'}"
        return max(peak, json.loads(said)["peak_gib"]), ""


@contextlib.contextmanager
def _started(folder: Path, name: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The process of a step, in a group of its own, which is ended when the block is left."""
    theirs, ours = os.pipe()  # ours stays open while we live: the step ends when it closes
    command = [sys.executable, "-m", "benchmarks.headline_step", str(folder), name]
    group: dict[str, Any] = {"cwd": measured.ROOT, "start_new_session": True, "text": True}
    try:
        with (
            log.open("w", encoding="utf-8") as stream,
            subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=stream, **group) as process,
        ):
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        os.close(theirs)
        os.close(ours)


def _resident_gib(pid: int) -> tuple[float, float]:
    """Resident memory of a process now, and its peak; nothing once it has ended."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
        found = (re.search(rf"{name}:\s+(\d+) kB", status) for name in ("VmRSS", "VmHWM"))
        now, peak = (int(m[1]) / 2**20 if m else 0.0 for m in found)
        return now, peak
    return 0.0, 0.0


def _record(file: Path) -> Record:
    return Record(**json.loads(file.read_text("utf-8")))


def rounds(run: Run, names: Sequence[str], days: Sequence[int]) -> Iterator[None]:
    """Ask all detectors at the end of the window, then at earlier days; those that failed are asked no more."""
    left = [name for name in names if not run.take(step.fitting(name)).ended]
    for day in days:
        left = [name for name in left if not run.take(step.asking(name, day)).ended]
        yield


def rows(run: Run, names: Sequence[str], days: Sequence[int]) -> list[measured.Row]:
    """One row for each detector, whatever became of it."""
    truth, known, found = headline_table.read_truth(run.folder), run.records(), []
    for name in names:
        asked = {day: known.get(step.asking(name, day)) for day in days}
        mine = [r for r in (known.get(step.fitting(name)), *asked.values()) if r]
        answers = {
            day: pl.read_parquet(step.answer_file(run.folder, name, day))
            for day, record in asked.items()
            if record and not record.ended
        }
        row: measured.Row = {"detector": name, "family": headline_table.family(name), "note": _note(mine, asked)}
        if mine:
            row |= {
                "seconds": sum(r.seconds for r in mine),
                "core_seconds": sum(r.core_seconds for r in mine),
                "peak_gib": max(r.peak_gib for r in mine),
            }
        found.append(row | (headline_table.figures(truth, answers) if answers else {}))
    return found


def _note(mine: Sequence[Record], asked: dict[int, Record | None]) -> str:
    """Why a row is not complete."""
    said = [r.ended for r in mine if r.ended]
    missing = sorted(day for day, record in asked.items() if not record)
    return "; ".join([*said, *([f"not asked on days {', '.join(map(str, missing))}"] if missing else [])])


def write(run: Run, names: Sequence[str], days: Sequence[int]) -> str:
    """Write table and picture; returns the table as Markdown."""
    found, folder = rows(run, names, days), run.folder
    asked = json.loads((folder / step.ASKED).read_text("utf-8"))
    world = siphonbench.load(folder / step.WORLD)
    counts = world.manifest["splits"][step.judged(world)]["counts"]
    packages = ("siphonbench", "numpy", "polars", "scikit-learn", "xgboost")
    told = {
        "asked": asked | {"memory": run.memory, "seconds": run.seconds, "days": list(days)},
        "machine": measured.machine(packages),
        "dataset": {"name": world.name, "digest": world.digest, "counts": counts},
        "steps": {name: asdict(record) for name, record in run.records().items()},
        "rows": found,
    }
    table = measured.table(found, headline_table.COLUMNS)
    files.write_text(folder / "headline.json", json.dumps(told, indent=1) + "\n")
    files.write_text(folder / "headline.md", table)
    flat = [{key: value for key, value in row.items() if key != "days"} for row in found]
    pl.DataFrame(flat, infer_schema_length=None).write_csv(folder / "headline.csv")
    served, accounts, requests = (f"{counts[name]:,}" for name in ("served", "accounts", "requests"))
    title = f"{served} accounts of extraction among {accounts}, {requests} requests"
    headline_table.save(headline_table.draw(found, title), folder / "headline.svg")
    return table


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where everything is kept; headline takes 28 GB")
    parser.add_argument("--scenario", default="headline", help="name, or a TOML file")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lesson", type=Path, help="dataset to learn from; left out, medium 11 is made")
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, metavar="NAME", default=list(CHOSEN))
    parser.add_argument("--days", type=int, nargs="*", default=list(DAYS), help="asked before the last, from 0")
    parser.add_argument("--memory", type=float, default=20.0, metavar="GIB", help="of one process")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of all steps together")
    parser.add_argument("--workers", type=int, default=2, help="that make datasets")
    parser.add_argument("--again", action="store_true", help="take steps again that failed or were ended")
    args = parser.parse_args(arguments)
    args.folder = args.folder.resolve()
    asked = {
        "scenario": str(Path(args.scenario).resolve()) if args.scenario.endswith(".toml") else args.scenario,
        "seed": args.seed,
        "lesson": str(args.lesson.resolve()) if args.lesson else "",
    }
    last = dataset_config.from_file(Path(asked["scenario"]), args.seed).days - 1
    if wrong := [day for day in args.days if not 0 <= day < last]:
        parser.error(
            f"days {', '.join(map(str, wrong))} do not lie before the last, {last}: choose 0 to {last - 1}"
        )
    args.days = [last, *sorted(set(args.days), reverse=True)]
    file = args.folder / step.ASKED
    if file.exists() and (was := json.loads(file.read_text("utf-8"))) | asked != was:
        parser.error(f"{args.folder} holds the run of another world or lesson, {was}: choose another folder")
    (args.folder / _STEPS).mkdir(parents=True, exist_ok=True)
    files.write_text(file, json.dumps(asked | {"workers": args.workers}) + "\n")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    args = _arguments(arguments)
    run = Run(args.folder, args.memory, args.seconds, args.again)
    for name in (step.WORLD, *(() if args.lesson else (step.LESSON,)), step.LOSSES):
        if why := run.take(name).ended:
            raise SystemExit(f"{name}: {why}")
    table = ""
    for _ in rounds(run, args.detectors, args.days):
        table = write(run, args.detectors, args.days)
    print(table)


if __name__ == "__main__":
    main()
