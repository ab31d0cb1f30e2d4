"""Features on rows whose answers can be worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from baselines.features import account_features, feature_table
from generator import schema
from generator.dataset import Split, Table

EVERY = feature_table.FEATURES + feature_table.TOPIC


def _one_account(target: Split, rows: pl.LazyFrame) -> dict[str, float]:
    tables = dict(target.tables)
    held = tables["requests"]
    tables["requests"] = Table("requests", [rows], held.columns)
    only = Split(target.name, target.start, target.days, tables, target.masked)
    who = rows.select(pl.col("account_id").cast(pl.String).first()).collect().item()
    found = account_features.account_features(only, feature_table.FEATURES).filter(pl.col("account_id") == who)
    return found.to_dicts()[0]


@pytest.fixture(scope="module")
def worked(target: Split) -> dict[str, float]:
    """Four requests of one account: at 0:00, 0:01, 0:03 and, three days later, 12:00."""
    offsets = [timedelta(0), timedelta(minutes=1), timedelta(minutes=3), timedelta(days=3, hours=12)]
    someone = target.requests.polars().select("account_id").head(1).collect().item()
    rows = target.requests.polars().head(4).collect()
    values: dict[str, list[object]] = {
        "ts": [*(target.start + o for o in offsets)],
        "day": [0, 0, 0, 3],
        "output_tokens": [1, 2, 3, 10],
        "status": [200, 429, 500, 200],
        "system_prompt_hash": [5, 5, 5, None],
    }
    columns = [pl.Series(n, v, rows.schema[n]) for n, v in values.items()]
    named = pl.Series("account_id", [someone] * 4, pl.String).cast(rows.schema["account_id"])
    return _one_account(target, rows.with_columns(named, *columns).lazy())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("requests", 1.6094379),  # ln 5
        ("active_days", 0.5),  # 2 of 4
        ("day_peak_share", 0.75),
        ("gap_median", 4.7957905),  # ln(1 + 120)
        ("output_median", 1.2527630),  # ln(1 + 2.5)
        ("quiet_share", 0.0),
        ("first_seen", 0.0),
        ("last_seen", 3.5),
        ("hour_peak_share", 0.75),
        ("failed_share", 0.5),
        ("limited_share", 0.25),
        ("templates", 0.6931472),  # ln 2
        ("template_share", 0.75),
        ("template_top_share", 1.0),
        ("template_entropy", 0.0),
        ("hour_entropy", 0.5623351),  # -(3/4 ln 3/4 + 1/4 ln 1/4)
    ],
)
def test_worked_by_hand(worked: dict[str, float], name: str, expected: float) -> None:
    assert worked[name] == pytest.approx(expected, abs=1e-6)


def test_an_account_that_sent_nothing_has_a_row_of_nulls(target: Split) -> None:
    found = account_features.account_features(target, feature_table.named("requests", "age"))
    assert found.height == target.accounts.polars().collect().height
    assert found["requests"].null_count() == 1
    assert found["age"].null_count() == 0


def test_names_are_unique_and_columns_public() -> None:
    assert len({f.name for f in EVERY}) == len(EVERY)
    schema.check_fields(account_features.fields_of(EVERY))


@pytest.mark.parametrize("feature", EVERY, ids=lambda f: f.name)
def test_needs_are_enough_and_of_one_table(feature: account_features.Feature, target: Split) -> None:
    assert {need.partition(".")[0] for need in feature.needs} == {feature.table}
    found = account_features.account_features(target.restrict(feature.needs), [feature])
    assert found.columns == ["account_id", feature.name]
    assert found[feature.name].is_finite().any()


def test_groups_of_a_feature() -> None:
    groups = {f.name: f.groups for f in EVERY}
    assert (groups["requests"], groups["prefixes"], groups["templates"]) == ("M", "L", "C")
