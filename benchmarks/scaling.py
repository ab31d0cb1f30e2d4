"""Cost per request and peak memory of the generator, against size.

python -m benchmarks.scaling --out /tmp/figures
python -m benchmarks.scaling --out /tmp/figures --largest 1e8 --workers 2

Worlds differ in the number of their accounts and campaigns alone, see `sizes`. Each is written to the disk
(under $TMPDIR, 62 bytes per request), and deleted before the next.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import measured, peers
from benchmarks.measured import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "requests": lambda r: f"{r['requests']:,}",
    "seconds": measured.COLUMNS["seconds"],
    "requests/s": measured.COLUMNS["requests/s"],
    "core µs per request": lambda r: f"{r['core_us_per_request']:.2f}",
    "bytes per request": measured.COLUMNS["bytes per request"],
    "peak of a process, GiB": measured.COLUMNS["peak of a process, GiB"],
}
_WRITERS = {1: peers.OURS, 2: f"{peers.OURS}, 2 workers"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of scaling.json, .md and .png")
    parser.add_argument(
        "--sizes", type=measured.number, nargs="+", default=[10**5, 10**6, 10**7], metavar="REQUESTS"
    )
    parser.add_argument("--largest", type=measured.number, help="one more size")
    parser.add_argument("--workers", type=int, choices=_WRITERS, default=1)
    args = parser.parse_args(arguments)
    found = []
    for size in [*args.sizes, *([args.largest] if args.largest else [])]:
        row = peers.measure(_WRITERS[args.workers], size)
        row["core_us_per_request"] = round(1e6 * row["core_seconds"] / row["requests"], 3)
        found.append(row | {"workers": args.workers})
        print(json.dumps(found[-1]), flush=True)
    measured.keep(args.out, "scaling", ("numpy", "pyarrow"), found, COLUMNS, lambda *axes: _draw(found, *axes))


def _draw(rows: Sequence[Row], left: Axes, right: Axes) -> None:
    at = [r["requests"] for r in rows]
    left.plot(at, [r["core_us_per_request"] for r in rows], marker="o")
    left.set(xscale="log", ylim=(0, None), xlabel="requests", ylabel="core µs per request")
    right.plot(at, [r["peak_gib"] for r in rows], marker="o", color="tab:orange")
    right.set(xscale="log", ylim=(0, None), xlabel="requests", ylabel="peak memory of a process, GiB")


if __name__ == "__main__":
    main()
