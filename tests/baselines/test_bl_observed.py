"""The track *accounts, observed*: what `fit` is shown, and methods that know what a missing ban means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import polars as pl
import pytest

from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.contract import toy_dataset
from baselines.detectors.accounts import observed_states
from baselines.registry import DETECTORS
from generator.dataset import Split, Table
from generator.errors import MaskedLabelsError, UserError


def worlds() -> tuple[Split, Split]:
    train, test = (toy_dataset.split("train", toy_dataset.world(seed, 400, 96)) for seed in (1, 2))
    return train, test


@dataclass
class Peeping(Detector):
    """Notes what it is shown."""

    name, description, source = "peeping", "looks at labels", "test"
    fields = ("accounts.plan",)

    def fit(self, *worlds: Split) -> Self:
        self.labels = worlds[0].labels.polars().collect()
        self.world = worlds[0]
        return self

    def score(self, split: Split) -> pl.DataFrame:
        assert "labels_observed" not in split.tables
        return split.accounts.polars().select(pl.col("account_id").cast(pl.String), score=0.0).collect()


def test_fit_sees_observed_labels_alone() -> None:
    train, test = worlds()
    seen = evaluation.fit(Peeping(), [train], "observed")
    assert seen.labels.columns == ["account_id", "label", "cohort", "served"]  # type: ignore[attr-defined]
    assert seen.labels["served"].sum() == 48  # type: ignore[attr-defined]  # half of 96
    with pytest.raises(MaskedLabelsError, match="observed labels alone"):
        _ = seen.world.request_labels  # type: ignore[attr-defined]
    truth = evaluation.fit(Peeping(), [train])
    assert "campaign" in truth.labels.columns  # type: ignore[attr-defined]
    assert evaluation.run(Peeping(), train, test, "observed").task == "observed"


@pytest.mark.parametrize("name", ["pu-bagging", "confident-learning"])
def test_methods_for_it_find_those_whom_nobody_noticed(name: str) -> None:
    train, test = worlds()
    fast = {"bags": 3} if name == "pu-bagging" else {}
    answer = evaluation.run(DETECTORS[name](**fast), train, test, "observed").predictions
    bad = test.labels.polars().filter(label="extraction").select(pl.col("account_id").cast(pl.String)).collect()
    ranked = answer.sort("score", descending=True)["account_id"].head(len(bad))
    assert ranked.is_in(bad["account_id"].implode()).mean() > 0.9  # type: ignore[operator]
    # Truth is nothing to them.
    lying = train.labels.polars().with_columns(label=pl.lit("benign"), served=pl.lit(value=False))
    blind = replace(
        train, tables={**train.tables, "account_labels": Table("account_labels", [lying], train.labels.columns)}
    )
    assert evaluation.run(DETECTORS[name](**fast), blind, test, "observed").predictions.equals(answer)


def test_where_nobody_was_banned_there_is_nothing_to_learn() -> None:
    train, _ = worlds()
    none = train.labels_observed.polars().filter(pl.col("day") > 9)
    empty = replace(
        train,
        tables={
            **train.tables,
            "labels_observed": Table("labels_observed", [none], train.labels_observed.columns),
        },
    )
    with pytest.raises(UserError, match="0 of 400 accounts were banned"):
        observed_states.noted([empty])
