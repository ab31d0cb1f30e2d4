"""Single detectors on numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from baselines.detectors.rules.rate_limit import CEILINGS, RateLimit
from baselines.features import supervision
from generator.config import parameters
from generator.dataset import Split, Table
from generator.errors import UserError
from generator.population import subscription_plans


def test_ceilings_are_those_of_the_provider() -> None:
    assert CEILINGS["plan"].to_list() == list(parameters.CHOICES["plan"])
    assert CEILINGS["per_minute"].to_list() == subscription_plans.REQUESTS_PER_MINUTE.tolist()
    assert CEILINGS["per_day"].to_list() == subscription_plans.REQUESTS_PER_DAY.tolist()


def test_rate_limit_is_peak_over_ceiling(target: Split) -> None:
    """Six requests in one minute on a plan of 60 a minute and 5,000 a day: a tenth; the others sent nothing."""
    accounts = target.accounts.polars().collect()
    someone = accounts["account_id"].cast(pl.String)[0]
    rows = target.requests.polars().head(7).collect()
    # The seventh comes two minutes later.
    times = [target.start + timedelta(seconds=s) for s in (0, 10, 20, 30, 40, 59, 180)]
    who = pl.Series("account_id", [someone] * 7).cast(rows.schema["account_id"])
    rows = rows.with_columns(who, pl.Series("ts", times, rows.schema["ts"]))
    plans = pl.lit("build").cast(accounts.schema["plan"]).alias("plan")
    tables = {
        "requests": Table("requests", [rows.lazy()], target.requests.columns),
        "accounts": Table("accounts", [accounts.with_columns(plans).lazy()], target.accounts.columns),
    }
    split = Split(target.name, target.start, target.days, tables, masked=True)
    found = dict(RateLimit().score(split).iter_rows())
    assert found.pop(someone) == pytest.approx(0.1)
    assert set(found.values()) == {0.0}


def test_training_needs_both_kinds(train: Split) -> None:
    tables = dict(train.tables)
    tables["account_labels"] = train.labels.where(pl.col("label") != "extraction")
    benign = Split(train.name, train.start, train.days, tables, masked=False)
    ids = train.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect().to_series()
    with pytest.raises(UserError, match=r"train has 0 extraction accounts that served and 8\d benign ones"):
        supervision.training_labels(benign, ids)


def test_grey_accounts_are_no_examples(train: Split) -> None:
    ids = train.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect().to_series()
    known = supervision.training_labels(train, ids)
    labels = train.labels.polars().select(pl.col("label").cast(pl.String)).collect().to_series()
    assert len(known.rows) == (labels != "grey").sum()
    assert known.positive.sum() == (labels == "extraction").sum()


def test_sleepers_are_neither_class_in_training(train: Split) -> None:
    ids = train.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect().to_series()
    usual = supervision.training_labels(train, ids)
    asleep = usual.rows[usual.positive][:5]
    sleeps = pl.col("account_id").cast(pl.String).is_in(ids[asleep].implode())
    frame = train.labels.polars().with_columns(served=pl.col("served") & ~sleeps)
    tables = {**train.tables, "account_labels": Table("account_labels", [frame], train.labels.columns)}
    known = supervision.training_labels(replace(train, tables=tables), ids)
    assert set(usual.rows) - set(known.rows) == set(asleep)
    assert known.positive.sum() == usual.positive.sum() - 5


def test_rounding_by_parts_keeps_numbers_and_their_order_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(7, 5))
    x[2, 3], x[0, 0] = np.nan, 0.0
    whole = supervision.rounded(x)
    assert np.array_equal(whole, x.astype(np.float32), equal_nan=True) is False
    assert np.allclose(whole, x, rtol=2.0**-18, equal_nan=True)
    monkeypatch.setattr(supervision, "_ROUNDED_AT_ONCE", 4)
    for order in ("C", "F"):
        again = supervision.rounded(np.array(x, order=order))
        assert np.array_equal(again, whole, equal_nan=True)
        assert again.flags.f_contiguous == (order == "F")


def test_held_out_scores_never_saw_the_cohort() -> None:
    """Labels that depend on nothing but the cohort's own number cannot be told for a cohort that was held out."""
    rng = np.random.default_rng(0)
    cohort = np.repeat(np.arange(40), 10)
    positive = rng.permutation(np.arange(40) < 20)[cohort]
    x = cohort[:, None] + rng.uniform(0, 0.1, (400, 1))
    known = supervision.TrainingLabels(np.arange(400), positive, cohort)
    seen = supervision.predict(supervision.boost(x, positive, 0), x)
    held_out = supervision.held_out(x, known, 0)
    assert seen[positive].mean() > 1
    assert seen[~positive].mean() < -1
    assert held_out[positive].mean() < held_out[~positive].mean() + 1
