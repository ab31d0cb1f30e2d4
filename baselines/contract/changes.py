"""What may happen to a toy world: other names, another order, other columns, another future, fewer rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from generator import schema

Tables = Mapping[str, pl.DataFrame]
_PREFIX = "zz-"


def shuffled(tables: Tables) -> dict[str, pl.DataFrame]:
    """The same rows in another order.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a world.

    Returns
    -------
    dict of str to polars.DataFrame
        The changed tables.
    """
    return {name: rows.sample(fraction=1, shuffle=True, seed=1) for name, rows in tables.items()}


def renamed(tables: Tables) -> dict[str, pl.DataFrame]:
    """The same world with other names for accounts and requests; see `original_names`.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a world.

    Returns
    -------
    dict of str to polars.DataFrame
        The changed tables.
    """
    rows = tables["requests"]
    number = rows["request_id"]
    fresh = pl.Series(np.random.default_rng(4).permutation(len(number)).astype(np.int64) + 1_000_000)
    ids = pl.DataFrame({"old": number, "new": fresh})
    account = pl.concat_str(pl.lit(_PREFIX), pl.col("account_id").cast(pl.String).str.reverse())
    changed = dict(tables)
    for name, frame in tables.items():
        if "account_id" in frame.columns:
            changed[name] = changed[name].with_columns(
                account.cast(frame.schema["account_id"]).alias("account_id")
            )
        for column in {"request_id", "echo_response_id"} & set(frame.columns):
            changed[name] = changed[name].with_columns(pl.col(column).replace(ids["old"], ids["new"]))
    return changed


def original_names(answers: Mapping[str, pl.DataFrame], tables: Tables) -> dict[str, pl.DataFrame]:
    """Answers about the `renamed` world under the names of the world as it was.

    Parameters
    ----------
    answers : mapping of str to polars.DataFrame
        Answer per task.
    tables : mapping of str to polars.DataFrame
        Tables of the world as it was.

    Returns
    -------
    dict of str to polars.DataFrame
        Answer per task.
    """
    ids = pl.DataFrame({"old": tables["requests"]["request_id"], "new": renamed(tables)["requests"]["request_id"]})
    old = {
        "account_id": pl.col("account_id").str.slice(len(_PREFIX)).str.reverse(),
        "request_id": pl.col("request_id").replace(ids["new"], ids["old"]),
    }
    return {task: frame.with_columns(old[frame.columns[0]]) for task, frame in answers.items()}


def scrambled(tables: Tables, fields: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """The same world with other values in every public column that is not among `fields`.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a world.
    fields : tuple of str
        Columns that stay, as table.column.

    Returns
    -------
    dict of str to polars.DataFrame
        The changed tables.
    """
    changed = dict(tables)
    for name in schema.PUBLIC:
        hidden = [c.name for c in schema.TABLES[name] if c.group != "K" and f"{name}.{c.name}" not in fields]
        # Time stays, so that a column it is compared with can't run out of the window.
        changed[name] = tables[name].with_columns(pl.col(c).reverse() for c in hidden)
    return changed


def other_future(tables: Tables, day: int) -> dict[str, pl.DataFrame]:
    """The same world with another future: after a day others ask, and in another order.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a world.
    day : int
        Last day that stays, counted from 0.

    Returns
    -------
    dict of str to polars.DataFrame
        The changed tables.
    """
    rows = tables["requests"]
    future = pl.col("day") > day
    known, rest = rows.filter(~future), rows.filter(future)
    moved = rest.with_columns(pl.exclude("ts", "day", "request_id").reverse()).gather_every(2)
    texts = tables["prompts"]
    others = texts.filter(future).with_columns(pl.col("system_prompt", "prompt").reverse()).drop("account_id")
    owned = others.join(moved.select("request_id", "account_id"), on="request_id").select(texts.columns)
    return {
        **tables,
        "requests": pl.concat([known, moved]),
        "prompts": pl.concat([texts.filter(~future), owned]),
    }


def filtered(tables: Tables, requests: pl.Expr, accounts: pl.Expr | None = None) -> dict[str, pl.DataFrame]:
    """The world with some of its requests and accounts.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a world.
    requests : polars.Expr
        True for the requests that stay.
    accounts : polars.Expr, optional
        True for the accounts that stay; all if left out.

    Returns
    -------
    dict of str to polars.DataFrame
        The changed tables.
    """
    rows = tables["requests"].filter(requests)
    kept = {**tables, "requests": rows, "prompts": tables["prompts"].join(rows, on="request_id", how="semi")}
    return kept if accounts is None else kept | {"accounts": tables["accounts"].filter(accounts)}
