"""What every detector promises, checked for all of them on a small planted world."""

from __future__ import annotations

import polars as pl
import pytest

from baselines.base import detector, evaluation
from baselines.base.detector import Detector
from baselines.contract import checks
from baselines.detectors.accounts.xgboost_aggregates import XGBoostAggregates
from baselines.detectors.relational import stacked
from baselines.detectors.rules.rate_limit import RateLimit
from baselines.registry import DETECTORS
from baselines.run import run_all
from generator.dataset import Split
from generator.errors import UserError

ALL = sorted(DETECTORS)
LONG = {"confident-relational", "xgboost-relational"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in ALL])
def test_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is stacked keeps its own promises below; two quick members show whether stacking keeps them.
    monkeypatch.setattr(stacked, "MEMBERS", (XGBoostAggregates, RateLimit))
    broken = {o.name: o.reason for o in checks.outcomes(DETECTORS[name]) if not o.passed}
    assert broken == {}


def test_names_are_keys() -> None:
    assert {name: d.name for name, d in DETECTORS.items()} == {name: name for name in DETECTORS}


def test_floors_are_few_and_declared() -> None:
    assert {n for n, d in DETECTORS.items() if d.draws} == {"random"}
    floors = {"random", "constant", "volume", "account-age", "unverified-and-busy"}
    assert {n for n, d in DETECTORS.items() if d.floor} == floors


def test_relational_trees_find_a_planted_campaign(train: Split, target: Split) -> None:
    found = evaluation.run(DETECTORS["xgboost-relational"](), train, target).predictions
    truth = target.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    by_label = dict(found.join(truth, on="account_id").group_by("label").agg(pl.col("score").mean()).iter_rows())
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
        evaluation.run(Peeping(), train, target)


def test_broken_scores_are_refused_with_all_faults(train: Split, target: Split) -> None:
    with pytest.raises(UserError) as caught:
        evaluation.run(Careless(), train, target)
    for fault in ("missing", "unknown", "repeated", "without a finite score"):
        assert fault in str(caught.value)


def test_unknown_detector_names_the_known(train: Split, target: Split) -> None:
    with pytest.raises(UserError, match="xgboost-relational"):
        run_all(["nonsense"], train, target)
