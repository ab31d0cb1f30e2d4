"""The graph network: it hears from neighbours where torch is installed, and is skipped with a reason where not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from typer.testing import CliRunner

import siphonbench
from baselines import plugins, registry
from baselines.detectors.relational import message_passing
from baselines.registry import DETECTORS, SKIPPED
from generator.errors import UserError
from siphonbench.cli.main import app

NAME = message_passing.MessagePassing.name
WHY = "needs torch: pip install siphonbench[gnn]"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without torch, also where it is installed."""
    for place in (registry, plugins):
        monkeypatch.setattr(place, "DETECTORS", {n: d for n, d in DETECTORS.items() if n != NAME})
        monkeypatch.setattr(place, "SKIPPED", {NAME: WHY})


def test_it_is_either_a_detector_or_skipped() -> None:
    assert (NAME in DETECTORS) is not (NAME in SKIPPED)
    assert SKIPPED.get(NAME, WHY) == WHY


def test_detectors_are_listed_without_importing_torch() -> None:
    code = "import sys, baselines.plugins as p; p.everything(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(siphonbench.__file__).parent)


@pytest.mark.usefixtures("without")
def test_by_name_it_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^detector message-passing can't be run here: it needs torch: pip"):
        plugins.find(NAME)


@pytest.mark.usefixtures("without")
def test_a_run_of_all_names_what_it_skipped(nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "DETECTORS", {"constant": DETECTORS["constant"]})
    arguments = ["baselines", "run", "--data", str(nano), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert f"skipped message-passing: it {WHY}\n" in done.stderr
    named = CliRunner().invoke(app, [*arguments, NAME])
    assert (named.exit_code, named.stderr.count("\n")) == (2, 1)
    assert WHY in named.stderr
    listed = CliRunner().invoke(app, ["baselines", "list"])
    assert WHY in listed.stdout


def test_messages_pass_over_edges_and_the_seed_decides() -> None:
    """Accounts are bad whose neighbours' first feature is high: their own says nothing."""
    pytest.importorskip("torch")
    from baselines.networks import fused_network

    rng = np.random.default_rng(0)
    x = rng.uniform(-0.5, 0.5, (400, 3))
    partner = np.roll(np.arange(400), 1)  # account n hears from n - 1, and the next from it
    ones = np.ones(400)
    ring = sparse.csr_array((np.r_[ones, ones], (np.r_[np.arange(400), partner], np.r_[partner, np.arange(400)])))
    ring.sort_indices()
    heard = (x[partner, 0] + x[np.roll(np.arange(400), -1), 0]) / 2
    positive = heard > 0
    rows = np.arange(0, 400, 2)
    nodes = fused_network.build_nodes(x, ring)
    first, again = (fused_network.train(nodes, rows, positive[rows], np.ones(200), 16, 0.1, 3) for _ in range(2))
    said = fused_network.logits(first, nodes)
    assert np.array_equal(said, fused_network.logits(again, nodes))
    unseen = np.arange(1, 400, 2)
    assert ((said > 0) == positive)[unseen].mean() > 0.85
    order = rng.permutation(400)
    moved = fused_network.logits(
        first, fused_network.build_nodes(x[order], sparse.csr_array(ring[order][:, order]))
    )
    assert np.allclose(moved, said[order], atol=1e-9)
