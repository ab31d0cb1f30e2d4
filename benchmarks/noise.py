"""The request schema filled with independent noise: what a script of an afternoon writes, in six ways.

Each way writes some rows into one Parquet file with zstd. They are spared what behaviour costs: no two columns
have to do with each other, hashes and ids are numbers below 10,000, and a third of what may be null is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from generator import schema
from generator.pipeline import arrow_tables
from generator.schema import Column

if TYPE_CHECKING:
    import pandas as pd

_ACCOUNTS = [f"acc_{i:016x}" for i in range(3000)]
_NULL = 1 / 3
_WINDOW_MS = 28 * 86_400_000
_BELOW = {"request_id": 2**53, "prompt_simhash": 2**62, "response_simhash": 2**62, "ts": _WINDOW_MS}
_BELOW_OF_TYPE = {pa.int8(): 128, pa.int16(): 1000}
_SQL_TYPES = {
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
}
Values = npt.NDArray[Any]


def faker(rows: int, file: Path, seed: int) -> None:
    """A loop over rows, each value asked of Faker."""
    from faker import Faker

    fake = Faker()
    fake.seed_instance(seed)
    made = [{c.name: _faked(fake, c) for c in schema.REQUESTS} for _ in range(rows)]
    _write(pa.Table.from_pylist(made, schema=schema.arrow_schema("requests")), file)


def pandas(rows: int, file: Path, seed: int) -> None:
    """A data frame of numpy columns, categories as strings."""
    _frame(rows, seed).to_parquet(file, compression="zstd", index=False)


def numpy(rows: int, file: Path, seed: int) -> None:
    """Numpy columns, categories as codes, handed to pyarrow: the plain script that the others are held against."""
    rng = np.random.default_rng(seed)
    arrays = []
    for column in schema.REQUESTS:
        values, null = _drawn(column, rng, rows), _nulls(column, rng, rows)
        if column.dtype == schema.CATEGORY:
            codes = pa.array(values, pa.int32(), mask=null)
            arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array(_pool(column))))
        else:
            arrays.append(pa.array(values, column.dtype, mask=null))
    _write(pa.Table.from_arrays(arrays, schema=schema.arrow_schema("requests")), file)


def polars(rows: int, file: Path, seed: int) -> None:
    """A Polars frame of numpy columns, categories as an Enum."""
    import polars as pl

    rng = np.random.default_rng(seed)
    made = []
    for column in schema.REQUESTS:
        values, null = pl.Series(_drawn(column, rng, rows)), _nulls(column, rng, rows)
        if column.dtype == schema.CATEGORY:
            values = values.cat.to(pl.Enum(_pool(column)))
        if column.dtype == schema.TIMESTAMP:
            values = values.cast(pl.Datetime("ms"))
        made.append(pl.lit(values) if null is None else pl.when(pl.Series(~null)).then(pl.lit(values)))
    frame = pl.select(e.alias(c.name) for e, c in zip(made, schema.REQUESTS, strict=True))
    frame.write_parquet(file, compression="zstd")


def duckdb(rows: int, file: Path, seed: int) -> None:
    """One statement of SQL: range() and random()."""
    import duckdb

    columns = ", ".join(f"{_sql(c)} AS {c.name}" for c in schema.REQUESTS)
    with duckdb.connect() as database:
        database.execute("SET threads = 1")
        database.execute("SELECT setseed(?)", [1 / (2 + seed)])
        database.execute(
            f"COPY (SELECT {columns} FROM range({rows})) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
        )


def sdv(rows: int, file: Path, seed: int) -> None:
    """A Gaussian copula of SDV, learnt from 2,000 rows of the pandas script."""
    from sdv.metadata import Metadata  # type: ignore[import-not-found]
    from sdv.single_table import GaussianCopulaSynthesizer  # type: ignore[import-not-found]

    sample = _frame(2000, seed).astype({"ts": "datetime64[ns]"})  # it makes nanoseconds, and refuses to cut them
    known = {"requests": sample}
    model = GaussianCopulaSynthesizer(Metadata.detect_from_dataframes(known))
    model.fit(known)
    model.sample(rows)["requests"].to_parquet(file, compression="zstd", index=False)


def _frame(rows: int, seed: int) -> pd.DataFrame:
    import pandas as pd

    rng = np.random.default_rng(seed)
    made = {}
    for column in schema.REQUESTS:
        values, null = _drawn(column, rng, rows), _nulls(column, rng, rows)
        if column.dtype == schema.CATEGORY:
            values = np.array(_pool(column))[values]
        if column.dtype == schema.TIMESTAMP:
            values = values.astype("datetime64[ms]")
        series = pd.Series(pd.array(values))
        made[column.name] = series if null is None else series.mask(null)
    return pd.DataFrame(made)


def _pool(column: Column) -> list[str]:
    return list(arrow_tables.POOLS.get(column.name, _ACCOUNTS))


def _below(column: Column) -> int:
    if column.dtype == schema.CATEGORY:
        return len(_pool(column))
    return _BELOW.get(column.name) or _BELOW_OF_TYPE.get(column.dtype, 10_000)


def _drawn(column: Column, rng: np.random.Generator, rows: int) -> Values:
    """Noise of one column; codes of a category, milliseconds of a time."""
    if column.dtype == pa.float32():
        return rng.random(rows, np.float32)
    if column.dtype == pa.bool_():
        return rng.integers(0, 2, rows, np.uint8).astype(np.bool_)
    plain = schema.numpy_type(column) if column.dtype != schema.CATEGORY else np.dtype(np.uint32)
    return rng.integers(0, _below(column), rows, plain.type)


def _nulls(column: Column, rng: np.random.Generator, rows: int) -> npt.NDArray[np.bool_] | None:
    return rng.random(rows, np.float32) < _NULL if column.nullable else None


def _faked(fake: Any, column: Column) -> object:
    if column.nullable and fake.boolean(100 * _NULL):
        return None
    return _FAKES.get(column.dtype, _a_number)(fake, column)


def _a_number(fake: Any, column: Column) -> object:
    return fake.random_int(0, _below(column) - 1)


_FAKES: dict[pa.DataType, Callable[[Any, Column], object]] = {
    schema.CATEGORY: lambda fake, column: fake.random_element(_pool(column)),
    schema.TIMESTAMP: lambda fake, column: fake.date_time_this_year(tzinfo=UTC),
    pa.float32(): lambda fake, column: fake.pyfloat(min_value=0, max_value=1),
    pa.bool_(): lambda fake, column: fake.boolean(),
}


def _sql(column: Column) -> str:
    value = f"floor(random() * {_below(column)})"
    if column.name == "account_id":
        value = f"'acc_' || {value}::INTEGER"
    elif column.dtype == schema.CATEGORY:
        value = f"{_pool(column)}[1 + {value}::INTEGER]"
    elif column.dtype == schema.TIMESTAMP:
        value = f"epoch_ms({value}::BIGINT)"
    elif column.dtype == pa.bool_():
        value = "random() < 0.5"
    else:
        value = f"{'random()' if column.dtype == pa.float32() else value}::{_SQL_TYPES[column.dtype]}"
    return f"CASE WHEN random() >= {_NULL} THEN {value} END" if column.nullable else value


def _write(table: pa.Table, file: Path) -> None:
    pq.write_table(table, file, compression="zstd")
