"""A few prompts of some accounts, each cut to what a line or two can hold: for people who look at a group."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from generator.dataset import Split
from generator.errors import printable

MOST = 4  # prompts of a group
LETTERS = 240  # of each that are shown


@dataclass(frozen=True)
class ExamplePrompt:
    """One prompt as it is shown.

    Attributes
    ----------
    account : str
        Who sent it.
    system_prompt, prompt : str
        On one line each, and cut; the system prompt is "" where there was none.
    """

    account: str
    system_prompt: str
    prompt: str


def examples(
    split: Split, accounts: Collection[str], preferred: Collection[int] = ()
) -> tuple[ExamplePrompt, ...]:
    """Some prompts of a group, of as many of its accounts as can be; none where the dataset has no text.

    Parameters
    ----------
    split : Split
        World of the accounts; its labels are not read.
    accounts : collection of str
        The group.
    preferred : collection of int
        Requests that are shown before others.
    """
    if split.lacking(("prompts.prompt",)):
        return ()
    rows = split.prompts.polars().with_columns(pl.col("account_id").cast(pl.String))
    rows = rows.filter(pl.col("account_id").is_in(list(accounts)))
    # Ids are opaque numbers: their order says nothing.
    order = rows.select("request_id", "account_id", late=~pl.col("request_id").is_in(list(preferred)))
    order = order.sort("late", "request_id").with_columns(nth=pl.col("request_id").cum_count().over("account_id"))
    chosen = order.sort("nth", "late", "request_id").head(MOST).select("request_id").collect()
    texts = chosen.lazy().join(rows, on="request_id", how="left", maintain_order="left").collect()
    columns = texts.select("account_id", "system_prompt", "prompt")
    return tuple(ExamplePrompt(who, _cut(before or ""), _cut(text)) for who, before, text in columns.iter_rows())


def _cut(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= LETTERS else line[: LETTERS - 1] + "…"
