"""What every detector promises, checked for all of them on a small planted world."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
import pytest

from baselines import DETECTORS, answers, detector, feature_table, features
from baselines.detector import Detector
from baselines.run import run_all
from generator import schema
from generator.dataset import Split, Table
from generator.errors import UserError

ALL = sorted(DETECTORS)
LEARNT = ("xgboost-aggregates", "xgboost-relational")


@pytest.fixture(scope="module")
def scores(train: Split, target: Split) -> dict[str, pl.DataFrame]:
    return {r.name: r.predictions for r in run_all(ALL, train, target)}


def _changed(split: Split, **frames: pl.LazyFrame) -> Split:
    tables = dict(split.tables)
    for name, frame in frames.items():
        tables[name] = Table(name, [frame], tables[name].columns)
    return Split(split.name, split.start, split.days, tables, split.masked)


def test_there_are_eight() -> None:
    assert len(DETECTORS) == 8


@pytest.mark.parametrize("name", ALL)
def test_one_finite_score_for_every_account(name: str, scores: dict[str, pl.DataFrame], target: Split) -> None:
    found = scores[name]
    assert found["account_id"].to_list() == detector.accounts(target).to_list()
    assert np.isfinite(found["score"].to_numpy()).all()


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_scores(name: str, scores: dict[str, pl.DataFrame], train: Split, target: Split) -> None:
    again = answers.run(DETECTORS[name](), train, target).predictions
    assert again.equals(scores[name])


@pytest.mark.parametrize("name", ALL)
def test_order_of_rows_is_irrelevant(
    name: str, scores: dict[str, pl.DataFrame], train: Split, target: Split
) -> None:
    mixed = {
        t: pl.concat(list(target.tables[t].buckets())).collect().sample(fraction=1, shuffle=True, seed=1).lazy()
        for t in ("requests", "accounts")
    }
    found = answers.run(DETECTORS[name](), train, _changed(target, **mixed)).predictions
    assert np.allclose(found["score"], scores[name]["score"], atol=1e-6)


@pytest.mark.parametrize("name", [n for n in ALL if n != "random"])
def test_names_of_accounts_are_irrelevant(
    name: str, scores: dict[str, pl.DataFrame], train: Split, target: Split
) -> None:
    new = pl.concat_str(pl.lit("zz-"), pl.col("account_id").cast(pl.String).str.reverse())
    renamed = {
        t: target.tables[t].polars().with_columns(new.cast(pl.Categorical).alias("account_id"))
        for t in ("requests", "accounts")
    }
    found = answers.run(DETECTORS[name](), train, _changed(target, **renamed)).predictions
    back = found.with_columns(pl.col("account_id").str.slice(3).str.reverse()).sort("account_id")
    assert back["account_id"].equals(scores[name]["account_id"])
    assert np.allclose(back["score"], scores[name]["score"], atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_fields_are_declared_and_public(name: str) -> None:
    schema.check_fields(DETECTORS[name].fields)
    assert DETECTORS[name].description
    assert DETECTORS[name].source


@pytest.mark.parametrize("name", LEARNT)
def test_a_planted_campaign_scores_high(name: str, scores: dict[str, pl.DataFrame], target: Split) -> None:
    truth = target.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    both = scores[name].join(truth, on="account_id").filter(pl.col("label") != "grey")
    means = both.group_by("label").agg(pl.col("score").mean())
    by_label = dict(means.iter_rows())
    if name == "xgboost-relational":
        assert by_label["extraction"] > by_label["benign"] + 2


class Peeping(Detector):
    """Reads a column that it did not declare."""

    name = "peeping"
    description = source = "test"
    fields = ("requests.ts",)

    def fit(self, *worlds: Split) -> Peeping:
        return self

    def score(self, split: Split) -> pl.DataFrame:
        return split.requests.polars().select("account_id", score="input_tokens").collect()


class Careless(Peeping):
    """Forgets accounts, repeats one and returns NaN."""

    def score(self, split: Split) -> pl.DataFrame:
        ids = detector.accounts(split)[:2].to_list()
        return pl.DataFrame({"account_id": [*ids, ids[0], "nobody"], "score": [1.0, float("nan"), 2.0, 3.0]})


def test_an_undeclared_column_is_not_there(train: Split, target: Split) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="input_tokens"):
        answers.run(Peeping(), train, target)


def test_broken_scores_are_refused_with_all_faults(train: Split, target: Split) -> None:
    with pytest.raises(UserError) as caught:
        answers.run(Careless(), train, target)
    for fault in ("missing", "unknown", "repeated", "without a finite score"):
        assert fault in str(caught.value)


def test_unknown_detector_names_the_known(train: Split, target: Split) -> None:
    with pytest.raises(UserError, match="xgboost-relational"):
        run_all(["nonsense"], train, target)


@pytest.mark.parametrize("name", ALL)
def test_a_day_without_requests_is_scored(name: str, train: Split, target: Split) -> None:
    empty = {"requests": target.requests.polars().filter(pl.lit(False))}
    found = answers.run(DETECTORS[name](), train, _changed(target, **empty)).predictions
    assert found.height == len(detector.accounts(target))


@pytest.fixture(scope="module")
def oracle(target: Split) -> Iterator[pl.DataFrame]:
    requests = target.requests.polars().with_columns(pl.col(pl.Categorical).cast(pl.String)).collect()
    connection = duckdb.connect()
    connection.register("requests", requests.to_arrow())
    yield connection.sql(
        "select account_id, ln(1 + count(*)) as requests, ln(1 + avg(input_tokens)) as input_mean, "
        "ln(1 + quantile_cont(input_tokens, 0.5)) as input_median, "
        "avg(case when stream then 1.0 else 0.0 end) as stream_share "
        "from requests group by 1 order by 1"
    ).pl()
    connection.close()


@pytest.mark.parametrize("name", ["requests", "input_mean", "input_median", "stream_share"])
def test_features_agree_with_duckdb(name: str, oracle: pl.DataFrame, target: Split) -> None:
    found = features.account_features(target, feature_table.FEATURES).with_columns(
        pl.col("account_id").cast(pl.String)
    )
    both = oracle.join(found, on="account_id", suffix="_ours")
    assert both.height == oracle.height > 50
    assert np.allclose(both[name], both[f"{name}_ours"], rtol=1e-5)
