"""`siphonbench fit` and `apply`: what a file of a detector says is what the detector says, to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines.base import evaluation
from baselines.registry import DETECTORS
from generator.errors import UserError
from siphonbench.cli.main import app
from siphonbench.workflows import fitted_detectors

OTHER = """
preset = "nano"
name = "other"
accounts = 150
extraction_accounts = 30
campaigns = 9
days = 3
buckets = 2
rate_cap = 20
"""
QUICK = ("reputation", "mean-discrepancy", "xgboost-windows", "link-communities", "rate-limit")
LONG = (
    "ecod",
    "isolation-forest",
    "random-forest",
    "logistic-regression",
    "leiden-fusion",
    "xgboost-requests",
    "xgboost-early",
)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of another shape: fewer accounts and days."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "other.toml").write_text(OTHER)
    siphonbench.generate(config=folder / "other.toml", seed=3, out=folder / "data")
    return folder / "data"


def siphon(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in LONG)])
def test_fit_and_apply_is_fit_and_score(name: str, nano: Path, other: Path, here: Path) -> None:
    first, second = siphonbench.load(nano), siphonbench.load(other)
    siphonbench.fit(name, first, seed=5).save(here / "fitted")
    fitted = siphonbench.load_detector(here / "fitted")
    for task in set(DETECTORS[name].tasks) - {"early", "observed"}:
        once = evaluation.run(DETECTORS[name](seed=5), first.train, second.test, task)
        assert fitted.apply(second, task=task).predictions.equals(once.predictions)


def test_the_command_line_writes_a_submission(nano: Path, other: Path, here: Path) -> None:
    Path("params.toml").write_text("[link-communities]\nmost = 30\n")
    arguments = ("--data", nano, "--data", other, "--params", "params.toml", "--seed", 4, "--out", "fitted")
    assert siphon("fit", "link-communities", *arguments).exit_code == 0
    said = json.loads(Path("fitted/detector.json").read_text())
    assert (said["params"]["most"], said["seed"], said["licence"]) == (30, 4, "CC-BY-4.0")
    assert [t["digest"] for t in said["training"]] == [siphonbench.load(d).digest for d in (nano, other)]
    done = siphon("apply", "fitted", "--data", other, "--split", "validation", "--out", "entry")
    assert done.exit_code == 0, done.output
    assert "train of nano-seed0" in done.output
    answer = pl.read_parquet("entry/predictions.parquet")
    assert answer.height == siphonbench.load(other).validation.accounts.polars().collect().height
    assert siphon("evaluate", "entry", "--data", other, "--split", "validation").exit_code == 0


def test_several_datasets_are_all_learnt_from(nano: Path, other: Path, here: Path) -> None:
    states = [
        siphonbench.fit("reputation", data).detector.state()["_known"] for data in (nano, [nano, other], [other])
    ]
    assert len({str(state) for state in states}) == 3


def test_bad_input_is_one_sentence(nano: Path, here: Path) -> None:
    with pytest.raises(UserError, match="is given twice"):
        siphonbench.fit("volume", [nano, nano])
    with pytest.raises(UserError, match="knows part of the truth"):
        siphonbench.fit("cohort-oracle", nano)
    with pytest.raises(UserError, match="no such parameter"):
        siphonbench.fit("volume", nano, params={"trees": 3})
    with pytest.raises(UserError, match="there is no such folder"):
        siphonbench.load_detector(here / "nowhere")
    siphonbench.fit("volume", nano).save(here / "fitted")
    done = siphon("apply", "fitted", "--data", nano, "--task", "requests", "--out", "entry")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "does not answer the task 'requests'" in done.stderr
    assert not Path("entry").exists()


def test_what_learnt_from_truth_does_not_answer_observed(nano: Path) -> None:
    fitted = fitted_detectors.fit("volume", nano)
    with pytest.raises(UserError, match="volume was fitted on truth, and observed may learn from observed labels"):
        fitted.apply(nano, task="observed")
