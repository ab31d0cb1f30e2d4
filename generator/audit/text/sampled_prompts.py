"""Prompts that the text gates read: some of each judged account, chosen by hash."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from generator.arrays import I64, Mask
from generator.audit.base.labelled_split import LabelledSplit

PROMPTS = 8
"""Prompts of an account that are read at most: more cost time and tell little more of one habit (a)."""


@dataclass(frozen=True)
class SampledPrompts:
    """Prompts of one split.

    Attributes
    ----------
    split : str
        Name of the split.
    row : ndarray of int64, shape (prompts,)
        Account of each prompt, sorted; numbered from 0, without a gap.
    text : polars.Series of str
        The prompts.
    positive : ndarray of bool, shape (accounts,)
        Whether each account is a positive of the hidden tiers; the others are benign.
    """

    split: str
    row: I64
    text: pl.Series
    positive: Mask


def has_text(split: LabelledSplit) -> bool:
    """Whether a split holds prompts as text.

    Parameters
    ----------
    split : LabelledSplit
        Any.
    """
    return not split.source.lacking(("prompts.prompt",))


def sample(split: LabelledSplit) -> SampledPrompts:
    """Read some prompts of each benign account and of each positive of the hidden tiers.

    Parameters
    ----------
    split : LabelledSplit
        With prompts as text.
    """
    kept = []
    for part in split.source.prompts.buckets():
        frame = split.joined(part.select("account_id", "request_id", "prompt"))
        judged = frame.filter(pl.col("hidden") | pl.col("benign")).sort(pl.col("request_id").hash(0))
        kept.append(judged.group_by("row", maintain_order=True).head(PROMPTS))
    prompts = pl.concat(kept).sort("row", maintain_order=True)
    row = (prompts["row"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    positive = prompts.group_by("row", maintain_order=True).agg(pl.col("hidden").first())["hidden"].to_numpy()
    return SampledPrompts(split.name, row, prompts["prompt"], positive)
