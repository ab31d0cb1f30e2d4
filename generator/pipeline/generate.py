"""Makes a dataset folder: simulate each world shard by shard, write Parquet, and the manifest last of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from generator import files, integrity, schema
from generator.config.dataset_config import Config
from generator.errors import UserError
from generator.manifest import FORMAT, MANIFEST, MASKED
from generator.pipeline import engines, labels, observed_process, resume_state, shards, targets
from generator.pipeline.engines import Engine
from generator.pipeline.targets import Target
from generator.population import model_calendar
from generator.rng import keyed_streams
from generator.traffic import quotas


def generate(
    config: Config,
    out: Path,
    workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
    resume: bool = False,
    with_engine: Engine | None = None,
    storage_options: dict[str, Any] | None = None,
) -> Path:
    """Write a whole dataset.

    The folder appears under its name only when it is complete: until then it is `out` + ".partial". At an address
    the manifest comes last, and nothing is a dataset without it.

    Parameters
    ----------
    config : Config
        What to make.
    out : Path
        Folder that must not exist, or be empty; or an address that fsspec opens.
    workers : int
        Processes; the bytes do not depend on it.
    on_shard : callable, optional
        Told (done, total) after each shard.
    resume : bool
        Go on from what a run that was killed has left, and leave it again if this one is stopped.
    with_engine : Engine, optional
        What runs the shards, in place of `workers` processes here.
    storage_options : dict, optional
        For addresses: what fsspec's file system is opened with.

    Raises
    ------
    UserError
        If the place is not free, what was left is part of another dataset, or disk or memory too small.
    """
    engine = with_engine or engines.choose("", workers)
    at = targets.open_target(out, storage_options)
    with at.lock():
        memory = engines.worker_memory(engine, len(config.splits) * config.buckets)
        if not resume_state.begin(config, at, resume, memory):
            _make(config, at, engine, on_shard or (lambda done, total: None), resume)
    return out


def _make(config: Config, at: Target, engine: Engine, on_shard: Callable[[int, int], None], resume: bool) -> None:
    """Shards, then tables of one file each, then the manifest; nothing stays after a failure but for `resume`."""
    jobs = [shards.ShardJob(config, s, b, at) for s in config.splits for b in range(config.buckets)]
    with _undone(at, resume):
        left = shards.unfinished(jobs, at) if resume else jobs
        on_shard(len(jobs) - len(left), len(jobs))
        with closing(_counted(engine, left)) as finished:
            for n in finished:
                on_shard(len(jobs) - len(left) + n, len(jobs))
        with keyed_streams.keyed(config.secret):
            splits = {s: _close_split(config, s, at, [j for j in jobs if j.split == s]) for s in config.splits}
        resume_state.check_own(config, at)
        at.write(MANIFEST, json.dumps(_manifest(config, splits), indent=1).encode())
        at.publish()


def write_manifest(root: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a folder.

    Parameters
    ----------
    root : Path
        Folder that exists.
    manifest : dict
        See `generator.manifest.read_manifest`.
    """
    files.write_text(root / MANIFEST, json.dumps(manifest, indent=1))


@contextmanager
def _undone(at: Target, keep: bool) -> Iterator[None]:
    """Leave nothing behind after an error or Ctrl-C, unless it is to be gone on from."""
    try:
        yield
    except BaseException as error:
        full = isinstance(error, OSError) and error.errno in files.FULL
        where = files.no_space(Path(getattr(error, "filename", None) or at.name)) if full else ""
        if not keep:
            with engines.uninterrupted():
                at.clear()
        if full:
            kept = "go on with --resume" if keep else "nothing was kept"
            raise UserError(
                f"no space left for {at.name} ({where}): free some, or choose a smaller preset; {kept}"
            ) from error
        raise


def _counted(runs: Engine, jobs: list[shards.ShardJob]) -> Generator[int]:
    """Make all shards; how many are made so far."""
    for n, _ in enumerate(runs.run(shards.make, jobs), 1):
        yield n


def _close_split(config: Config, split: str, at: Target, jobs: list[shards.ShardJob]) -> dict[str, Any]:
    """Tables that are one file each, and the split's part of the manifest."""
    plan = quotas.plan_world(config, split)
    done = shards.receipts(jobs)
    whole = {
        "accounts": done.accounts,
        "account_labels": done.labels,
        "campaigns": labels.campaigns(plan, done.sums, done.labels),
        "releases": pa.Table.from_pylist(
            model_calendar.model_releases(plan), schema=schema.arrow_schema("releases")
        ),
    }
    for name in ("accounts", "account_labels"):
        ids = whole[name].column("account_id").cast(pa.string())
        whole[name] = whole[name].unify_dictionaries().take(pc.sort_indices(ids)).combine_chunks()
    if split not in MASKED:
        tables = (whole[name] for name in ("accounts", "account_labels", "campaigns"))
        whole["labels_observed"] = observed_process.labels_observed(plan, *tables)
    entries = done.files
    for name, table in whole.items():
        path = f"{split}/{name}.parquet"
        entries[path] = shards.write_table(at, path, table)
    return {
        "start": config.window(split).replace(tzinfo=None).isoformat(),
        "days": config.days,
        "counts": {
            "accounts": len(plan.account_key),
            "extraction": int((plan.label == labels.EXTRACTION)[plan.account_cohort].sum()),
            "served": pc.sum(done.labels["served"]).as_py(),
            "rarest_tier": _rarest_tier(whole["campaigns"]),
            "campaigns": int((plan.label == labels.EXTRACTION).sum()),
            "requests": done.requests,
        },
        "files": dict(sorted(entries.items())),
    }


def _rarest_tier(campaigns: pa.Table) -> int:
    """Campaigns that served, in the tier that has fewest of them."""
    served = Counter(campaigns.filter(pc.greater(campaigns["accounts_served"], 0))["tier"].to_pylist())
    return min(served[tier] for tier in schema.TIERS)


def _manifest(config: Config, splits: dict[str, Any]) -> dict[str, Any]:
    entries = {p: e for s in splits.values() for p, e in s["files"].items()}
    return {
        "format": FORMAT,
        "name": resume_state.name(config),
        "digest": integrity.dataset_digest(entries),
        "config": config.as_dict(),
        "config_digest": config.digest,
        "versions": resume_state.versions(),
        "splits": splits,
    }
