"""Digests of files and of their content; verification of a dataset folder."""

from __future__ import annotations

import functools
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator import schema
from generator.files import is_foreign
from generator.manifest import MANIFEST, read_manifest, table_of


def content_digest(table: pa.Table) -> str:
    """SHA-256 of a table's values: the same whatever the Parquet version, encoding or dictionary order.

    Parameters
    ----------
    table : pyarrow.Table
        Of fixed-width, boolean, text and dictionary columns.
    """
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(name.encode())
        for chunk in _rechunked(column):
            digest.update(np.ascontiguousarray(_values(chunk)).data)
            if chunk.null_count:
                digest.update(np.packbits(np.asarray(chunk.is_null())).data)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : Path
        File.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dataset_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Logical content hash of all public files, from path to entry with `content`.

    Parameters
    ----------
    files : mapping of str to mapping
        Entries of a manifest by path; those of tables with labels do not count.
    """
    public = sorted((p, e["content"]) for p, e in files.items() if table_of(p) in schema.PUBLIC)
    return hashlib.sha256("\n".join(f"{p} {c}" for p, c in public).encode()).hexdigest()


def verify(root: Path, others: Collection[str] = ()) -> list[str]:
    """Recompute every digest of a dataset folder.

    Parameters
    ----------
    root : Path
        The folder.
    others : collection of str
        Further Parquet files that belong there.

    Returns
    -------
    list of str
        One sentence per fault, naming the file; empty when all is well.

    Raises
    ------
    UserError
        If the folder holds no complete dataset.
    """
    manifest = read_manifest(root)
    faults = []
    entries = {p: e for split in manifest["splits"].values() for p, e in split["files"].items()}
    for path, entry in entries.items():
        file = root / path
        if not file.is_file():
            faults.append(f"{path}: missing")
        elif file.stat().st_size != entry["bytes"]:
            faults.append(f"{path}: {file.stat().st_size:,} bytes, the manifest says {entry['bytes']:,}")
        elif file_digest(file) != entry["sha256"]:
            faults.append(f"{path}: changed, its SHA-256 is not the manifest's")
        elif not _holds(file, entry["content"]):
            faults.append(f"{path}: its values are not those that the manifest describes")
    known = {Path(p) for p in (*entries, *others)}
    on_disk = {f.relative_to(root) for f in root.rglob("*.parquet")}
    faults += [f"{p}: not in the manifest" for p in sorted(on_disk - known) if not is_foreign(p)]
    if not faults and dataset_digest(entries) != manifest["digest"]:
        faults.append(f"{MANIFEST}: its digest is not that of its files")
    if manifest.get("config_digest") != _config_digest(manifest["config"]):
        faults.append(f"{MANIFEST}: its config is not the one of its config_digest")
    return faults


def _holds(file: Path, content: str) -> bool:
    try:
        return content_digest(pq.read_table(file, partitioning=None)) == content
    except (pa.ArrowException, OSError):  # no Parquet, although its bytes are those of the manifest
        return False


def _config_digest(config: Mapping[str, Any]) -> Any:
    """SHA-256 of a configuration, as `Config.digest` counts it; of a sealed world, its commitment."""
    return config.get("sealed") or hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _rechunked(column: pa.ChunkedArray) -> list[pa.Array]:
    # One chunk is left as it is: joining would copy it.
    chunks = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return [chunks] if isinstance(chunks, pa.Array) else list(chunks.chunks)


def _values(array: pa.Array) -> np.ndarray[Any, Any]:
    """Fixed-width values of an array, nulls as zero; strings by their checksum."""
    if pa.types.is_dictionary(array.type):
        pool = _checksums(tuple(array.dictionary.to_pylist()))
        return pool.take(_filled(array.indices, len(pool) - 1))
    if pa.types.is_string(array.type):
        return np.array([zlib.crc32((s or "").encode()) for s in array.to_pylist()], np.uint32)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    return _filled(array, 0)


@functools.lru_cache(maxsize=64)
def _checksums(pool: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Checksums of a dictionary, and 0 for null. All days of a shard have the same dictionaries."""
    return np.array([zlib.crc32(s.encode()) for s in pool] + [0], np.uint32)


def _filled(array: pa.Array, value: int) -> np.ndarray[Any, Any]:
    return np.asarray((array.fill_null(value) if array.null_count else array).to_numpy(zero_copy_only=False))
