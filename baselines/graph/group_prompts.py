"""What groups of accounts do under the system prompts that are theirs: since when, on what, how much at once."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from baselines.features.prompt_visits import TOPICS
from generator.arrays import F64, I64

Columns = dict[str, F64]
_EARLY = 0.25  # of the window (a)
_WIDTHS_S = (60, 240)  # s; what counts as the same moment (a)
_LAGS = (3, 4, 5, 6)  # slots: near enough to have the same hour, far enough to be no coincidence
_DAY_S = 86_400


def work_columns(label: I64, visits: pl.DataFrame, days: int) -> Columns:
    """Work of each group in numbers.

    A prompt is a group's own if two members use it and most of its users in the world are members.

    Parameters
    ----------
    label : ndarray of int64, shape (accounts,)
        Group of each account, numbered from 0.
    visits : polars.DataFrame
        As `prompt_visits.with_topics` gives them.
    days : int
        Length of the window.

    Returns
    -------
    dict of str to ndarray of float64, shape (groups,)
        NaN where undefined.
    """
    groups = int(label.max()) + 1
    used = _with_own(visits.with_columns(group=pl.Series(label)[visits["row"]]))
    own = used["own"].to_numpy()
    columns = _onset(used, groups, days) | _prompts(used, groups, np.bincount(label).astype(np.float64))
    row, topic, group, slot = (used[c].to_numpy() for c in ("row", "topic", "group", "seconds"))
    for name, part in (("own", own), ("other", ~own), ("all", np.ones(len(own), np.bool_))):
        columns[f"topic:{name}"] = _meeting(label, row[part], topic[part])
    columns["topic:concentration"] = _concentration(group[own], topic[own], groups)
    for name, part in (("own", own), ("all", np.ones(len(own), np.bool_))):
        for width in _WIDTHS_S:
            at = np.floor(slot[part] / width).astype(np.int64)
            together, by_chance = _coincidences(group[part], at, row[part], groups)
            columns[f"together:{name}_{width}"] = np.log((together + 0.5) / (by_chance + 0.5))
            columns[f"excess:{name}_{width}"] = (together - by_chance) / np.sqrt(by_chance + 1)
    return columns


def _with_own(visits: pl.DataFrame) -> pl.DataFrame:
    users = visits.drop_nulls("template").select("group", "template", "row").unique()
    inside = users.group_by("group", "template").agg(inside=pl.len())
    inside = inside.with_columns(everywhere=pl.col("inside").sum().over("template"))
    own = ((pl.col("inside") > 1) & (2 * pl.col("inside") > pl.col("everywhere"))).fill_null(False)
    return visits.join(inside, on=("group", "template"), how="left", maintain_order="left").with_columns(own=own)


def _onset(used: pl.DataFrame, groups: int, days: int) -> Columns:
    """When the own prompts and the rest are used, in shares of the window."""
    columns: Columns = {}
    when = pl.col("seconds") / (_DAY_S * days)
    for name, rows in (("own", used.filter("own")), ("other", used.filter(~pl.col("own")))):
        for at, q in (("first", 0.02), ("middle", 0.5), ("last", 0.98)):
            times = rows.group_by("group").agg(x=when.quantile(q, "linear"))
            columns[f"{name}:{at}"] = _spread(times, "x", groups)
    for at in ("first", "last"):
        columns[f"lead:{at}"] = columns[f"own:{at}"] - columns[f"other:{at}"]
    day = pl.col("seconds") // _DAY_S
    active = used.group_by("group", "row", day=day).agg(x=pl.col("own").any())
    early = pl.col("day") < _EARLY * days
    for name, rows in (("early", active.filter(early)), ("late", active.filter(~early))):
        columns[f"use:{name}"] = _spread(rows.group_by("group").agg(pl.col("x").mean()), "x", groups)
    columns["use:change"] = np.log((columns["use:early"] + 0.05) / (columns["use:late"] + 0.05))
    return columns


def _prompts(used: pl.DataFrame, groups: int, size: F64) -> Columns:
    own = pl.col("own")
    counts = used.group_by("group").agg(
        share=own.mean(),
        users=pl.col("row").filter(own).n_unique(),
        kinds=pl.col("template").filter(own).n_unique(),
        reach=pl.col("everywhere").filter(own).log().mean(),
        ours=(pl.col("inside") / pl.col("everywhere")).filter(own).mean(),
    )
    columns = {f"prompts:{c}": _spread(counts, c, groups) for c in ("share", "users", "kinds", "reach", "ours")}
    return columns | {f"prompts:{c}": columns[f"prompts:{c}"] / size for c in ("users", "kinds")}


def _meeting(label: I64, row: I64, topic: I64) -> F64:
    """Chance that two members, asked for a visit of theirs each, name the same topic: mean over pairs."""
    n, groups = len(label), int(label.max()) + 1
    count = sparse.csr_array((np.ones(len(row)), (row, topic)), shape=(n, TOPICS))
    total: F64 = count.sum(axis=1)
    share = sparse.csr_array(sparse.diags_array(1 / np.maximum(total, 1)) @ count)
    member = sparse.csr_array((np.ones(n), (label, np.arange(n))), shape=(groups, n))
    k = member @ (total > 0).astype(np.float64)
    alone = member @ share.power(2).sum(axis=1)
    both = sparse.csr_array(member @ share).power(2).sum(axis=1) - alone
    return np.where(k > 1, both / np.maximum(k * (k - 1), 1), np.nan)


def _concentration(group: I64, topic: I64, groups: int) -> F64:
    """How many topics, equally often, would be as concentrated; NaN without a visit."""
    count = sparse.csr_array((np.ones(len(group)), (group, topic)), shape=(groups, TOPICS))
    total: F64 = count.sum(axis=1)
    squares: F64 = count.power(2).sum(axis=1)
    return np.where(total > 0, total**2 / np.maximum(squares, 1), np.nan)


def _coincidences(group: I64, slot: I64, row: I64, groups: int) -> tuple[F64, F64]:
    """Pairs of a group's members in the same slot of time, and as many as chance gives: in slots a few apart."""
    # One number for a group's slot, further from those of the next group than any lag: rows of three sort slowly.
    slots, rows = int(slot.max(initial=0)) + _LAGS[-1] + 1, int(row.max(initial=0)) + 1
    codes = np.sort((group * slots + slot) * rows + row)
    codes = codes[
        np.diff(codes, prepend=-1) > 0
    ]  # numpy's unique hashes numbers, which takes several times as long
    line, count = np.unique(codes // rows, return_counts=True)
    of = line // slots
    together = np.asarray(np.bincount(of, count * (count - 1), groups), np.float64)
    by_chance = np.zeros(groups)
    for lag in _LAGS:
        at = np.minimum(np.searchsorted(line, line + lag), max(0, len(line) - 1))
        hit = line[at] == line + lag
        by_chance += np.bincount(of[hit], 2 * count[hit] * count[at[hit]], groups) / len(_LAGS)
    return together, by_chance


def _spread(frame: pl.DataFrame, column: str, groups: int) -> F64:
    """One value per group, NaN for groups that are not in the frame."""
    values = np.full(groups, np.nan)
    values[frame["group"].to_numpy()] = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values
