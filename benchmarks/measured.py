"""A measurement in a process of its own, and what is kept of a run: figures as JSON, a table and a plot."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import baselines.apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
# One worker is one thread, for everybody.
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def apart(module: str, *arguments: str) -> Row:
    """What a module prints as JSON when it runs alone."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | _ONE_THREAD, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: its message is above")
    return dict(json.loads(done.stdout))


def peak_gib() -> float:
    """Peak memory of this process, or of the largest that it started and saw end."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return round(max(baselines.apart.peak_mb() * 1e6, of_children) / 2**30, 2)


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
    """Write NAME.json, NAME.md and NAME.png, and return what the JSON holds.

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
    (folder / f"{name}.md").write_text(table(rows, columns), "utf-8")
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
