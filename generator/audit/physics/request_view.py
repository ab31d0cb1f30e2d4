"""Requests beside their accounts and models, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from generator.audit.base import categories
from generator.dataset import Split
from generator.schema import EMBEDDING_COLUMNS

SINCE_START = "ms since the window began"
WINDOW = "days of the window"
DERIVED = {SINCE_START: "requests.ts", WINDOW: ""}


def since_start(split: Split, moment: str = "ts") -> pl.Expr:
    """Milliseconds since the window began.

    Parameters
    ----------
    split : Split
        World.
    moment : str
        Column of times.
    """
    return pl.col(moment).dt.epoch("ms") - int(split.start.timestamp() * 1000)


def embedding() -> pl.Expr:
    """The prompt embedding as one number: equal for equal embeddings, hardly ever for others."""
    return pl.struct(EMBEDDING_COLUMNS).hash().alias("embedding")


def beside(split: Split, table: str, *columns: str) -> pl.DataFrame:
    """Some columns of a table, called table.column, to be put beside requests.

    Parameters
    ----------
    split : Split
        World.
    table : str
        accounts or releases.
    *columns : str
        Columns, the key among them.
    """
    return split.tables[table].polars().select(pl.col(columns).name.prefix(f"{table}.")).collect()


def frames(split: Split) -> Iterator[pl.DataFrame]:
    """Requests of one bucket at a time, with their account's and their model's row.

    Parameters
    ----------
    split : Split
        World.

    Yields
    ------
    polars.DataFrame
        Every column of requests; `accounts.*` are null for an unknown account, `releases.*` for an unlisted model.
    """
    accounts = beside(split, "accounts", "account_id", "created", "plan", "payment_type")
    releases = beside(split, "releases", "model", "released", "withdrawn", "returned", "context_window")
    for bucket in split.requests.buckets():
        rows = bucket.with_columns(since_start(split).alias(SINCE_START), pl.lit(split.days).alias(WINDOW))
        yield with_account_and_model(rows.collect(), accounts, releases)


def with_account_and_model(rows: pl.DataFrame, accounts: pl.DataFrame, releases: pl.DataFrame) -> pl.DataFrame:
    """Requests beside their account's and their model's row; their order stays.

    Parameters
    ----------
    rows : polars.DataFrame
        Requests.
    accounts, releases : polars.DataFrame
        See `beside`.
    """
    for key, of_key, table in (
        ("account_id", "accounts.account_id", accounts),
        ("model", "releases.model", releases),
    ):
        # A table that lists a key twice is a violation of its own, and must not double requests.
        listed = {name: i for i, name in enumerate(table[of_key].cast(pl.String))}
        place = pl.Series(categories.places(rows[key], listed), dtype=pl.Int64)
        known = place.set(place < 0, None)
        rows = rows.hstack(table.drop(of_key).select(pl.all().gather(known)))
    return rows
