"""Opaque numbers must be opaque: neither their order nor a bit of them may tell who holds them.

The unit is the distinct value, of extraction accounts or of benign ones (values of both tell nothing): each is one
draw of a hash, so that no cohort can make two of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from generator import schema
from generator.arrays import F64, Mask
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.rank_statistics import Look, look, look_at_share

_CONTENT = ("prompt_simhash", "response_simhash")
OF_REQUESTS = tuple(
    c.name
    for c in schema.REQUESTS
    if c.unit == "-" and c.dtype != schema.CATEGORY and not str(c.dtype).startswith("bool")
    and c.name not in (*_CONTENT, "api_key", "echo_response_id", *schema.EMBEDDING_COLUMNS)
)  # fmt: skip
OF_ACCOUNTS = tuple(c.name for c in schema.ACCOUNTS if c.unit == "-" and str(c.dtype).startswith("int"))


@dataclass(frozen=True)
class Values:
    """Distinct values of one id column, and whether extraction accounts hold them."""

    name: str
    value: pl.Series
    positive: Mask

    def looks(self) -> list[Look | None]:
        """At the order, and at each bit."""
        bits = self.value.to_numpy().astype(np.uint64)
        width = max(1, int(bits.max()).bit_length()) if len(bits) else 0
        found = [look(f"{self.name} order", self.positive, bits.astype(np.float64))]
        counts = int(self.positive.sum()), int((~self.positive).sum())
        for bit in range(width):
            one = bits >> np.uint64(bit) & np.uint64(1) == 1
            ones = int((one & self.positive).sum()), int((one & ~self.positive).sum())
            found.append(look_at_share(f"{self.name} bit {bit}", ones, counts))
        return found


def looks(worlds: list[LabelledSplit]) -> list[Look | None]:
    """All looks at all id columns of all worlds."""
    return [x for world in worlds for values in _columns(world) for x in values.looks()]


def account_numbers(world: LabelledSplit) -> pl.Series:
    """Account ids as numbers: the hexadecimal digits at their end, or a hash of names that have none."""
    digits = world.truth["account_id"].str.extract("([0-9a-f]{1,16})$")
    if digits.null_count():
        return world.truth["account_id"].rank("dense").cast(pl.UInt64)
    return pl.Series([int(x, 16) for x in digits], dtype=pl.UInt64)


def bits(numbers: pl.Series, prefix: str, width: int = 64) -> dict[str, F64]:
    """Each bit of some numbers as a column, NaN for null."""
    known = numbers.is_not_null().to_numpy()
    values = numbers.fill_null(0).cast(pl.UInt64).to_numpy()
    ones = ((values >> np.uint64(b) & np.uint64(1)).astype(np.float64) for b in range(width))
    return {f"{prefix} bit {b}": np.where(known, one, np.nan) for b, one in enumerate(ones)}


def _columns(world: LabelledSplit) -> list[Values]:
    judged = (world.benign | world.extraction).nonzero()[0]
    found = [Values(f"account_id in {world.name}", account_numbers(world)[judged], world.extraction[judged])]
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in OF_REQUESTS}
    for frame in world.buckets(*OF_REQUESTS):
        for name in OF_REQUESTS:
            parts[name].append(_holders(frame, name))
    accounts = world.joined(world.split.accounts.polars())
    parts |= {name: [_holders(accounts, name)] for name in OF_ACCOUNTS}
    return found + [_values(f"{name} in {world.name}", pl.concat(p)) for name, p in parts.items()]


def _holders(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    known = frame.select("extraction", "benign", value=name).drop_nulls("value")
    return known.group_by("value").agg(pl.col("extraction", "benign").any())


def _values(name: str, holders: pl.DataFrame) -> Values:
    merged = holders.group_by("value").agg(pl.col("extraction", "benign").any())
    alone = merged.filter(pl.col("extraction") != pl.col("benign")).sort("value")
    return Values(name, alone["value"], alone["extraction"].to_numpy())
