"""Makes a dataset folder: simulate each world shard by shard, write Parquet, and the manifest last of all."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import operator
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator import cohorts, engine, integrity, labels, provider, schema, secret, tables, world
from generator.config import Config
from generator.dataset import MANIFEST
from generator.errors import UserError

_PACKAGES = ("siphonbench", "numpy", "pyarrow", "faker")
_BYTES_PER_ACCOUNT_DAY = 1200  # generous; only to notice a full disk before work begins


@dataclass(frozen=True)
class Job:
    """One shard: a bucket of accounts of one world."""

    config: Config
    split: str
    bucket: int
    out: Path


@dataclass(frozen=True)
class Done:
    """What a shard left: its files' entries, its account rows, and its part of the campaigns' sums."""

    job: Job
    files: dict[str, dict[str, Any]]
    accounts: pa.Table
    labels: pa.Table
    sums: labels.Sums
    requests: int


def generate(
    config: Config,
    out: Path,
    workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a whole dataset.

    The folder appears under its name only when it is complete: until then it is `out` + ".partial".

    Parameters
    ----------
    config : Config
        What to make.
    out : Path
        Folder that must not exist, or be empty.
    workers : int
        Processes; the bytes do not depend on it.
    on_shard : callable, optional
        Told (done, total) after each shard.

    Raises
    ------
    UserError
        If the folder is not empty, or the disk too small or full.
    """
    partial = _prepare(config, out)
    jobs = [Job(config, s, b, partial) for s in config.splits for b in range(config.buckets)]
    finished: list[Done] = []
    try:
        for done in engine.run(_shard, jobs, workers):
            finished.append(done)
            if on_shard:
                on_shard(len(finished), len(jobs))
        with secret.keyed(config.secret):
            splits = {
                s: _close_split(config, s, partial, [d for d in finished if d.job.split == s])
                for s in config.splits
            }
        write_manifest(partial, _manifest(config, splits))
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise UserError(
            f"no space left for {out}: free some, or choose a smaller preset; nothing was kept"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def write_table(root: Path, path: str, table: pa.Table) -> dict[str, Any]:
    """Write one Parquet file under a temporary name, rename it, and describe it for the manifest."""
    name = integrity.table_of(path)
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    described = table.replace_schema_metadata(schema.pandas_metadata(name))
    sink = pa.BufferOutputStream()
    pq.write_table(described, sink, **schema.parquet_options(name))
    written = memoryview(sink.getvalue())
    temporary.write_bytes(written)
    temporary.rename(file)
    return {
        "sha256": hashlib.sha256(written).hexdigest(),
        "content": integrity.content_digest(table),
        "rows": table.num_rows,
        "bytes": len(written),
    }


def check_free(out: Path) -> None:
    """Whether a folder can be made there.

    Raises
    ------
    UserError
        If it exists and is not empty, or is no folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        n = len(list(out.iterdir())) if out.is_dir() else 1
        raise UserError(f"--out {out} holds {n} entries already: choose a new folder, or empty this one")


def write_manifest(root: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a folder, under a temporary name first."""
    temporary = root / (MANIFEST + ".tmp")
    temporary.write_text(json.dumps(manifest, indent=1), "utf-8")
    temporary.rename(root / MANIFEST)


def _prepare(config: Config, out: Path) -> Path:
    check_free(out)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    need = config.accounts * config.days * len(config.splits) * _BYTES_PER_ACCOUNT_DAY
    free = shutil.disk_usage(partial).free
    if free < need:
        partial.rmdir()
        raise UserError(
            f"--out {out}: about {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free; "
            "choose another disk or a smaller preset"
        )
    return partial


_plans: dict[tuple[str, str, str], cohorts.Plan] = {}


def _plan(config: Config, split: str) -> cohorts.Plan:
    """Plan of a world, kept for the next shard of the same one."""
    name = (config.digest, config.secret, split)
    if name not in _plans:
        _plans.clear()
        _plans[name] = cohorts.build(config, split)
    return _plans[name]


def _shard(job: Job) -> Done:
    with secret.keyed(job.config.secret):
        return _made(job)


def _made(job: Job) -> Done:
    plan = _plan(job.config, job.split)
    shard = world.simulate(plan, job.bucket)
    files = {}
    for day, table in tables.requests(plan, shard):
        tail = f"day-{day:03d}/bucket-{job.bucket:04d}.parquet"
        for name, rows in (("requests", table), ("request_labels", labels.request_labels(plan, shard, day))):
            path = f"{job.split}/{name}/{tail}"
            files[path] = write_table(job.out, path, rows)
    who = shard.accounts.first(shard.size)
    return Done(
        job=job,
        files=files,
        accounts=tables.account_rows(plan, who),
        labels=labels.account_labels(plan, who.index),
        sums=labels.campaign_sums(plan, shard),
        requests=len(shard.owner),
    )


def _close_split(config: Config, split: str, root: Path, done: list[Done]) -> dict[str, Any]:
    """Tables that are one file each, and the split's part of the manifest."""
    plan = cohorts.build(config, split)
    done = sorted(done, key=lambda d: d.job.bucket)
    whole = {
        "accounts": pa.concat_tables([d.accounts for d in done]),
        "account_labels": pa.concat_tables([d.labels for d in done]),
        "campaigns": labels.campaigns(plan, functools.reduce(operator.add, (d.sums for d in done))),
        "releases": pa.Table.from_pylist(provider.releases(plan), schema=schema.arrow_schema("releases")),
    }
    for name in ("accounts", "account_labels"):
        ids = whole[name].column("account_id").cast(pa.string())
        whole[name] = whole[name].unify_dictionaries().take(pc.sort_indices(ids)).combine_chunks()
    files = {path: entry for d in done for path, entry in d.files.items()}
    for name, table in whole.items():
        path = f"{split}/{name}.parquet"
        files[path] = write_table(root, path, table)
    return {
        "start": config.window(split).replace(tzinfo=None).isoformat(),
        "days": config.days,
        "counts": {
            "accounts": len(plan.account_key),
            "extraction": int((plan.label == labels.EXTRACTION)[plan.account_cohort].sum()),
            "campaigns": int((plan.label == labels.EXTRACTION).sum()),
            "requests": sum(d.requests for d in done),
        },
        "files": dict(sorted(files.items())),
    }


def _manifest(config: Config, splits: dict[str, Any]) -> dict[str, Any]:
    entries = {p: e for s in splits.values() for p, e in s["files"].items()}
    return {
        "format": 1,
        "name": f"{config.name}-seed{config.seed}",
        "digest": integrity.dataset_digest(entries),
        "config": config.as_dict(),
        "config_digest": config.digest,
        "versions": {"python": platform.python_version(), **{p: _version(p) for p in _PACKAGES}},
        "splits": splits,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
