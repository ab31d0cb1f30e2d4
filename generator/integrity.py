"""Digests of files and of their content; verification of a dataset folder."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generator import schema
from generator.dataset import MANIFEST, read_manifest


def content_digest(table: pa.Table) -> str:
    """SHA-256 of a table's values: the same whatever the Parquet version, encoding or dictionary order."""
    digest = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(name.encode())
        for chunk in _rechunked(column):
            digest.update(np.ascontiguousarray(_values(chunk)).data)
            if chunk.null_count:
                digest.update(np.packbits(np.asarray(chunk.is_null())).data)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dataset_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Logical content hash of all public files, from path to entry with `content`."""
    public = sorted((p, e["content"]) for p, e in files.items() if table_of(p) in schema.PUBLIC)
    return hashlib.sha256("\n".join(f"{p} {c}" for p, c in public).encode()).hexdigest()


def table_of(path: str) -> str:
    """Table that a file inside a dataset belongs to."""
    return path.split("/")[1].removesuffix(".parquet")


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
        elif content_digest(pq.read_table(file, partitioning=None)) != entry["content"]:
            faults.append(f"{path}: its values are not those that the manifest describes")
    known = {str(Path(p)) for p in (*entries, *others)}
    on_disk = {str(f.relative_to(root)) for f in root.rglob("*.parquet")}
    faults += [f"{p}: not in the manifest" for p in sorted(on_disk - known)]
    if not faults and dataset_digest(entries) != manifest["digest"]:
        faults.append(f"{MANIFEST}: its digest is not that of its files")
    return faults


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
