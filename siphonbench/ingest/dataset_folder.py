"""Rows put aside -> a dataset folder as generated ones are: one world without labels, called test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from generator import integrity, schema
from generator.manifest import FORMAT, MANIFEST
from generator.pipeline import resume_state, shards
from generator.pipeline.targets import Target
from generator.schema import DAY_MS
from siphonbench.ingest import rows
from siphonbench.ingest.faults import KINDS, Faults
from siphonbench.ingest.source_files import Tick
from siphonbench.ingest.spill import Spill

SPLIT = "test"
CARD = "README.md"
MOST_DAYS = 400
"""Longest window: what is older was left in a table by mistake, and would stretch it (a)."""
_MADE = {"requests.day", "requests.request_id", "requests.account_id", "accounts.account_id", "releases.model"}


@dataclass
class IngestedFolder:
    """A dataset in the making.

    Attributes
    ----------
    target : Target
        Where to.
    format_name : str
        Format of the source.
    entries : dict of str to dict
        Files written so far, as in the manifest.
    """

    target: Target
    format_name: str
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _accounts: list[pl.DataFrame] = field(default_factory=list, repr=False)
    _models: set[str] = field(default_factory=set, repr=False)
    _requests: int = 0

    def write(self, spill: Spill, faults: Faults, tick: Tick) -> dict[str, Any]:
        """Write all tables, the card and the manifest.

        Parameters
        ----------
        spill : Spill
            At least one row.
        faults : Faults
            Of reading; gets what shows only now.
        tick : callable
            Told (done, total) in buckets.

        Returns
        -------
        dict
            The manifest.
        """
        newest = max(spill.days)
        first = min(day for day in spill.days if day > newest - MOST_DAYS)
        for done, (number, frame) in enumerate(spill.parts(), 1):
            self._bucket(number, _distinct(frame, first, faults), first)
            tick(done, spill.buckets)
        accounts = pl.concat(self._accounts).sort("account_id")
        self._table("accounts", accounts)
        self._table("releases", pl.DataFrame({"model": sorted(self._models)}, {"model": pl.String}))
        manifest = self._manifest(first, newest - first + 1, len(accounts), spill.present, faults)
        self.target.write(CARD, _card(manifest, faults).encode())
        self.target.write(MANIFEST, json.dumps(manifest, indent=1).encode())
        return manifest

    def _bucket(self, number: int, frame: pl.DataFrame, first: int) -> None:
        day = (pl.col("ts") // DAY_MS - first).cast(pl.Int32)
        alone = pl.len().over("conversation_id") == 1
        frame = frame.with_columns(
            day=day,
            conversation_id=pl.when(~alone).then("conversation_id"),
        ).sort("ts", "request_id")
        self._requests += len(frame)
        self._models |= {*frame["model"].drop_nulls(), *frame["served_model"].drop_nulls()}
        self._accounts.append(frame.group_by("account_id").agg(pl.col(rows.ACCOUNT_COLUMNS).drop_nulls().first()))
        dated = frame.with_columns(ts=pl.col("ts").cast(pl.Datetime("ms", "UTC")))
        for (of_day,), part in dated.partition_by("day", as_dict=True).items():
            for name, table in (("requests", part), ("prompts", part.filter(pl.col("prompt").is_not_null()))):
                if len(table):
                    self._write(shards.path_of(SPLIT, name, of_day, number), name, table)

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        if "created" in frame.columns:
            frame = frame.with_columns(pl.col("created").cast(pl.Datetime("ms", "UTC")))
        self._write(f"{SPLIT}/{name}.parquet", name, frame)

    def _write(self, path: str, name: str, frame: pl.DataFrame) -> None:
        table: pa.Table = rows.to_arrow(frame, name)
        self.entries[path] = shards.write_table(self.target, path, table)

    def _manifest(
        self, first: int, days: int, accounts: int, present: Iterable[str], faults: Faults
    ) -> dict[str, Any]:
        config = {"ingested": self.format_name, "faults": dict(sorted(faults.counts.items()))}
        config_digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        split = {
            "start": datetime.fromtimestamp(first * DAY_MS / 1000, UTC).replace(tzinfo=None).isoformat(),
            "days": days,
            "missing": _missing(set(present)),
            "counts": {"accounts": accounts, "requests": self._requests},
            "files": dict(sorted(self.entries.items())),
        }
        return {
            "format": FORMAT,
            "name": f"{self.format_name}-logs",
            "digest": integrity.dataset_digest(self.entries),
            "config": config,
            "config_digest": config_digest,
            "versions": resume_state.versions(),
            "splits": {SPLIT: split},
        }


def _distinct(frame: pl.DataFrame, first: int, faults: Faults) -> pl.DataFrame:
    """Rows of the window, the first of each id; the others are counted."""
    wrong = {"outside": frame["ts"] // DAY_MS < first, "repeated id": ~frame["request_id"].is_first_distinct()}
    for kind, which in wrong.items():
        if count := int(which.sum()):
            faults.add(kind, frame.filter(which)["where"][0], count)
    return frame.filter(~wrong["outside"] & ~wrong["repeated id"])


def _missing(present: set[str]) -> list[str]:
    """Public columns that no row has a value in, as table.column."""
    tables = {"requests": present, "accounts": present & set(rows.ACCOUNT_COLUMNS), "releases": set[str]()}
    return [
        f"{table}.{column.name}"
        for table, told in tables.items()
        for column in schema.TABLES[table]
        if column.name not in told and f"{table}.{column.name}" not in _MADE
    ]


def _card(manifest: dict[str, Any], faults: Faults) -> str:
    """What the folder is, for whoever finds it."""
    split = manifest["splits"][SPLIT]
    counts, missing = split["counts"], split["missing"]
    lines = [
        f"# {manifest['name']}",
        "",
        f"{counts['requests']:,} calls of {counts['accounts']:,} accounts in {split['days']} days from "
        f"{split['start'][:10]}, read by `siphonbench ingest` as {manifest['config']['ingested']}. No labels.",
        "",
        "Names, keys and addresses are keyed hashes; whoever has the key can tell whether a name is among them. "
        "Keep this folder as you keep the logs: times and habits can tell who somebody is.",
        "",
        f"Columns that the source does not tell ({len(missing)}): {', '.join(missing) or 'none'}.",
        "",
        *(f"- {count:,}: {KINDS[kind]}" for kind, count in faults.counts.items()),
    ]
    return "\n".join(lines) + "\n"
