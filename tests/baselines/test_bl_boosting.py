"""Trees of other libraries as arrays give the same scores, and are skipped by name where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from baselines import registry
from baselines.features import forests
from baselines.registry import DETECTORS, SKIPPED
from generator.arrays import F64, Mask

NAMES = {"lightgbm-aggregates", "catboost-aggregates"}


@pytest.fixture(scope="module")
def rows() -> tuple[F64, Mask]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).round(2)
    x[rng.random(x.shape) < 0.1] = np.nan
    return forests.defined(x), np.isnan(x[:, 0]) | (np.nan_to_num(x[:, 1]) > 0.5)


def test_a_missing_extra_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all((name in DETECTORS) is not (name in SKIPPED) for name in NAMES)
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "catboost" else find_spec("numpy"))
    assert {registry._lacking(n) for n in NAMES} == {"needs catboost: pip install siphonbench[boosting]"}
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert registry._lacking("lightgbm-aggregates").startswith("needs lightgbm and catboost: pip install")


def test_histogram_boosting_says_the_same_as_arrays(rows: tuple[F64, Mask]) -> None:
    model = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=6, random_state=1).fit(*rows)
    said = forests.sum_value(forests.of_boosting(model), rows[0])
    assert np.allclose(said, model.decision_function(rows[0]), rtol=0, atol=1e-12)
    assert np.ptp(said) > 1


def test_lightgbm_says_the_same_as_arrays(rows: tuple[F64, Mask]) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from baselines.detectors.accounts import lightgbm_aggregates

    x, positive = rows
    settings = {"objective": "binary", "num_threads": 1, "verbose": -1, "num_leaves": 6}
    model = lightgbm.train(settings, lightgbm.Dataset(x, positive.astype(np.float64)), 20)
    said = forests.sum_value(lightgbm_aggregates.of_lightgbm(model), x)
    assert np.allclose(said, model.predict(x, raw_score=True), rtol=0, atol=1e-12)
    assert np.ptp(said) > 1


def test_catboost_says_the_same_as_arrays(rows: tuple[F64, Mask]) -> None:
    catboost = pytest.importorskip("catboost")
    from baselines.detectors.accounts import catboost_aggregates

    x, positive = rows
    model = catboost.CatBoostClassifier(
        iterations=20, depth=3, thread_count=1, verbose=False, allow_writing_files=False
    )
    model.fit(x, positive.astype(np.int64))
    said = forests.sum_value(catboost_aggregates.of_catboost(model), x)
    assert np.allclose(said, model.predict(x, prediction_type="RawFormulaVal"), rtol=0, atol=1e-12)
    assert np.ptp(said) > 1
