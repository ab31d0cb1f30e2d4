"""One shard of a dataset: a bucket of accounts of one world, its files, and a receipt that it is done."""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator import integrity, schema
from generator.config.dataset_config import Config
from generator.manifest import table_of
from generator.pipeline import arrow_tables, labels
from generator.pipeline.targets import WORK, Target
from generator.population import population_plan
from generator.rng import keyed_streams
from generator.traffic import quotas, simulate
from generator.traffic.cross_shard import CrossShardCache


@dataclass(frozen=True)
class ShardJob:
    """What to make, and where to."""

    config: Config
    split: str
    bucket: int
    target: Target

    @property
    def receipt(self) -> str:
        """Path of the receipt."""
        return f"{WORK}/{self.split}-{self.bucket:04d}"


@dataclass(frozen=True)
class ShardReceipt:
    """What a finished shard left: its files' entries, its account rows, and its part of the campaigns' sums."""

    files: dict[str, dict[str, Any]]
    requests: int
    accounts: pa.Table
    labels: pa.Table
    sums: labels.Sums

    def pack(self) -> bytes:
        """Bytes that `unpack` reads: tables of Arrow, one after the other, floats and all to the last bit."""
        cohorts_of = [np.full(len(hashes), c) for c, hashes in self.sums.smallest.items()]
        smallest = {
            "cohort": np.concatenate([np.zeros(0, np.int64), *cohorts_of]),
            "hash": np.concatenate([np.zeros(0, np.uint64), *self.sums.smallest.values()]),
        }
        note = json.dumps({"files": self.files, "requests": self.requests})
        counts = pa.table({str(i): column for i, column in enumerate(self.sums.counts.T)})
        sink = pa.BufferOutputStream()
        for table in (self.accounts.replace_schema_metadata({"note": note}), self.labels, counts, smallest):
            table = table if isinstance(table, pa.Table) else pa.table(table)
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
        body = bytes(sink.getvalue())
        return hashlib.sha256(body).digest() + body

    @staticmethod
    def unpack(content: bytes) -> ShardReceipt:
        """The receipt again.

        Parameters
        ----------
        content : bytes
            What `pack` gave.

        Raises
        ------
        ValueError
            If the bytes are torn.
        """
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError("a receipt is torn")
        source = pa.BufferReader(content[32:])
        accounts, of_labels, counts, smallest = (pa.ipc.open_stream(source).read_all() for _ in range(4))
        note = json.loads(accounts.schema.metadata[b"note"])
        cohort, hashes = (smallest.column(name).to_numpy() for name in ("cohort", "hash"))
        sums = labels.Sums(
            np.stack([column.to_numpy() for column in counts.columns], axis=1),
            {int(c): hashes[cohort == c] for c in np.unique(cohort)},
        )
        return ShardReceipt(
            note["files"], note["requests"], accounts.replace_schema_metadata(None), of_labels, sums
        )


def make(job: ShardJob) -> None:
    """Write a shard's files, and its receipt last. Made twice, even at once, it is the same.

    Parameters
    ----------
    job : ShardJob
        Which shard, and where to.
    """
    with keyed_streams.keyed(job.config.secret):
        job.target.write(job.receipt, _made(job).pack())


def unfinished(jobs: list[ShardJob], target: Target) -> list[ShardJob]:
    """Jobs without a receipt, or one whose files are not what it says.

    Parameters
    ----------
    jobs : list of ShardJob
        All of a dataset's.
    target : Target
        Where their files are.
    """
    sizes = target.sizes()
    return [job for job in jobs if not _stands(job, sizes)]


def receipts(jobs: list[ShardJob]) -> ShardReceipt:
    """Receipts of finished jobs of one split, in one: tables and sums in the order of jobs.

    Parameters
    ----------
    jobs : list of ShardJob
        Finished ones, at least one.

    Raises
    ------
    FileNotFoundError
        If one of them left no receipt.
    """
    parts = [_receipt(job) for job in jobs]
    return ShardReceipt(
        files={path: entry for r in parts for path, entry in r.files.items()},
        requests=sum(r.requests for r in parts),
        accounts=pa.concat_tables([r.accounts for r in parts]),
        labels=pa.concat_tables([r.labels for r in parts]),
        sums=functools.reduce(operator.add, (r.sums for r in parts)),
    )


def path_of(split: str, table: str, day: int, bucket: int) -> str:
    """Path of one day of one bucket, below the dataset.

    Parameters
    ----------
    split, table : str
        World, and table of `schema.TABLES`.
    day, bucket : int
        From 0.
    """
    return f"{split}/{table}/day-{day:03d}/bucket-{bucket:04d}.parquet"


def write_table(target: Target, path: str, table: pa.Table) -> dict[str, Any]:
    """Write one Parquet file, and describe it for the manifest.

    Parameters
    ----------
    target : Target
        Where to.
    path : str
        Below the dataset.
    table : pyarrow.Table
        Rows of one table of `schema.TABLES`.

    Returns
    -------
    dict
        sha256 of the bytes, content digest of the values, rows, bytes.
    """
    name = table_of(path)
    described = table.replace_schema_metadata(schema.pandas_metadata(name))
    sink = pa.BufferOutputStream()
    pq.write_table(described, sink, **schema.parquet_options(name))
    written = memoryview(sink.getvalue())
    target.write(path, written)
    return {
        "sha256": hashlib.sha256(written).hexdigest(),
        "content": integrity.content_digest(table),
        "rows": table.num_rows,
        "bytes": len(written),
    }


def _receipt(job: ShardJob) -> ShardReceipt:
    content = job.target.read(job.receipt)
    if content is None:
        raise FileNotFoundError(f"{job.target.name}: bucket {job.bucket} of {job.split} left no receipt")
    return ShardReceipt.unpack(content)


def _stands(job: ShardJob, sizes: Mapping[str, int]) -> bool:
    if job.receipt not in sizes:
        return False
    try:
        files = _receipt(job).files
    except ValueError:  # torn by a power cut
        return False
    return all(job.target.intact(path, entry, sizes) for path, entry in files.items())


_kept = threading.local()


@contextmanager
def _world(config: Config, split: str) -> Iterator[tuple[population_plan.PopulationPlan, CrossShardCache]]:
    """Plan of a world and notes on it, kept for the next shard of this thread, unless this one fails."""
    name = (config.digest, config.secret, split)
    world = _kept.world if getattr(_kept, "name", None) == name else None
    _kept.name = None
    if world is None:
        plan = quotas.plan_world(config, split)
        world = plan, CrossShardCache(plan)
    yield world
    _kept.name, _kept.world = name, world


def _made(job: ShardJob) -> ShardReceipt:
    with _world(job.config, job.split) as (plan, book):
        shard = simulate.simulate(plan, job.bucket, book, job.config.most_texts)
    files = {}
    tables = {
        "requests": arrow_tables.requests(plan, shard),
        "request_labels": ((day, labels.request_labels(plan, shard, day)) for day in range(job.config.days)),
        "prompts": arrow_tables.prompts(plan, shard),
    }
    for name, days in tables.items():
        for day, table in days:
            path = path_of(job.split, name, day, job.bucket)
            files[path] = write_table(job.target, path, table)
    accounts = shard.accounts.first(shard.size)
    return ShardReceipt(
        files=files,
        requests=len(shard.owner),
        accounts=arrow_tables.account_rows(plan, accounts),
        labels=labels.account_labels(plan, shard),
        sums=labels.campaign_sums(plan, shard),
    )
