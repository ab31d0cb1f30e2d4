"""Opaque numbers must be opaque: neither their order nor a bit of them may tell who holds them.

The unit is the distinct value, of extraction accounts or of benign ones (values of both tell nothing): each is one
draw of a hash, so that no cohort can make two of them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from generator import schema
from generator.arrays import F64, Mask
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.two_sample import Comparison, compare_ranks, compare_shares

_CONTENT = ("prompt_simhash", "response_simhash")
OF_REQUESTS = tuple(
    c.name
    for c in schema.REQUESTS
    if c.unit == "-" and c.dtype != schema.CATEGORY and not str(c.dtype).startswith("bool")
    and c.name not in (*_CONTENT, "echo_response_id", *schema.EMBEDDING_COLUMNS)
)  # fmt: skip
OF_ACCOUNTS = tuple(c.name for c in schema.ACCOUNTS if c.unit == "-" and str(c.dtype).startswith("int"))


@dataclass(frozen=True)
class IdColumn:
    """Distinct values of one id column of one split.

    Attributes
    ----------
    name, split : str
        The column, and where.
    value : polars.Series of integers
        Each value once.
    positive : ndarray of bool, shape (values,)
        Whether extraction accounts hold it.
    """

    name: str
    split: str
    value: pl.Series
    positive: Mask

    def comparisons(self) -> list[Comparison | None]:
        """Compare the order of the values, and each bit."""
        bits = self.value.to_numpy().astype(np.uint64)
        width = max(1, int(bits.max()).bit_length()) if len(bits) else 0
        compared = [compare_ranks(f"{self.name} order", self.split, self.positive, bits.astype(np.float64))]
        units = int(self.positive.sum()), int((~self.positive).sum())
        held, others = (_ones(bits[side]) for side in (self.positive, ~self.positive))
        return compared + [
            compare_shares(f"{self.name} bit {bit}", self.split, (held[bit], others[bit]), units)
            for bit in range(width)
        ]


def comparisons(splits: Sequence[LabelledSplit]) -> list[Comparison | None]:
    """Compare order and bits of all id columns of all splits.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    return [c for split in splits for column in _columns(split) for c in column.comparisons()]


def account_numbers(split: LabelledSplit) -> pl.Series:
    """Account ids as numbers: the hexadecimal digits at their end, or the rank of names that have none.

    Parameters
    ----------
    split : LabelledSplit
        Any.

    Returns
    -------
    polars.Series of uint64
        By account, in the order of the split's truth.
    """
    digits = split.truth["account_id"].str.extract("([0-9a-f]{1,16})$")
    if digits.null_count():
        return split.truth["account_id"].rank("dense").cast(pl.UInt64)
    return pl.Series([int(x, 16) for x in digits], dtype=pl.UInt64)


def bits(numbers: pl.Series, prefix: str, width: int = 64) -> dict[str, F64]:
    """Each bit of some numbers as a column.

    Parameters
    ----------
    numbers : polars.Series of integers
        Numbers from 0 on, or null.
    prefix : str
        What the columns' names begin with.
    width : int
        Bits, the lowest first.

    Returns
    -------
    dict of str to ndarray, shape (numbers,)
        0 or 1, NaN for null.
    """
    known = numbers.is_not_null().to_numpy()
    values = numbers.fill_null(0).cast(pl.UInt64).to_numpy()
    ones = ((values >> np.uint64(b) & np.uint64(1)).astype(np.float64) for b in range(width))
    return {f"{prefix} bit {b}": np.where(known, one, np.nan) for b, one in enumerate(ones)}


def _ones(numbers: npt.NDArray[np.uint64]) -> list[int]:
    """How many numbers have a one at each bit, the lowest first: bytes are counted, then bits of 256 bytes."""
    of_bytes = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)
    counts = np.stack([np.bincount(byte, minlength=256) for byte in of_bytes.T])
    held = np.arange(256)[:, None] >> np.arange(8) & 1
    return [int(n) for n in (counts @ held).ravel()]


def _columns(split: LabelledSplit) -> list[IdColumn]:
    judged = (split.benign | split.extraction).nonzero()[0]
    own = IdColumn("account_id", split.name, account_numbers(split)[judged], split.extraction[judged])
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in OF_REQUESTS}
    for frame in split.buckets(*OF_REQUESTS):
        for name in OF_REQUESTS:
            parts[name].append(_holders(frame, name))
    accounts = split.joined(split.source.accounts.polars())
    parts |= {name: [_holders(accounts, name)] for name in OF_ACCOUNTS}
    return [own, *(_id_column(name, split.name, pl.concat(p)) for name, p in parts.items())]


def _holders(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    known = frame.select("extraction", "benign", value=name).drop_nulls("value")
    return known.group_by("value").agg(pl.col("extraction", "benign").any())


def _id_column(name: str, split: str, holders: pl.DataFrame) -> IdColumn:
    merged = holders.group_by("value").agg(pl.col("extraction", "benign").any())
    alone = merged.filter(pl.col("extraction") != pl.col("benign")).sort("value")
    return IdColumn(name, split, alone["value"], alone["extraction"].to_numpy())
