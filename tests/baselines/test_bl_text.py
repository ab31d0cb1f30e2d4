"""Detectors that read text: shown what they declared, and refused by name where there is none."""

from __future__ import annotations

from typing import Self

import polars as pl
import pytest

from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.contract import checks, toy_dataset
from generator import example_prompts
from generator.dataset import Split
from generator.errors import UserError


class Longest(Detector):
    """Scores an account by the shortest of its prompts."""

    name = "longest"
    description = "length of an account's shortest prompt"
    source = "this test"
    fields = ("prompts.prompt",)
    floor = True

    def fit(self, *worlds: Split) -> Self:
        return self

    def score(self, split: Split) -> pl.DataFrame:
        rows = split.prompts.polars().group_by(pl.col("account_id").cast(pl.String))
        least = rows.agg(score=pl.col("prompt").str.len_chars().min())
        ids = split.accounts.polars().select(pl.col("account_id").cast(pl.String))
        return ids.join(least, on="account_id", how="left").with_columns(pl.col("score").fill_null(0)).collect()


def test_it_keeps_every_promise_on_toy_worlds() -> None:
    assert [(o.name, o.reason) for o in checks.outcomes(Longest) if o.reason] == []


def test_it_is_refused_by_name_without_text() -> None:
    tables = toy_dataset.world(1)
    world = toy_dataset.split("train", {name: rows for name, rows in tables.items() if name != "prompts"})
    with pytest.raises(UserError, match=r"detector longest reads text, and train has no prompts\.prompt"):
        evaluation.run(Longest(), world, world)


def test_examples_are_of_many_accounts_and_cut() -> None:
    tables = toy_dataset.world(1)
    long = pl.when(pl.col("request_id") % 2 == 0).then(pl.lit("one\ntwo \x1b[2J " * 90)).otherwise("prompt")
    split = toy_dataset.split("train", tables | {"prompts": tables["prompts"].with_columns(prompt=long)})
    ids = tables["requests"]["account_id"].cast(pl.String).unique().sort()[:3].to_list()
    own = tables["requests"].filter(pl.col("account_id").cast(pl.String) == ids[1])["request_id"]
    found = example_prompts.examples(split, ids, preferred=own[-1:].to_list())
    assert len(found) == example_prompts.MOST
    assert found[0].account == ids[1]
    assert {p.account for p in found[:3]} == set(ids)
    texts = [p.prompt for p in example_prompts.examples(split, ids[:1])]
    assert all(text.isprintable() and len(text) <= example_prompts.LETTERS for text in texts)
    without = toy_dataset.split("train", {name: rows for name, rows in tables.items() if name != "prompts"})
    assert example_prompts.examples(without, ids) == ()
