"""A measurement in a process of its own, and what is kept of a run: figures as JSON, a table and a plot.

As a program it runs another one, and tells in JSON what that printed and the peak memory of its largest process.
It has to be small itself: Linux counts what started a process into its peak.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
T = TypeVar("T")
COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "seconds": lambda r: f"{r['seconds']:.1f}",
    "requests/s": lambda r: f"{r['requests_per_second']:,}",
    "bytes per request": lambda r: f"{r['bytes_per_request']:.1f}",
    "peak of a process, GiB": lambda r: f"{r['peak_gib']:.2f}",
}
"""What tables of the generator show of a row of figures."""
# One worker is one thread, for everybody.
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def apart(module: str, *arguments: str) -> Row:
    """What a module prints as JSON when it runs alone, and `peak_gib` of its largest process."""
    command = [sys.executable, "-m", module, *arguments]
    between = [sys.executable, "-m", "benchmarks.measured", *command]
    done = subprocess.run(between, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | _ONE_THREAD, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: its message is above")
    said = json.loads(done.stdout)
    return {**json.loads(said["out"]), "peak_gib": round(said["peak_kib"] / 2**20, 2)}


def took(work: Callable[[], T]) -> tuple[T, float, float]:
    """What some work returns, its seconds, and its core seconds in this process and those that it saw end."""
    start, busy = time.perf_counter(), sum(os.times()[:4])
    done = work()
    return done, time.perf_counter() - start, sum(os.times()[:4]) - busy


def number(text: str) -> int:
    """A count on a command line, also as 1e6."""
    return int(float(text))


def machine(packages: Sequence[str]) -> Row:
    """Where and when figures were taken."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {p: _version(p) for p in packages},
    }


def keep(
    folder: Path,
    name: str,
    packages: Sequence[str],
    rows: Sequence[Row],
    columns: Mapping[str, Callable[[Row], str]],
    draw: Callable[[Axes, Axes], None],
) -> Row:
    """Write NAME.json, NAME.md and NAME.png, print the table, and return what the JSON holds.

    Parameters
    ----------
    rows : sequence of dict
        Figures, one dict a row of the table.
    columns : mapping of str to callable
        Heading of each column, and what it shows of a row.
    draw : callable
        Draws the figures on two axes.
    """
    found = {"machine": machine(packages), "rows": list(rows)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    shown = table(rows, columns)
    (folder / f"{name}.md").write_text(shown, "utf-8")
    print(shown)
    _plot(folder / f"{name}.png", draw)
    return found


def table(rows: Sequence[Row], columns: Mapping[str, Callable[[Row], str]]) -> str:
    """Markdown table; a cell whose figure a row lacks is a dash."""
    lines = [[*columns], ["---"] * len(columns)]
    lines += [[_cell(row, show) for show in columns.values()] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(row: Row, show: Callable[[Row], str]) -> str:
    try:
        return show(row)
    except KeyError:
        return "-"


def _plot(file: Path, draw: Callable[[Axes, Axes], None]) -> None:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    draw(left, right)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    """Run a command; see the module."""
    done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    json.dump({"out": done.stdout, "peak_kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}, sys.stdout)


if __name__ == "__main__":
    main()
