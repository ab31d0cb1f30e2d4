"""Observed labels: drawn beside the log, checked when they are read, shown in the place of truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import siphonbench
from generator import integrity, observed_labels
from generator.config import dataset_config
from generator.dataset import Split, Table
from generator.errors import MaskedLabelsError, UserError
from generator.manifest import table_of
from generator.pipeline import observed_process
from generator.traffic import quotas

COLUMNS = ("account_id", "day", "state", "source")


def states(*rows: tuple[str, int, str]) -> pl.DataFrame:
    return pl.DataFrame([(*row, "rule") for row in rows], COLUMNS, orient="row")


def noted(world: Split) -> pl.DataFrame:
    return (
        world.labels_observed.polars()
        .with_columns(pl.col("account_id", "state", "source").cast(pl.String))
        .collect()
    )


def test_states_in_order_are_taken() -> None:
    observed_labels.check(states())
    observed_labels.check(
        states(("a", 1, "watch"), ("a", 3, "review"), ("a", 4, "banned"), ("a", 9, "cleared"), ("b", 0, "banned"))
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("a", 1, "cleared")],
            "a is cleared on day 1 after nothing: .* nothing is followed by watch, review, banned",
        ),
        ([("a", 1, "banned"), ("a", 2, "review")], "a is review on day 2 after banned on day 1: .* by cleared"),
        ([("a", 4, "watch"), ("a", 4, "review")], "1 of 2 states .* a is review on day 4 after watch on day 4"),
        ([("b", 5, "review"), ("b", 3, "banned")], "b is banned on day 3 after review on day 5: days must rise"),
        ([("a", 1, "watch"), ("b", 2, "jailed")], "b is jailed on day 2"),
    ],
)
def test_states_out_of_order_are_refused(rows: list[tuple[str, int, str]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        observed_labels.check(states(*rows))


def test_train_and_validation_have_them_and_test_has_not(nano: Path) -> None:
    data = siphonbench.load(nano)
    for world in (data.train, data.validation):
        rows = noted(world)
        observed_labels.check(rows)
        assert set(rows["account_id"]) < set(world.accounts.polars().collect()["account_id"].cast(pl.String))
        assert rows["day"].is_between(0, world.days - 1).all()
        assert "labels_observed" not in world.without_labels().tables
        assert "labels_observed" not in world.as_of(2).tables
    assert not [f for f in data.manifest["splits"]["test"]["files"] if table_of(f) == "labels_observed"]
    with pytest.raises(MaskedLabelsError):
        _ = data.test.labels_observed
    with pytest.raises(MaskedLabelsError):
        _ = data.reveal("test").labels_observed


def test_no_other_table_depends_on_them(nano: Path) -> None:
    data = siphonbench.load(nano)
    files = {p: e for s in data.manifest["splits"].values() for p, e in s["files"].items()}
    without = {p: e for p, e in files.items() if table_of(p) != "labels_observed"}
    assert integrity.dataset_digest(without) == integrity.dataset_digest(files) == data.digest


def drawn(nano: Path, order: np.ndarray | None = None, **labels: object) -> pa.Table:
    """Made again from the tables of train, perhaps in another order or with other labels."""
    config = dataset_config.from_preset("nano", siphonbench.load(nano).manifest["config"]["seed"])
    plan = quotas.plan_world(config, "train")
    accounts, truth, campaigns = (
        pq.read_table(nano / "train" / f"{t}.parquet") for t in ("accounts", "account_labels", "campaigns")
    )
    for name, value in labels.items():
        truth = truth.set_column(truth.column_names.index(name), name, pa.array([value] * len(truth)))
    if order is not None:
        accounts, truth = accounts.take(order), truth.take(order)
    return observed_process.labels_observed(plan, accounts, truth, campaigns)


def test_an_account_is_noted_alike_whatever_stands_beside_it(nano: Path) -> None:
    first = pl.from_arrow(drawn(nano))
    assert isinstance(first, pl.DataFrame)
    assert first.cast({"day": pl.Int32}).equals(siphonbench.load(nano).train.labels_observed.polars().collect())
    n = len(siphonbench.load(nano).train.accounts.polars().collect())
    other = pl.from_arrow(drawn(nano, np.random.default_rng(1).permutation(n)))
    assert isinstance(other, pl.DataFrame)
    by = [pl.col("account_id").cast(pl.String), "day"]
    assert first.sort(by).equals(other.sort(by))


def test_a_case_is_of_one_campaign(nano_of: Callable[[int], Path]) -> None:
    world = siphonbench.load(nano_of(0)).train
    campaign = world.labels.polars().select(pl.col("account_id", "campaign").cast(pl.String)).collect()
    cases = noted(world).filter(pl.col("case").is_not_null()).join(campaign, on="account_id")
    assert len(cases) > cases["case"].n_unique() > 0
    assert set(cases["state"]) == {"banned"}
    assert (
        cases.group_by("case").agg(pl.col("campaign").n_unique())["campaign"].to_list()
        == [1] * cases["case"].n_unique()
    )


def test_truth_and_public_columns_weigh_in(nano: Path) -> None:
    def noticed(served: bool) -> pl.DataFrame:
        rows = pl.from_arrow(drawn(nano, served=served).select(["account_id"]))
        assert isinstance(rows, pl.DataFrame)
        return rows.select(pl.col("account_id").cast(pl.String)).unique()

    assert len(noticed(served=True)) > 5 * len(noticed(served=False)) > 0
    marked = {"email_type": ["disposable", "free", "free"], "payment_type": ["prepaid", "none", "card"]}
    table = pa.table(marked | {"verification": ["none", "email", "none"]})
    assert observed_process._suspicion(table).tolist() == [8, 2, 2]


def test_in_place_of_truth(nano: Path) -> None:
    world = siphonbench.load(nano).train
    shown = observed_labels.in_place_of_truth(world)
    labels = shown.labels.polars().collect()
    last = noted(world).group_by("account_id").last()
    banned = set(last.filter(pl.col("state") == "banned")["account_id"])
    assert (
        set(labels.filter("served")["account_id"])
        == banned
        == set(labels.filter(label="extraction")["account_id"])
    )
    assert len(labels) == len(world.accounts.polars().collect())
    assert shown.labels.columns == ("account_id", "label", "cohort", "served")
    for table in ("request_labels", "campaigns"):
        with pytest.raises(MaskedLabelsError, match="observed labels alone may be seen"):
            getattr(shown, table)
    # Truth changes nothing of it.
    other = world.labels.polars().with_columns(served=~pl.col("served"), label=pl.lit("grey"))
    lying = replace(
        world, tables={**world.tables, "account_labels": Table("account_labels", [other], world.labels.columns)}
    )
    assert observed_labels.in_place_of_truth(lying).labels.polars().collect().equals(labels)
