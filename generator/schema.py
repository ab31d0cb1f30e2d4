"""Every table and column of a dataset: dtype, unit, field group and OpenTelemetry name.

The one place that says what a column is: writers take their Arrow schemas from here, readers check files by
it, detectors declare what they use in its terms, and the data dictionary is printed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from generator.columns import (
    ACCOUNT_LABELS,
    ACCOUNTS,
    CAMPAIGNS,
    CATEGORY,
    EMBEDDING_COLUMNS,
    EMBEDDING_DIMENSIONS,
    GROUPS,
    KINDS,
    LABELS,
    RELEASES,
    REQUEST_LABELS,
    SPLITS,
    TIERS,
    TIMESTAMP,
    Column,
)
from generator.request_columns import REQUESTS

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_LABELS",
    "CAMPAIGNS",
    "CATEGORY",
    "EMBEDDING_COLUMNS",
    "EMBEDDING_DIMENSIONS",
    "GROUPS",
    "KINDS",
    "LABELS",
    "PUBLIC",
    "RELEASES",
    "REQUESTS",
    "REQUEST_LABELS",
    "SHARDED",
    "SPLITS",
    "TABLES",
    "TIERS",
    "TIMESTAMP",
    "TRUTH",
    "Column",
    "arrow_schema",
    "check_fields",
    "column",
    "field_groups",
    "numpy_type",
    "pandas_metadata",
    "parquet_options",
]

TABLES: dict[str, tuple[Column, ...]] = {
    "requests": REQUESTS,
    "accounts": ACCOUNTS,
    "releases": RELEASES,
    "account_labels": ACCOUNT_LABELS,
    "request_labels": REQUEST_LABELS,
    "campaigns": CAMPAIGNS,
}
PUBLIC = ("requests", "accounts", "releases")
TRUTH = ("account_labels", "request_labels", "campaigns")
SHARDED = ("requests", "request_labels")  # one file per day and account bucket; the others are one file


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of a table, the same for every file of it.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    """
    return pa.schema([pa.field(c.name, c.dtype, nullable=c.nullable) for c in TABLES[table]])


def numpy_type(column: Column) -> np.dtype[Any]:
    """Type of a column's values, or of a category's codes, in the generator's arrays; times are whole numbers.

    Parameters
    ----------
    column : Column
        Column of any table.
    """
    if column.dtype == CATEGORY:
        return np.dtype(np.int8)
    if pa.types.is_timestamp(column.dtype):
        return np.dtype(np.int64)
    return np.dtype(np.float32 if column.dtype == pa.float32() else str(column.dtype))


def pandas_metadata(table: str, names: Iterable[str] | None = None) -> dict[str, str]:
    """Schema metadata by which pandas reads integers that may be null as integers.

    Without it pandas makes floats of them, and opaque numbers of 63 bits lose their last digits.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    names : iterable of str, optional
        Columns that are there; all if left out.
    """
    there = None if names is None else set(names)
    columns = [c for c in TABLES[table] if there is None or c.name in there]
    numbers = [c for c in columns if c.nullable and pa.types.is_integer(c.dtype)]
    described = [
        {
            "name": c.name,
            "field_name": c.name,
            "pandas_type": str(c.dtype),
            "numpy_type": str(c.dtype).replace("int", "Int").replace("uI", "UI"),
            "metadata": None,
        }
        for c in numbers
    ]
    return {"pandas": json.dumps({"index_columns": [], "column_indexes": [], "columns": described})}


def parquet_options(table: str) -> dict[str, object]:
    """Keyword arguments for `pyarrow.parquet.ParquetWriter` that fit the table's columns.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    """
    columns = TABLES[table]
    # Plain ones are random bits, and packed differences have nothing left to find: compressed they are no smaller.
    codecs = {c.name: "none" if c.encoding in ("PLAIN", "DELTA_BINARY_PACKED") else "zstd" for c in columns}
    return {
        "compression": codecs,
        "compression_level": {name: 1 for name, codec in codecs.items() if codec == "zstd"},
        "use_dictionary": [c.name for c in columns if c.encoding == "dictionary"],
        "column_encoding": {c.name: c.encoding for c in columns if c.encoding != "dictionary"},
        "write_statistics": ["ts", "day"] if table == "requests" else True,
        "store_schema": True,
    }


def check_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """Fields as written by a detector, such as "requests.ts", checked against the schema.

    Parameters
    ----------
    fields : iterable of str
        As table.column.

    Raises
    ------
    ValueError
        Names every field that does not exist or is truth, and says what a field looks like.
    """
    declared = tuple(fields)
    wrong = [f for f in declared if not _is_public(f)]
    if wrong:
        raise ValueError(
            f"{len(wrong)} of {len(declared)} declared fields are no public columns: {', '.join(wrong[:5])}; "
            "write table.column, e.g. requests.ts or accounts.plan, with tables " + ", ".join(PUBLIC)
        )
    return declared


def field_groups(fields: Iterable[str]) -> str:
    """Field groups that the declared fields belong to, e.g. "M+L"; "-" for none.

    Parameters
    ----------
    fields : iterable of str
        As table.column.

    Examples
    --------
    >>> field_groups(["requests.ts", "requests.asn", "requests.account_id"])
    'M+L'
    """
    groups = {column(f).group for f in check_fields(fields)} - {"K"}
    return "+".join(g for g in "MLC" if g in groups) or "-"


def column(field: str) -> Column:
    """Column named as table.column.

    Parameters
    ----------
    field : str
        As table.column.

    Raises
    ------
    KeyError
        If there is no such column.

    Examples
    --------
    >>> column("requests.input_tokens").unit
    'tokens'
    """
    table, _, name = field.partition(".")
    for c in TABLES.get(table, ()):
        if c.name == name:
            return c
    raise KeyError(field)


def _is_public(field: str) -> bool:
    table, _, name = field.partition(".")
    return table in PUBLIC and any(c.name == name for c in TABLES[table])
