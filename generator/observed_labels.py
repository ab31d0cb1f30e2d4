"""Labels as a provider has them: late, incomplete, sometimes wrong; read, checked, and put in the place of truth.

An account that was noticed has one row per state, in the order of days; all others have none. Made by
`generator.pipeline.observed_process`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from generator.columns import STATES
from generator.errors import UserError
from generator.table import Table

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Split

FOLLOWS = {
    "": ("watch", "review", "banned"),
    "watch": ("review", "banned", "cleared"),
    "review": ("banned", "cleared"),
    "banned": ("cleared",),
    "cleared": ("watch", "review", "banned"),
}
"""States that may come after each, and after none."""


def check(rows: pl.DataFrame) -> None:
    """Refuse states that are out of order.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns of `columns.LABELS_OBSERVED`, an account's rows one after the other.

    Raises
    ------
    UserError
        If an account's days don't rise, or a state can't follow the one before; names the first such row.
    """
    import polars as pl

    table = rows.select(pl.col("account_id", "state").cast(pl.String), "day").with_columns(
        before=pl.col("state").shift(1).over("account_id").fill_null(""),
        since=pl.col("day").shift(1).over("account_id"),
    )
    can_follow = pl.any_horizontal(
        (pl.col("before") == before) & pl.col("state").is_in(after) for before, after in FOLLOWS.items()
    )
    wrong = table.filter((pl.col("day") <= pl.col("since")).fill_null(value=False) | ~can_follow)
    if len(wrong):
        account, state, day, before, since = wrong.row(0)
        after = f"{before} on day {since}" if before else "nothing"
        raise UserError(
            f"{len(wrong):,} of {len(table):,} states in labels_observed are out of order, e.g. {account} is "
            f"{state} on day {day} after {after}: days must rise, and {before or 'nothing'} is followed by "
            f"{', '.join(FOLLOWS.get(before, STATES))}"
        )


def last_states(split: Split) -> pl.DataFrame:
    """What the provider holds each account for when the window has ended.

    Parameters
    ----------
    split : Split
        With open labels.

    Returns
    -------
    polars.DataFrame
        account_id, state, source (String), day and case, one row per account; null for those whom nobody noticed.

    Raises
    ------
    UserError
        If states are out of order, see `check`.
    """
    import polars as pl

    rows = split.labels_observed.polars().collect()
    check(rows)
    ids = split.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    last = rows.with_columns(pl.col("account_id", "state", "source").cast(pl.String)).group_by("account_id").last()
    return ids.join(last, on="account_id", how="left").sort("account_id")


def in_place_of_truth(split: Split) -> Split:
    """The split with observed labels where truth stood: banned accounts are extraction, all others benign.

    Those on watch or in review are undecided: labelled grey, they are left out as grey accounts are.
    Whom one case banned is one cohort, all others stand alone: that is what a provider knows of who belongs
    together. No other truth is there to be read.

    Parameters
    ----------
    split : Split
        With open labels and all its columns.

    Returns
    -------
    Split
        `labels` has account_id, label, cohort and served.
    """
    import polars as pl

    banned = pl.col("state").eq_missing(pl.lit("banned"))
    labels = last_states(split).select(
        "account_id",
        pl.when(banned)
        .then(pl.lit("extraction"))
        .when(pl.col("state").is_in(("watch", "review")))
        .then(pl.lit("grey"))
        .otherwise(pl.lit("benign"))
        .alias("label"),
        pl.when(banned & pl.col("case").is_not_null())
        .then(pl.format("case {}", "case"))
        .otherwise("account_id")
        .alias("cohort"),
        banned.alias("served"),
    )
    table = Table("account_labels", [labels.lazy()], ("account_id", "label", "cohort", "served"))
    return replace(split, tables={**split.tables, "account_labels": table}, observed=True)
