"""The studies in benchmarks/: what a view hides is gone for the detector, and who is grey is judged by nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import siphonbench
from baselines.base import evaluation
from baselines.registry import DETECTORS
from benchmarks import gaps, shown
from generator import schema
from generator.dataset import Dataset, Split


@pytest.fixture(scope="module")
def nano(nano: Path) -> Dataset:
    return siphonbench.load(nano)


@pytest.mark.parametrize(
    "view", [shown.View("M"), shown.View("MC"), shown.View("ML"), shown.View("MLC", timed=False)]
)
def test_hidden_columns_say_one_thing_only(view: shown.View, nano: Dataset) -> None:
    seen = view(nano.train)
    for table in ("requests", "accounts"):
        rows, was = (w.tables[table].polars().collect() for w in (seen, nano.train))
        assert rows.schema == was.schema
        for column in schema.TABLES[table]:
            hidden = column.group not in ("K", *view.groups) or (
                not view.timed and table == "requests" and column.name in ("ts", "day")
            )
            assert (rows[column.name].n_unique() == 1) if hidden else rows[column.name].equals(was[column.name])


def test_an_account_detector_blinded_to_content_is_one_that_declares_none(nano: Dataset) -> None:
    """Turning columns constant must not leak: scores equal those on a world whose content was swapped about."""
    detector, view = DETECTORS["xgboost-aggregates"](), shown.View("ML")
    content = [c.name for c in schema.REQUESTS if c.group == "C"]

    def swapped(split: Split) -> Split:
        table = split.requests
        parts = [p.with_columns(pl.col(content).reverse()) for p in table.buckets()]
        requests = type(table)("requests", parts, table.columns)
        return replace(split, tables={**split.tables, "requests": requests})

    said = evaluation.run(detector, view(nano.train), view(nano.test)).predictions
    assert said.equals(evaluation.run(detector, view(nano.train), view(swapped(nano.test))).predictions)
    assert not said.equals(evaluation.run(detector, nano.train, nano.test).predictions)


def volume(nano: Dataset) -> pl.DataFrame:
    return evaluation.run(DETECTORS["volume"](), nano.train, nano.test).predictions


def test_grey_archetypes_neither_teach_nor_count(nano: Dataset) -> None:
    test = nano.reveal("test")
    known = shown.archetypes(test)
    left = shown.ungraded(test, known[1:])
    assert shown.archetypes(left) == known[:1]
    labels, was = (w.labels.polars().collect() for w in (left, test))
    changed = labels["label"].cast(str) != was["label"].cast(str)
    assert set(was.filter(changed)["archetype"].cast(str)) == set(known[1:])
    card = shown.scored(replace(nano, splits={**nano.splits, "test": left}), volume(nano))
    taught = was.filter((pl.col("archetype") == known[0]) & pl.col("served"))
    assert card.counts["extraction"] == taught.height
    assert shown.archetypes(test) == known  # the split itself is as it was


def test_one_card_with_interval(nano: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    card = shown.card(DETECTORS["constant"](), [nano.train], nano, shown.View("M"))
    assert card.primary.value == pytest.approx(card.primary.chance)
    shown.row(shown.interval(card))
    value = f"{card.primary.value:.3f} ({card.primary.low:.3f}-{card.primary.high:.3f})"
    assert capsys.readouterr().out == f"| {value} |\n"


def test_gaps_of_real_logs(nano: Dataset) -> None:
    whole, kept = (t.requests.polars().collect() for t in (nano.train, gaps.sampled_rows(nano.train)))
    assert 0.05 * whole.height < kept.height < 0.2 * whole.height
    labels = gaps.sampled_rows(nano.train).request_labels.polars().collect()
    assert labels["request_id"].equals(kept["request_id"])
    coarse = gaps.coarse_times(nano.train).requests.polars().collect()
    assert (coarse.schema, coarse["ts"].dt.minute().max()) == (whole.schema, 0)
    assert coarse.drop("ts").equals(whole.drop("ts"))
    for name in ("no addresses", "one tenant", "no text"):
        seen = gaps.GAPS[name](nano.train)
        assert seen.missing
        for table in ("requests", "accounts"):
            rows, was = (w.tables[table].polars().collect() for w in (seen, nano.train))
            for column in was.columns:
                hidden = f"{table}.{column}" in seen.missing
                assert (rows[column].null_count() == rows.height) if hidden else rows[column].equals(was[column])


def test_what_a_gap_costs(nano: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    gaps.main([str(nano.path), "--detectors", "volume", "account-age"])
    rows = {tuple(line.strip("| ").split(" | ")[:2]): line for line in capsys.readouterr().out.splitlines()[2:]}
    assert list(rows) == [(d, gap) for d in ("volume", "account-age") for gap in ("none", *gaps.GAPS)]
    # A count of requests needs none of this, and hardly the other nine in ten.
    for gap in ("no addresses", "one tenant", "no text", "coarse times"):
        assert rows["volume", gap].count("| 1.000 (1.000 to 1.000) |") >= 1
    assert "1.000 (1.000 to 1.000)" not in rows["volume", "sampled rows"]
