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


def siphon(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in LONG)])
def test_fit_and_apply_is_fit_and_score(name: str, nano: Path, little: Path, here: Path) -> None:
    first, second = siphonbench.load(nano), siphonbench.load(little)
    siphonbench.fit(name, first, seed=5).save(here / "fitted")
    fitted = siphonbench.load_detector(here / "fitted")
    unsaved = evaluation.fit(DETECTORS[name](seed=5), [first.train])
    for task in set(DETECTORS[name].tasks) - {"early", "observed"}:
        said = evaluation.answer(unsaved, second.test, task)
        assert fitted.apply(second, task=task).predictions.equals(said)


def test_the_command_line_writes_a_submission(nano: Path, little: Path, here: Path) -> None:
    Path("params.toml").write_text("[link-communities]\nmost = 30\n")
    arguments = ("--data", nano, "--data", little, "--params", "params.toml", "--seed", 4, "--out", "fitted")
    assert siphon("fit", "link-communities", *arguments).exit_code == 0
    said = json.loads(Path("fitted/detector.json").read_text())
    assert (said["params"]["most"], said["seed"], said["licence"]) == (30, 4, "CC-BY-4.0")
    assert [t["digest"] for t in said["training"]] == [siphonbench.load(d).digest for d in (nano, little)]
    done = siphon("apply", "fitted", "--data", little, "--split", "validation", "--out", "entry")
    assert done.exit_code == 0, done.output
    assert "train of nano-seed0" in done.output
    answer = pl.read_parquet("entry/predictions.parquet")
    assert answer.height == siphonbench.load(little).validation.accounts.polars().collect().height
    assert siphon("evaluate", "entry", "--data", little, "--split", "validation").exit_code == 0


def test_several_datasets_are_all_learnt_from(nano: Path, little: Path, here: Path) -> None:
    states = [
        siphonbench.fit("reputation", data).detector.state()["_known"] for data in (nano, [nano, little], [little])
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
