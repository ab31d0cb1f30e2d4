"""Moves boards between stores: all finished runs in one file, and back, none lost and none twice."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files
from generator.errors import UserError
from leaderboard.records import card as cards
from leaderboard.records.card import Card
from leaderboard.tracking import artifacts, mlflow_runs, rankings
from leaderboard.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FORMAT = "siphonbench-board-1"
SUFFIX = ".gz"
_PREFIX = "siphonbench/"
_EXPERIMENT = re.compile(r"siphonbench/[a-z]+/[0-9a-f]{16}/evaluator-[0-9A-Za-z.]+")
_ID = re.compile(r"[0-9a-f]{64}")
_LINE_BYTES = 64 << 20
_OF_MLFLOW = "mlflow."
Tick = Callable[[int, int], None]


def export(store: Store, file: Path, tick: Tick = lambda done, total: None) -> int:
    """Write every finished run of a store, with its artifacts, as gzipped JSON lines; how many there are.

    Parameters
    ----------
    store : Store
        Read only.
    file : Path
        Appears under its name only when it is complete.
    tick : callable
        Told (done, total).

    Raises
    ------
    UserError
        If the file's name says another kind, the store has no finished run, or a scorecard is missing. A damaged
        run is skipped, and logged.
    """
    if file.suffix not in ("", SUFFIX):
        raise UserError(
            f"{file} would not be what its name says: give {file.with_suffix('.jsonl' + SUFFIX)}, a file for "
            "leaderboard import; boards as CSV and JSON are written by siphonbench site build"
        )
    if not store.exists:
        raise UserError(f"{store.name} holds no board: nothing to export")
    client = store.client()
    with store.lock():
        runs = list(_runs(client))
    if not runs:
        raise UserError(f"{store.name} holds no finished run: nothing to export")
    file.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with (
        files.atomic_file(file) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as out,
    ):
        described = (_described(store, client, *run) for run in runs)
        for done, document in enumerate(chain([{"format": FORMAT, "runs": len(runs)}], described)):
            line = json.dumps(document, sort_keys=True).encode() + b"\n"
            digest.update(line)
            out.write(line)
            tick(done, len(runs))
        out.write(json.dumps({"sha256": digest.hexdigest()}).encode() + b"\n")
    return len(runs)


def import_(store: Store, file: Path, tick: Tick = lambda done, total: None) -> tuple[int, int]:
    """Record every run of an exported file that the store does not have; how many were new, and in the file.

    Parameters
    ----------
    store : Store
        Where to.
    file : Path
        What `export` wrote; read once to its end before anything is recorded.
    tick : callable
        Told (done, total).

    Raises
    ------
    UserError
        If the file is none, cut off or changed; nothing is recorded then.
    """
    total = sum(1 for _ in _lines(file))
    new = 0
    for done, document in enumerate(_lines(file), 1):
        new += store.retry(partial(_record, store, document))
        tick(done, total)
    return new, total


def _runs(client: MlflowClient) -> Iterator[tuple[str, Run]]:
    """Finished runs and the names of their experiments, each submission once, those that ended first first."""
    for experiment in client.search_experiments(filter_string=f"name LIKE '{_PREFIX}%'"):
        once: dict[str, Run] = {}
        runs = [run for page in rankings.finished_runs(client, experiment.name) for run in page]
        for run in sorted(runs, key=lambda r: (r.info.end_time or 0, r.info.run_id)):
            if rankings.entry(run):
                once.setdefault(run.data.tags["submission_id"], run)
        yield from ((experiment.name, run) for run in once.values())


def _described(store: Store, client: MlflowClient, experiment: str, run: Run) -> dict[str, Any]:
    contents = artifacts.read(store, client, run)
    datasets = run.inputs.dataset_inputs if run.inputs else []
    return {
        "experiment": experiment,
        "name": run.info.run_name,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "params": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": {k: v for k, v in run.data.tags.items() if not k.startswith(_OF_MLFLOW)},
        "datasets": [
            [d.dataset.name, d.dataset.digest, d.dataset.source_type, d.dataset.source] for d in datasets
        ],
        "artifacts": {n: base64.b64encode(content).decode() for n, content in contents.items()},
    }


def _record(store: Store, d: dict[str, Any]) -> bool:
    from mlflow.entities import Dataset, DatasetInput, Metric, Param

    id_ = d["tags"]["submission_id"]
    with store.lock(), tempfile.TemporaryDirectory() as folder:
        client = store.client()
        experiment = mlflow_runs.make_experiment(client, store, d["experiment"])
        if mlflow_runs.claim(client, store, experiment, id_):
            return False
        tags = d["tags"] | {"recorder": store.recorder}
        run = client.create_run(experiment, start_time=d["start"], tags=tags, run_name=d["name"])
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(k, v, d["end"], 0) for k, v in d["metrics"].items()],
            params=[Param(k, v) for k, v in d["params"].items()],
        )
        client.log_inputs(run.info.run_id, [DatasetInput(Dataset(*parts), []) for parts in d["datasets"]])
        for name, content in d["artifacts"].items():
            (Path(folder) / name).write_bytes(base64.b64decode(content))
        client.log_artifacts(run.info.run_id, folder)
        client.set_terminated(run.info.run_id, "FINISHED", end_time=d["end"])
        mlflow_runs.settle(client, experiment, id_)
    return True


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Runs of an exported file; the caller has them all only if its digest is right."""
    digest, count, head = hashlib.sha256(), 0, None
    try:
        with gzip.open(file, "rb") as lines:
            while line := lines.readline(_LINE_BYTES):
                document = json.loads(line)
                if head is None:
                    head = document
                    if document.get("format") != FORMAT:
                        raise UserError(
                            f"{file} is no exported board; make one with: siphonbench leaderboard export"
                        )
                elif "sha256" in document:
                    if document["sha256"] != digest.hexdigest() or count != head["runs"] or lines.read(1):
                        break
                    return
                else:
                    _check(document, file)
                    count += 1
                    yield document
                digest.update(line)
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist") from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} can't be read as an exported board: export it again") from error
    raise UserError(f"{file} was cut off or changed: export it again")


def _check(document: dict[str, Any], file: Path) -> None:
    """Refuse what could name a path or an experiment that is not ours, and a card that no submission may have."""
    names, tags = document["artifacts"], document["tags"]
    if not _EXPERIMENT.fullmatch(document["experiment"]) or not _ID.fullmatch(tags["submission_id"]):
        raise ValueError("no board")
    if any(Path(name).name != name or name in (".", "..") for name in names):
        raise ValueError("an artifact's name is a path")
    if not all(math.isfinite(number) for number in document["metrics"].values()):
        raise ValueError("a metric is no number")
    written = [{f.name: tags.get(f"card.{f.name}", "") for f in fields(Card)}]
    written[0]["external_data"] = {"True": True, "False": False}.get(written[0]["external_data"])
    written[0]["labels"] = written[0]["labels"] or "truth"  # of a store from before they were told
    if cards.FILE in names:
        written.append(tomllib.loads(base64.b64decode(names[cards.FILE]).decode()))
    for card in written:
        try:
            cards.of(card)
        except UserError as error:
            raise UserError(f"{file}: entry {tags['submission_id'][:16]}: {error}; nothing was recorded") from None
