"""How fast boards are read: a board of 5,000 runs, and 200 reads a second on one process.

Run: uv run python benchmarks/site.py [RUNS [SECONDS]]

The reads are pages (the first, sorted, filtered, later ones) and board.json by a program that has it already.

The runs go through MLflow's own client into SQLite; measured is the server that `siphonbench serve` starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "leaderboard"))
import lb_site

import siphonbench
from leaderboard.records import scorecard
from leaderboard.tracking import mlflow_runs
from leaderboard.tracking.store import Store

RATE = 200
CONNECTIONS = 32
FIRST = ("", "board.json", "board.csv", "?sort=name&order=asc")
KNOWN = "board.json"  # read again by a program that has it: 304 unless the board has changed
READ = ("", KNOWN, "?sort=name&order=asc", "", "?groups=M", "?page=3", "?text=entry+12", "")
STRATA = (12, 12, 12, 48)
METRICS = ("overt", "evasive", "adaptive", "overall")


def fill(store: Store, digest: str, runs: int) -> None:
    """A board of made-up entries, each with as many numbers as a real one."""
    from mlflow.entities import Metric

    rng, client = np.random.default_rng(0), store.client()
    with store.lock():
        experiment = mlflow_runs.make_experiment(
            client, store, mlflow_runs.experiment_name(digest, "accounts", scorecard.EVALUATOR_VERSION)
        )
    for i in range(runs):
        value = float(rng.beta(2, 5))
        vector = tuple((value + rng.normal(0, 0.05, sum(STRATA))).tolist())
        card = {
            "name": f"entry {i}",
            "team": f"team {i % 97}",
            "field_groups": "M+L",
            "code_url": "",
            "paper_url": "",
        }
        tags = {
            "submission_id": f"{i:064x}"[::-1],
            "replicates": mlflow_runs.pack(vector),
            "worst_archetype": "B3",
        }
        tags["strata"] = json.dumps(STRATA)
        tags |= {f"card.{k}": v for k, v in card.items()} | {"dataset": "bench", "task": "accounts"}
        numbers = {
            "primary": value,
            "primary_low": value - 0.1,
            "primary_high": value + 0.1,
            "primary_chance": 0.03,
        }
        numbers |= {
            f"{t}/{m}{e}": value for t in METRICS for m in ("ap", "roc_auc", "ap_rare") for e in ("", "_low")
        }
        numbers |= (
            {f"overall/recall_fpr_1e-{k}": value for k in (2, 3)}
            | {"worst_archetype_flagged": 0.01}
            | {f"fpr/B{k}": 0.01 for k in range(1, 15)}
        )
        run = client.create_run(experiment, tags=tags, run_name=card["name"])
        now = int(time.time() * 1000)
        client.log_batch(run.info.run_id, metrics=[Metric(k, v, now, 0) for k, v in numbers.items()])
        client.set_terminated(run.info.run_id, "FINISHED")
        if i % 500 == 0:
            print(f"{i:,} runs", file=sys.stderr)


async def read(base: str, tag: str, seconds: float) -> list[float]:
    """Times of reads at a steady rate, each from when it was due: a stall counts for all that wait."""
    address = urlsplit(base)
    due: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    times: list[float] = []

    async def reader() -> None:
        # A plain connection: a client library would take the time that the server is asked for.
        source, sink = await asyncio.open_connection(address.hostname, address.port)
        while True:
            path, when = await due.get()
            head = f"GET {address.path}{path} HTTP/1.1\r\nhost: bench\r\n"
            sink.write(f"{head}{f'if-none-match: {tag}' if path == KNOWN else 'x: y'}\r\n\r\n".encode())
            answer = (await source.readuntil(b"\r\n\r\n")).lower()
            assert answer.startswith((b"http/1.1 200", b"http/1.1 304")), answer
            length = answer.partition(b"content-length: ")[2].partition(b"\r")[0]
            await source.readexactly(int(length or 0))
            times.append(time.perf_counter() - when)
            due.task_done()

    readers = [asyncio.create_task(reader()) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for i in range(int(RATE * seconds)):
        when = began + i / RATE
        await asyncio.sleep(max(0.0, when - time.perf_counter()))
        due.put_nowait((READ[i % len(READ)], when))
    await due.join()
    for task in readers:
        task.cancel()
    return times


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name:
        data = siphonbench.generate("nano", seed=7, out=Path(name) / "nano")
        fill(Store(Path(name) / "board"), data.digest, runs)
        began = time.perf_counter()
        with lb_site.served(data.path, Path(name) / "board") as server:
            print(f"start with {runs:,} runs         {time.perf_counter() - began:8.2f} s")
            base = f"{server.address}/boards/{data.digest[:12]}/accounts/"
            for path in FIRST:
                began = time.perf_counter()
                size = len(httpx.get(base + path, timeout=60).content)
                took = 1000 * (time.perf_counter() - began)
                print(f"first {path or 'board':<26} {took:8.0f} ms {size / 1e3:8.0f} kB")
            tag = httpx.get(base + KNOWN, timeout=60).headers["etag"]
            times = np.array(asyncio.run(read(base, tag, seconds))) * 1000
            p50, p99 = np.percentile(times, (50, 99))
            print(
                f"{len(times):,} reads at {RATE}/s   p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {times.max():.1f} ms"
            )


if __name__ == "__main__":
    main()
