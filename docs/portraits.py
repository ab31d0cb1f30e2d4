"""A small picture of each archetype: when some of its accounts send, drawn of the world that the docs make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from generator.dataset import Split

ROWS = 6  # accounts of an archetype, the busiest first
PITCH, WIDTH = 14, 480  # pixels: from row to row, and of a row
LEFT = 4


def portraits(split: Split) -> dict[str, str]:
    """SVG by archetype: one row an account, one tick an hour with requests, darker where there are more.

    Parameters
    ----------
    split : Split
        With labels.

    Returns
    -------
    dict of str to str
        None of archetypes without an active account.
    """
    who = split.labels.polars().select(pl.col("account_id", "archetype").cast(pl.String))
    hour = (pl.col("ts") - pl.col("ts").dt.truncate("1h").min()).dt.total_hours().alias("hour")
    log = split.requests.polars().select(pl.col("account_id").cast(pl.String), hour)
    sent = log.group_by("account_id", "hour").len().join(who, on="account_id").collect()
    return {
        str(name): _drawn(part, split.days * 24)
        for (name,), part in sent.partition_by("archetype", as_dict=True).items()
    }


def _drawn(sent: pl.DataFrame, hours: int) -> str:
    busiest = (
        sent.group_by("account_id").agg(pl.col("len").sum()).sort("len", "account_id", descending=True).head(ROWS)
    )
    rows = busiest.with_row_index("row").select("account_id", "row")
    height = PITCH * len(rows) + 2
    label = f"Hours of one week in which {len(rows)} accounts sent requests"
    ticks = "".join(_ticks(sent.join(rows, on="account_id").sort("row", "hour"), hours))
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH + 2 * LEFT} {height}" width="100%" '
        f'style="max-width:{WIDTH}px" fill="currentColor">{ticks}</svg>'
    )


def _ticks(sent: pl.DataFrame, hours: int) -> Iterator[str]:
    step = WIDTH / hours
    for row, hour, count in sent.select("row", "hour", "len").iter_rows():
        strength = min(1.0, 0.25 + 0.15 * count**0.5)
        x, y = LEFT + hour * step, 1 + row * PITCH
        yield f'<rect x="{x:.1f}" y="{y}" width="{step:.1f}" height="{PITCH - 4}" opacity="{strength:.2f}"/>'
