"""A few accounts to look at first: members of one campaign and as many benign ones, as Parquet and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from generator import schema
from generator.integrity import file_digest
from generator.manifest import table_of

FOLDER = "sample"
ACCOUNTS = 10  # of the campaign, and benign ones
ROWS = 2000


def write(root: Path, entries: dict[str, dict[str, Any]], split: str = "train") -> None:
    """Write the sample of a split whose truth is open.

    Parameters
    ----------
    root : Path
        Folder of the dataset; gets a folder "sample".
    entries : dict
        Files of the split, as in the manifest.
    split : str
        Where the accounts come from.
    """
    labels = pq.read_table(root / split / "account_labels.parquet")
    first_day, chosen = _choose(labels, pq.read_table(root / split / "campaigns.parquet"))
    accounts = pq.read_table(root / split / "accounts.parquet")
    tables = _requests(root, entries, chosen, first_day) | {
        "accounts": accounts.filter(_among(accounts, chosen)),
        "account_labels": labels.filter(_among(labels, chosen)),
    }
    (root / FOLDER).mkdir()
    for name, table in tables.items():
        described = table.replace_schema_metadata(schema.pandas_metadata(name))
        pq.write_table(described, root / FOLDER / f"{name}.parquet", **schema.parquet_options(name))
        pa.csv.write_csv(_plain(table), root / FOLDER / f"{name}.csv")


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every sample file, by its path.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    """
    return {f"{FOLDER}/{f.name}": file_digest(f) for f in sorted((root / FOLDER).glob("*"))}


def _choose(labels: pa.Table, campaigns: pa.Table) -> tuple[int, pa.Array]:
    """First day of the first campaign (0 where there is none), and the accounts to show."""
    ids = labels.column("account_id").cast(pa.string())
    benign = ids.filter(pc.equal(labels.column("label").cast(pa.string()), "benign"))[:ACCOUNTS]
    if not campaigns.num_rows:
        return 0, benign.combine_chunks()
    first = campaigns.slice(0, 1).to_pylist()[0]
    members = ids.filter(pc.fill_null(pc.equal(labels.column("campaign"), first["campaign"]), False))[:ACCOUNTS]
    return int(first["first_day"]), pa.chunked_array([*members.chunks, *benign.chunks]).combine_chunks()


def _requests(root: Path, entries: Iterable[str], chosen: pa.Array, first_day: int) -> dict[str, pa.Table]:
    """Their requests from that day on, at most `ROWS`, the truth about them, and texts if there are any."""
    names = [name for name in schema.SHARDED if name in {table_of(p) for p in entries}]
    parts: dict[str, list[pa.Table]] = {name: [schema.arrow_schema(name).empty_table()] for name in names}
    rows = 0
    for path in sorted(p for p in entries if table_of(p) == "requests"):
        if rows >= ROWS or int(path.split("/day-")[1][:3]) < first_day:
            continue
        table = pq.read_table(root / path, partitioning=None)
        kept = table.filter(_among(table, chosen)).slice(0, ROWS - rows)
        rows += kept.num_rows
        parts["requests"].append(kept)
        for name in names[1:]:
            beside = pq.read_table(root / path.replace("/requests/", f"/{name}/"), partitioning=None)
            parts[name].append(beside.filter(pc.is_in(beside["request_id"], kept["request_id"].combine_chunks())))
    return {name: pa.concat_tables(some).unify_dictionaries().combine_chunks() for name, some in parts.items()}


def _among(table: pa.Table, chosen: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(table.column("account_id").cast(pa.string()), chosen)


def _plain(table: pa.Table) -> pa.Table:
    """CSV knows no dictionaries, and spreadsheets no offsets: texts, and times in UTC."""
    kinds = {schema.CATEGORY: pa.string(), schema.TIMESTAMP: pa.timestamp("ms")}
    return table.cast(pa.schema([pa.field(f.name, kinds.get(f.type, f.type)) for f in table.schema]))
