"""A foundation model by --weights: real loading code on a tiny model, refused weights, skipped by name without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from baselines import registry
from baselines.base import evaluation
from baselines.contract import checks
from baselines.detectors.graphs.flattened_graph import FlattenedGraph
from baselines.detectors.networks.tabicl_aggregates import TabICLAggregates
from baselines.networks import foundation
from generator.dataset import Split
from generator.errors import UserError
from siphonbench.cli.main import app

TINY = {"max_classes": 2, "embed_dim": 8, "ff_factor": 1, "zero_init": False, "icl_num_blocks": 1, "icl_nhead": 2}
TINY |= {
    "col_num_blocks": 1,
    "col_nhead": 2,
    "col_num_inds": 4,
    "row_num_blocks": 1,
    "row_nhead": 2,
    "row_num_cls": 2,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a model with random weights."""
    pytest.importorskip("tabicl")
    return _checkpoint(tmp_path_factory.mktemp("weights") / "tiny.ckpt", TINY)


def _checkpoint(path: Path, config: dict[str, Any], described: dict[str, Any] | None = None) -> Path:
    import torch
    from tabicl._model.tabicl import TabICL

    from baselines.networks import learning

    with learning.seeded(0):
        torch.save({"config": described or config, "state_dict": TabICL(**config).state_dict()}, path)
    return path


def test_without_weights_it_is_skipped_by_name() -> None:
    assert "tabicl" not in registry.DETECTORS
    assert registry.SKIPPED["tabicl"] in {
        "needs tabicl: pip install siphonbench[foundation]",
        "needs weights, which do not come along: siphonbench baselines run tabicl --weights PATH",
    }
    with pytest.raises(UserError, match=r"^weights '' are no file: name a checkpoint of a TabICL classifier"):
        foundation.digest("")


def test_a_command_with_weights_that_are_nowhere_is_one_sentence(tmp_path: Path) -> None:
    arguments = ["baselines", "run", "flattened-graph", "--weights", str(tmp_path / "none.ckpt")]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "none.ckpt is no file: name a checkpoint of a TabICL classifier" in done.stderr


def test_promises_are_kept_with_weights(tiny: Path) -> None:
    """All but one: weights drawn at random know no higher and lower."""

    @dataclass
    class Tiny(TabICLAggregates):
        weights: str = str(tiny)
        rows: int = 60
        views: int = 1

    assert {o.name: o.reason for o in checks.outcomes(Tiny) if not o.passed and o.name != "higher is worse"} == {}


def test_rows_in_context_decide_and_their_order_does_not(tiny: Path) -> None:
    rng = np.random.default_rng(0)
    x, fresh = rng.normal(size=(80, 3)), rng.normal(size=(20, 3))
    x[0, 0] = fresh[0, 1] = np.nan
    positive = x[:, 1] > 0.5

    def said(rows: Any, truth: Any, asked: Any = fresh) -> Any:
        return foundation.chances(foundation.context(x[rows], truth[rows], 40, 0), asked, str(tiny), 2, 0)

    order = rng.permutation(80)
    plain = said(np.arange(80), positive)
    assert ((plain > 0) & (plain < 1)).all()
    assert np.array_equal(said(order, positive), plain)
    assert np.array_equal(said(order, positive, fresh[::-1])[::-1], plain)
    assert not np.allclose(said(order, ~positive), plain)


def test_a_context_holds_as_many_of_both_as_there_are() -> None:
    x, positive = np.arange(100.0)[:, None], np.arange(100) < 10
    chosen = foundation.context(x, positive, 40, 0)
    assert (len(chosen["positive"]), chosen["positive"].sum()) == (40, 10)
    assert foundation.context(x, ~positive, 40, 0)["positive"].sum() == 30
    assert len(foundation.context(x, positive, 200, 0)["x"]) == 100


def test_weights_that_do_not_fit_are_refused_before_training(tiny: Path, tmp_path: Path, train: Split) -> None:
    noise = tmp_path / "noise.ckpt"
    noise.write_bytes(b"no weights")
    wrong = _checkpoint(tmp_path / "wrong.ckpt", TINY, {**TINY, "embed_dim": 16})
    values = _checkpoint(tmp_path / "values.ckpt", {**TINY, "max_classes": 0})
    for path in (noise, wrong, values):
        for detector in (TabICLAggregates(weights=str(path)), FlattenedGraph(weights=str(path))):
            with pytest.raises(UserError, match=r"weights .* are not those of a TabICL classifier: "):
                detector.fit()  # no world is looked at
    chosen = evaluation.fit(TabICLAggregates(weights=str(tiny)), [train])
    twin = TabICLAggregates(weights=str(tiny))
    with pytest.raises(UserError, match=r"weights .* have changed since it was fitted"):
        twin.restore(chosen.state() | {"_learnt": chosen.state()["_learnt"] | {"digest": "0" * 64}})


def test_the_flattened_graph_takes_weights_in_place_of_trees(tiny: Path, train: Split, target: Split) -> None:
    fitted = evaluation.fit(FlattenedGraph(weights=str(tiny)), [train])
    assert set(fitted.state()["_model"]) == {"ranks", "x", "positive"}
    score = fitted.score(target.restrict(FlattenedGraph.fields))["score"]
    assert score.is_between(0, 1).all()
    assert score.n_unique() > 50
