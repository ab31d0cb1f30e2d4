"""Ids: whole numbers that every documented reader keeps, all different where they name one thing, and opaque."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generator import schema
from generator.dataset import Dataset
from generator.publish import sample
from generator.rng import opaque_ids, streams

Columns = dict[str, list[int | None]]


def whole_numbers(table: str) -> list[str]:
    return [c.name for c in schema.TABLES[table] if pa.types.is_integer(c.dtype)]


def files(root: Path, suffix: str = "parquet") -> Iterator[tuple[str, Path]]:
    """One file of each table that holds whole numbers."""
    for table in schema.TABLES:
        found = sorted(root.rglob(f"{table}.{suffix}")) or sorted(root.rglob(f"{table}/*/*.{suffix}"))
        if found and whole_numbers(table):
            yield table, found[0]


def of_pandas(frame: pd.DataFrame) -> Columns:
    held = frame[[c for c in frame if pd.api.types.is_numeric_dtype(frame[c])]]
    return {str(c): [None if pd.isna(x) else int(x) for x in held[c]] for c in held}


def of_polars(frame: pl.DataFrame) -> Columns:
    return {c: frame[c].to_list() for c in frame.columns}


def of_duckdb(query: str) -> Columns:
    duckdb = pytest.importorskip("duckdb")
    return cast(Columns, duckdb.sql(query).to_arrow_table().to_pydict())


def of_datasets(file: Path) -> Columns:
    datasets = pytest.importorskip("datasets")
    read = datasets.Dataset.from_parquet(str(file), keep_in_memory=True, cache_dir=str(file.parent / "cache"))
    return of_pandas(read.to_pandas())


def without_notes(file: Path) -> Columns:
    """As a reader does that knows nothing of the files' note for pandas: nullable numbers become floats."""
    return of_pandas(pq.read_table(file).to_pandas(ignore_metadata=True))


PARQUET: dict[str, Callable[[Path], Columns]] = {
    "pandas": lambda file: of_pandas(pd.read_parquet(file)),
    "pandas, no note": without_notes,
    "Polars": lambda file: of_polars(pl.read_parquet(file, hive_partitioning=False)),
    "DuckDB": lambda file: of_duckdb(f"from read_parquet('{file}', hive_partitioning=false)"),
    "datasets": of_datasets,
}
CSV: dict[str, Callable[[Path], Columns]] = {
    "pandas": lambda file: of_pandas(pd.read_csv(file)),
    "Polars": lambda file: of_polars(pl.read_csv(file, infer_schema_length=None)),
    "DuckDB": lambda file: of_duckdb(f"from read_csv('{file}', sample_size=-1)"),
}


def assert_kept(table: str, got: Columns, file: Path) -> None:
    want = pq.read_table(file).select(whole_numbers(table)).to_pydict()
    for column, values in want.items():
        assert got[column] == values, f"{table}.{column}"


@pytest.mark.parametrize("reader", PARQUET)
def test_readers_of_parquet_keep_every_id(reader: str, tiny: Dataset, tmp_path: Path) -> None:
    for table, file in files(tiny.path):
        assert_kept(table, PARQUET[reader](Path(shutil.copy(file, tmp_path / f"{table}.parquet"))), file)


@pytest.mark.parametrize("reader", CSV)
def test_readers_of_the_csv_sample_keep_every_id(reader: str, tiny: Dataset, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(tiny.path / "train", root / "train")
    sample.write(root, tiny.manifest["splits"]["train"]["files"])
    for table, file in files(root / sample.FOLDER, "csv"):
        assert_kept(table, CSV[reader](file), file.with_suffix(".parquet"))


def test_no_whole_number_but_a_sketch_needs_more_than_53_bits(tiny: Dataset) -> None:
    for table, file in files(tiny.path):
        for column in whole_numbers(table):
            c = schema.column(f"{table}.{column}")
            top = pc.max(pq.read_table(file).column(column)).as_py() or 0
            assert top < 2**opaque_ids.BITS or (c.dtype == pa.uint64() and not c.nullable), c.name


def test_a_request_has_an_id_of_its_own(tiny: Dataset) -> None:
    for split in tiny.splits.values():
        ids = split.requests.polars().select("request_id", "echo_response_id").collect()
        assert ids["request_id"].is_unique().all()
        # Quoted answers are found, but for those that were asked before the window or failed to arrive.
        quoted = ids["echo_response_id"].drop_nulls()
        assert sum(quoted.is_in(ids["request_id"].implode())) > 0.9 * len(quoted) > 0


def test_permutation_is_one_to_one_keyed_and_without_order() -> None:
    root, n = streams.items(np.ones(1, np.uint64), np.zeros(1, np.int64)), 400_000
    account, serial = np.arange(n) % 1000, np.arange(n) // 1000
    attempt = np.arange(n) % opaque_ids.ATTEMPTS
    ids = opaque_ids.request_ids(root, account, serial, attempt)
    assert len(np.unique(ids)) == n
    assert ids.min() >= 0
    assert 2**52 < ids.max() < 2**53
    assert abs(np.corrcoef(np.arange(n), ids)[0, 1]) < 0.01
    ones = [float(((ids >> bit) & 1).mean()) for bit in range(opaque_ids.BITS)]
    assert np.allclose(ones, 0.5, atol=0.005)
    other = opaque_ids.request_ids(root + np.uint64(1), account, serial, attempt)
    assert len(np.intersect1d(ids, other)) < 3
    with pytest.raises(OverflowError, match="more than ids have room for"):
        opaque_ids.request_ids(root, account[:1], np.full(1, 2**50), attempt[:1])


def test_an_answer_without_a_fingerprint_says_so_with_0(tiny: Dataset) -> None:
    rows: Any = tiny.train.requests.polars().select("status", "output_tokens", "response_simhash").collect()
    bare = (rows["status"] != 200) | (rows["output_tokens"] < 64)
    assert rows["response_simhash"].null_count() == 0
    assert ((rows["response_simhash"] == 0) == bare).all()
