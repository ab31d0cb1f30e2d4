"""Account features as a table: each a name, the columns it needs, and a Polars expression.

A detector picks rows of the table and declares the columns they need with `fields_of`. Requests are streamed
over account buckets, so memory is bounded by the largest bucket. No feature depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from generator import schema
from generator.dataset import Split


@dataclass(frozen=True, slots=True)
class Feature:
    """One number per account.

    Parameters
    ----------
    name, description : str
        Column name of the result, and what it says, with its unit.
    needs : tuple of str
        Fields (table.column) it is computed from; all of one table.
    expression : polars.Expr
        For requests an aggregation over an account's rows (with the helper columns of `with_helpers`), for
        accounts an expression over the table; `window_start` and `window_days` are there for both.
    """

    name: str
    needs: tuple[str, ...]
    description: str
    expression: pl.Expr

    @property
    def groups(self) -> str:
        """Field groups that it is computed from, e.g. "M+L"."""
        return schema.field_groups(self.needs)

    @property
    def table(self) -> str:
        """The table that it is computed from."""
        return self.needs[0].partition(".")[0]


def fields_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """Fields that features need.

    Parameters
    ----------
    features : iterable of Feature
        Rows of `feature_table`.

    Returns
    -------
    tuple of str
        As table.column, sorted.

    Examples
    --------
    >>> from baselines.features import feature_table
    >>> fields_of(feature_table.named("age", "quiet_share"))
    ('accounts.created', 'requests.ts')
    """
    return tuple(sorted({field for f in features for field in f.needs}))


def account_features(split: Split, wanted: Sequence[Feature]) -> pl.DataFrame:
    """Features of every account, also of those that sent nothing.

    Parameters
    ----------
    split : Split
        World to describe; must hold the columns that the features need.
    wanted : sequence of Feature
        Rows of `FEATURES`.

    Returns
    -------
    polars.DataFrame
        account_id (String, sorted) and one Float64 column per feature; null where undefined, and where nobody
        recorded what it is computed from.
    """
    frame = _of_accounts(split, [f for f in wanted if f.table == "accounts"])
    of_requests = [f for f in wanted if f.table == "requests"]
    if of_requests:
        frame = frame.join(_of_requests(split, of_requests), on="account_id", how="left")
    # A share of nulls is no share: 0 of 10 requests with a tool, if nobody has noted tools.
    unknown = {f.name for f in wanted if split.missing & set(f.needs)}
    nothing = pl.lit(None, pl.Float64)
    values = [
        (nothing if f.name in unknown else pl.col(f.name).cast(pl.Float64).fill_nan(None)).alias(f.name)
        for f in wanted
    ]
    return frame.select("account_id", *values).sort("account_id")


def _of_accounts(split: Split, wanted: Sequence[Feature]) -> pl.DataFrame:
    expressions = [f.expression.alias(f.name) for f in wanted]
    frame = _with_window(split.accounts.polars(), split).select("account_id", *expressions)
    return frame.with_columns(pl.col("account_id").cast(pl.String)).collect()


def _of_requests(split: Split, wanted: Sequence[Feature]) -> pl.DataFrame:
    columns = {field.partition(".")[2] for field in fields_of(wanted)}
    expressions = [f.expression.alias(f.name) for f in wanted]
    buckets = []
    for bucket in split.requests.buckets():
        # Collected first: sorting and grouping a frame that is in memory is faster than streaming it.
        rows = bucket.select("account_id", *sorted(columns)).collect().lazy()
        grouped = _with_window(with_helpers(rows), split).group_by("account_id").agg(expressions)
        buckets.append(grouped.with_columns(pl.col("account_id").cast(pl.String)).collect())
    return pl.concat(buckets)


def _with_window(frame: pl.LazyFrame, split: Split) -> pl.LazyFrame:
    start = pl.lit(split.start).cast(pl.Datetime("ms", "UTC"))
    return frame.with_columns(start.alias("window_start"), pl.lit(float(split.days)).alias("window_days"))


def with_helpers(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Sort requests by account and time and add the columns that expressions of `Feature` may use.

    Parameters
    ----------
    rows : polars.LazyFrame
        Requests; returned as they are if `ts` is not among their columns.

    Returns
    -------
    polars.LazyFrame
        Besides: gap (s since the account's previous request, null for the first), hour (0 to 23, UTC) and
        clock_hour (hours since 1970).
    """
    if "ts" not in rows.collect_schema():
        return rows
    same = pl.col("account_id") == pl.col("account_id").shift()
    gap = pl.col("ts").diff().dt.total_milliseconds() / 1000
    return rows.sort(pl.col("account_id").to_physical(), "ts").with_columns(
        pl.when(same).then(gap).alias("gap"),
        pl.col("ts").dt.hour().cast(pl.Int16).alias("hour"),
        (pl.col("ts").dt.epoch("s") // 3600).alias("clock_hour"),
    )
