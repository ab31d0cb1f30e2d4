"""What kind of column each one is, to a searcher of shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from generator import schema
from generator.audit.base.labelled_split import LabelledSplit

OPAQUE = (
    "conversation_id",
    "end_user_id",
    "ip_prefix",
    "asn",
    "tls_fingerprint",
    "system_prompt_hash",
    "tools_hash",
    "prompt_simhash",
    "response_simhash",
    "echo_response_id",
)
"""Numbers that say nothing but equality; what their bits say is compared in `artifacts.ids`."""
_NEITHER = ("request_id", "account_id", "ts")
NUMBERS = tuple(
    c.name
    for c in schema.REQUESTS
    if c.name not in (*OPAQUE, *_NEITHER) and c.dtype != schema.CATEGORY and c.name not in schema.EMBEDDING_COLUMNS
)
CATEGORIES = tuple(c.name for c in schema.REQUESTS if c.dtype == schema.CATEGORY and c.name not in _NEITHER)
NULLABLE = tuple(c.name for c in schema.REQUESTS if c.nullable)
OF_ACCOUNTS = tuple(c.name for c in schema.ACCOUNTS if c.dtype == schema.CATEGORY and c.name not in _NEITHER)


def values_of(splits: Sequence[LabelledSplit], table: str, columns: tuple[str, ...]) -> dict[str, list[str]]:
    """Values that occur in category columns of a table, in any split.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    table : str
        Name of the table.
    columns : tuple of str
        Names of the columns.

    Returns
    -------
    dict of str to list of str
        By column, sorted.
    """
    values: dict[str, set[str]] = {c: set() for c in columns}
    for split in splits:
        for part in split.source.tables[table].buckets():
            rows = part.select(pl.col(c).unique().cast(pl.String).drop_nulls().implode() for c in columns)
            for name, listed in rows.collect().row(0, named=True).items():
                values[name] |= set(listed)
    return {name: sorted(listed) for name, listed in values.items()}
