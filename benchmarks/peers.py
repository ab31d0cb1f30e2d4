"""Speed, memory and size of the generator beside scripts that fill the same schema with independent noise.

python -m benchmarks.peers --out /tmp/figures
python -m benchmarks.peers --out /tmp/figures --only ours --check benchmarks/figures/peers.json

Every writer runs in a process of its own, on one core (ours also with two workers), and writes Parquet to the disk
(under $TMPDIR); it is timed from after its imports to its last file. Ratios are of requests per core second, which
other work on the machine moves less than the clock. With --check the run fails if ours fell since EARLIER.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks import measured, noise, sizes
from benchmarks.measured import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PART = 500_000  # rows of a file, and of what a script holds in memory
MOST_FALL = 0.2  # of our ratio to the plain numpy script
OURS, PLAIN = "SiphonBench", "numpy + pyarrow"
Writer = Callable[[int, Path], None]


def _parts(write: Callable[[int, Path, int], None]) -> Writer:
    """A writer of one file as one of a folder."""

    def all_parts(rows: int, folder: Path) -> None:
        for part, first in enumerate(range(0, rows, PART)):
            write(min(PART, rows - first), folder / f"part-{part:04d}.parquet", part)

    return all_parts


def _ours(workers: int) -> Writer:
    def generated(rows: int, folder: Path) -> None:
        from generator.pipeline import generate

        generate.generate(sizes.world(rows), folder / "made", workers)

    return generated


PEERS: Mapping[str, Writer] = {
    OURS: _ours(1),
    f"{OURS}, 2 workers": _ours(2),
    PLAIN: _parts(noise.numpy),
    "Polars + numpy": _parts(noise.polars),
    "DuckDB": _parts(noise.duckdb),
    "pandas + numpy": _parts(noise.pandas),
    "SDV, Gaussian copula": _parts(noise.sdv),
    "Faker": _parts(noise.faker),
}
_FEWER = {"Faker": 200, "SDV, Gaussian copula": 50}
PACKAGES = ("numpy", "pyarrow", "pandas", "polars", "duckdb", "faker", "sdv")
COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "writer": lambda r: r["name"],
    "requests": lambda r: f"{r['requests']:,}" if "requests" in r else f"{r['missing']} is not installed",
    "seconds": measured.COLUMNS["seconds"],
    "requests/s": measured.COLUMNS["requests/s"],
    "per core second": lambda r: f"{r['requests_per_core_second']:,}",
    "to plain numpy": lambda r: f"{r['ratio']:.3f}",
    "bytes per request": measured.COLUMNS["bytes per request"],
    "peak of a process, GiB": measured.COLUMNS["peak of a process, GiB"],
}


def measure(name: str, rows: int) -> Row:
    """Figures of one writer, in a process of its own; `missing` names a package that it lacks."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured.apart("benchmarks.peers", "--one", name, "--rows", str(rows), "--out", folder)
    if "missing" in found:
        return {"name": name, "missing": found["missing"]}
    requests = found["requests"]
    each = {
        "requests_per_second": round(requests / found["seconds"]),
        "requests_per_core_second": round(requests / found["core_seconds"]),
        "bytes_per_request": round(found.pop("bytes") / requests, 1),
    }
    return {"name": name, **found, **each}


def fallen(earlier: Row, now: Row) -> str:
    """What to say if our ratio to the plain numpy script fell too far; else nothing.

    Raises
    ------
    KeyError
        If one of them has no such ratio.
    """
    was, found = _ratio(earlier), _ratio(now)
    if found >= was * (1 - MOST_FALL):
        return ""
    return (
        f"{OURS} makes {found:.3f} requests in the core time of one of the plain numpy script, "
        f"{1 - found / was:.0%} fewer than the {was:.3f} of {earlier['machine']['date']}, and {MOST_FALL:.0%} are "
        "allowed: profile what was changed since"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of peers.json, peers.md and peers.png")
    parser.add_argument("--rows", type=measured.number, default=4_000_000)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="writers whose names hold a word")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, of which the fastest counts")
    parser.add_argument("--check", type=Path, metavar="EARLIER", help="peers.json of an earlier run")
    parser.add_argument("--one", choices=PEERS, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.one:
        print(json.dumps(_one(args.one, args.rows, args.out)))
        return
    earlier = _read(parser, args.check) if args.check else None
    words = {"ours": OURS}
    chosen = [n for n in PEERS if n == PLAIN or any(words.get(w, w).lower() in n.lower() for w in args.only)]
    found = []
    for name in chosen:
        rows = max(1, args.rows // _FEWER.get(name, 1))
        runs = [measure(name, rows) for _ in range(args.repeat)]
        found.append(min(runs, key=lambda r: r.get("core_seconds", 0)))
        print(json.dumps(found[-1]), flush=True)
    plain = next(r["requests_per_core_second"] for r in found if r["name"] == PLAIN)
    for row in found:
        if "requests" in row:
            row["ratio"] = round(row["requests_per_core_second"] / plain, 4)
    now = measured.keep(args.out, "peers", PACKAGES, found, COLUMNS, lambda *axes: _draw(found, *axes))
    if earlier and (why := fallen(earlier, now)):
        raise SystemExit(why)


def _one(name: str, rows: int, folder: Path) -> Row:
    try:
        _, seconds, busy = measured.took(lambda: PEERS[name](rows, folder))
    except ModuleNotFoundError as error:
        return {"missing": str(error.name).partition(".")[0]}
    files = [f for f in folder.rglob("*.parquet") if f.parent == folder or "requests" in f.parts]
    return {
        "requests": sum(pq.read_metadata(f).num_rows for f in files),
        "seconds": round(seconds, 3),
        "core_seconds": round(busy, 3),
        "bytes": sum(f.stat().st_size for f in files),
    }


def _ratio(figures: Row) -> float:
    return float(next(r["ratio"] for r in [*figures["rows"], {"name": OURS}] if r["name"] == OURS))


def _read(parser: argparse.ArgumentParser, file: Path) -> Row:
    try:
        earlier: Row = json.loads(file.read_text("utf-8"))
        fallen(earlier, earlier)
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"--check {file} holds no figures of an earlier run ({error!r}): give a peers.json")
    return earlier


def _draw(rows: Sequence[Row], left: Axes, right: Axes) -> None:
    there = [r for r in rows if "requests" in r][::-1]
    names = [r["name"] for r in there]
    colors = ["tab:orange" if n.startswith(OURS) else "tab:blue" for n in names]
    left.barh(names, [r["requests_per_core_second"] for r in there], color=colors)
    left.set(xscale="log", xlabel="requests per core second")
    right.barh(names, [r["peak_gib"] for r in there], color=colors)
    right.set(xlabel="peak memory of a process, GiB", yticks=[])


if __name__ == "__main__":
    main()
