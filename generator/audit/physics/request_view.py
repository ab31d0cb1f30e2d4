"""Requests beside their accounts and models, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

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
        yield with_account_and_model(rows, accounts, releases).collect()


def with_account_and_model(rows: pl.LazyFrame, accounts: pl.DataFrame, releases: pl.DataFrame) -> pl.LazyFrame:
    """Requests beside their account's and their model's row; their order stays.

    Parameters
    ----------
    rows : polars.LazyFrame
        Requests.
    accounts, releases : polars.DataFrame
        See `beside`.
    """
    # A table that lists a key twice is a violation of its own, and must not double requests.
    accounts, releases = accounts.unique("accounts.account_id"), releases.unique("releases.model")
    return (
        rows.join(
            accounts.lazy(),
            left_on="account_id",
            right_on="accounts.account_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("model").cast(pl.String).alias("releases.model"))
        .join(releases.lazy(), on="releases.model", how="left", maintain_order="left")
    )
