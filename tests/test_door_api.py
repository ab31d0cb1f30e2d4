"""The door as a library: what it offers, what it refuses, and how fast it opens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import siphonbench
from generator.errors import MaskedLabelsError, UserError

ROOT = Path(__file__).resolve().parent.parent
TINY = """
preset = "nano"
name = "tiny"
accounts = 120
extraction_accounts = 30
campaigns = 3
days = 2
buckets = 2
rate_cap = 20
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(TINY)
    told: list[tuple[int, int]] = []
    siphonbench.generate(
        config=folder / "tiny.toml", seed=3, out=folder / "data", on_shard=lambda *t: told.append(t)
    )
    assert told == [(i, 6) for i in range(1, 7)]  # three worlds of two buckets
    return folder / "data"


def counted(dataset: siphonbench.Dataset, folder: Path) -> Path:
    folder.mkdir()
    calls = dataset.test.requests.polars().group_by("account_id").agg(score=pl.len())
    accounts = dataset.test.accounts.polars().select("account_id")
    scored = accounts.join(calls, on="account_id", how="left").with_columns(pl.col("score").fill_null(0))
    typed = scored.select(pl.col("account_id").cast(pl.String), pl.col("score").cast(pl.Float64))
    typed.collect().write_parquet(folder / "predictions.parquet")
    return folder
