"""The audit can fail: one planted leak of each kind, and the same world without it passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from generator import arrivals, audit, cohorts, labels, schema
from generator.audit import aggregates, careless, measures, overlap, places, shortcuts, structure, truth
from generator.audit.gate import Gate
from generator.dataset import Dataset, load

Change = Callable[[pl.DataFrame], pl.DataFrame]
ATTACK = pl.col("attack")


def plant(dataset: Dataset, out: Path, change: Change, table: str = "requests") -> Dataset:
    """A copy of a dataset with one table changed file by file; `attack` marks the rows of extraction accounts."""
    shutil.copytree(dataset.path, out)
    for name in dataset.splits:
        truth_of = (
            dataset.reveal(name).labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
        )
        attackers = truth_of.filter(pl.col("label") == "extraction")["account_id"].implode()
        for file in [f for f in dataset.manifest["splits"][name]["files"] if f.split("/")[1].startswith(table)]:
            frame = pl.read_parquet(out / file, hive_partitioning=False)
            marked = frame.with_columns(attack=pl.col("account_id").cast(pl.String).is_in(attackers))
            write(change(marked).drop("attack"), out / file, table)
    return load(out)


def write(frame: pl.DataFrame, file: Path, table: str) -> None:
    pq.write_table(frame.to_arrow().cast(schema.arrow_schema(table)), file)


def set_to(**columns: pl.Expr) -> Change:
    """Change columns of the rows of extraction accounts."""
    return lambda frame: frame.with_columns(
        pl.when(ATTACK).then(value).otherwise(pl.col(name)).alias(name) for name, value in columns.items()
    )


def by_careless(dataset: Dataset) -> dict[str, Gate]:
    gates = careless.gates(dataset, truth.worlds(dataset))
    return {gate.name.removesuffix(": |ROC AUC - 0.5|"): gate for gate in gates}


def by_places(dataset: Dataset) -> dict[str, Gate]:
    return {
        gate.name.removesuffix(" alone: AP / prevalence"): gate for gate in places.gates(truth.worlds(dataset))
    }


def by_singles(dataset: Dataset) -> dict[str, Gate]:
    single, precision, area = shortcuts.singles(aggregates.describe(truth.worlds(dataset)))
    return {"single": single, "nulls, AP": precision, "nulls, AUC": area}


def by_rows(dataset: Dataset) -> dict[str, Gate]:
    return {"row": shortcuts.columns_by_row(truth.worlds(dataset))}


def by_overlap(dataset: Dataset) -> dict[str, Gate]:
    values, accounts, groups = overlap.gates(dataset, aggregates.describe(truth.worlds(dataset)))
    return {"values": values, "accounts": accounts, "cohorts": groups}


MEASURED = {f.__name__: f for f in (by_careless, by_places, by_singles, by_rows, by_overlap)}
_ms = pl.col("ts").dt.epoch("ms")
_dark = (pl.col("request_id") % 3 == 0) & pl.col("ttft_ms").is_not_null()
LEAKS: dict[str, tuple[str, str, Change]] = {
    "id bit": ("by_careless", "bits and order of ids", set_to(request_id=pl.col("request_id") // 64 * 64)),
    "id order": ("by_careless", "bits and order of ids", set_to(conversation_id=pl.col("conversation_id") // 4)),
    "row order": ("by_careless", "order of rows, beyond time", lambda f: f.sort("attack", maintain_order=True)),
    "digit": ("by_careless", "sub-second and last digits", set_to(ts=pl.col("ts").dt.truncate("2ms"))),
    "count": ("by_careless", "sub-second and last digits", set_to(input_tokens=pl.col("input_tokens") // 2 * 2)),
    "formatting": (
        "by_careless",
        "formatting of numbers and names",
        set_to(temperature=(pl.col("temperature") + 0.001).cast(pl.Float32)),
    ),
    "null without a reason": (
        "by_careless",
        "nulls that the schema does not explain",
        set_to(ttft_ms=pl.when(~_dark).then(pl.col("ttft_ms"))),
    ),
    "null as a habit": ("by_singles", "nulls, AUC", set_to(temperature=pl.lit(None, pl.Float32))),
    "never null": ("by_singles", "nulls, AP", set_to(end_user_id=pl.col("request_id"))),
    "country": (
        "by_places",
        "country",
        set_to(country=pl.lit("region_d").cast(pl.Categorical)),
    ),
    "aggregate": ("by_singles", "single", set_to(max_tokens=pl.lit(200_000, pl.Int32))),
    "value amid others": ("by_rows", "row", set_to(max_tokens=pl.lit(4097, pl.Int32))),
    "column by row": ("by_rows", "row", set_to(sdk=pl.lit("java").cast(pl.Categorical))),
    "value of another split": (
        "by_overlap",
        "values",
        set_to(tls_fingerprint=(pl.col("request_id") % 50).cast(pl.Int32)),
    ),
}


@pytest.fixture(scope="module")
def clean(tiny: Dataset) -> dict[str, dict[str, Gate]]:
    return {name: measure(tiny) for name, measure in MEASURED.items()}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_fails_its_gate_and_only_the_leak_does(
    leak: str, tiny: Dataset, clean: dict[str, dict[str, Gate]], tmp_path: Path
) -> None:
    measure, row, change = LEAKS[leak]
    assert clean[measure][row].passed, clean[measure][row]
    gate = MEASURED[measure](plant(tiny, tmp_path / "leak", change))[row]
    assert not gate.passed, gate
