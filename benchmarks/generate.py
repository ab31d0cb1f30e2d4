"""Speed, memory and size of the generator, next to a plain numpy script that writes independent noise.

python benchmarks/generate.py --preset small --workers 2
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator import schema, tables

_CLI = "import sys, siphonbench; sys.argv[0] = 'siphonbench'; siphonbench.main()"


def noise(rows: int, path: Path) -> float:
    """Seconds to write `rows` of the request schema filled with independent noise by the plainest script."""
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    columns = []
    for column in schema.REQUESTS:
        if column.dtype == schema.CATEGORY:
            pool = np.array(tables.POOLS.get(column.name, [f"acc_{i:016x}" for i in range(3000)]))
            columns.append(pa.array(pool[rng.integers(0, len(pool), rows)]).cast(column.dtype))
        else:
            columns.append(pa.array(rng.integers(0, 100, rows)).cast(column.dtype))
    pq.write_table(pa.Table.from_arrays(columns, schema=schema.arrow_schema("requests")), path)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "data"
        options = [
            "--preset",
            args.preset,
            "--seed",
            str(args.seed),
            "--workers",
            str(args.workers),
            "--out",
            str(out),
        ]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", _CLI, "generate", *options], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
        splits = manifest["splits"].values()
        rows = sum(s["counts"]["requests"] for s in splits)
        size = sum(e["bytes"] for s in splits for p, e in s["files"].items() if "/requests/" in p)
        plain = noise(200_000, Path(folder) / "noise.parquet") / 200_000
        print(f"{args.preset}: {rows:,} requests in {seconds:.2f} s with start-up, {rows / seconds / 1e6:.2f} M/s")
        print(f"largest process {peak:.2f} GiB, {size / rows:.1f} bytes per request")
        print(f"cost per request against plain numpy noise on one core: {seconds / rows / plain:.2f}")


if __name__ == "__main__":
    main()
