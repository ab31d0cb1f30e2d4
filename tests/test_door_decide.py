"""`siphonbench decide` on a small world."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from siphonbench.cli.main import app


def answer(nano: Path, split: str) -> Path:
    """Entry that ranks accounts by their number of requests."""
    world = siphonbench.load(nano).reveal(split)
    requests = world.requests.polars().group_by(pl.col("account_id").cast(pl.String)).agg(score=pl.len())
    ids = world.accounts.polars().select(pl.col("account_id").cast(pl.String))
    scores = ids.join(requests, on="account_id", how="left").with_columns(pl.col("score").fill_null(0))
    scores.collect().write_parquet(file := Path(f"{split}.parquet"))
    return file


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["decide", *map(str, arguments)])


def test_decide_names_the_cheapest_point_and_plots_it(nano: Path, here: Path) -> None:
    test, validation = answer(nano, "test"), answer(nano, "validation")
    done = call(test, "--data", nano, "--out", "plots")
    assert done.exit_code == 0
    for part in (
        "flag who scores",
        "innocents per campaign stopped",
        "worst benign archetype",
        "no probabilities",
    ):
        assert part in done.stdout
    drawn = {f.name for f in Path("plots/test").iterdir()}
    assert drawn == {"cost.svg", "innocents.svg", "queue_precision.svg"}
    free = call(
        test,
        "--data",
        nano,
        "--out",
        "plots",
        "--review-cost",
        0,
        "--false-ban-cost",
        0,
        "--reviews",
        9999,
        "--json",
    )
    found = json.loads(free.stdout)
    assert found["campaigns"] == found["all_campaigns"] > 0
    sure = ("--calibrate", "isotonic", "--validation", validation)
    done = call(test, "--data", nano, "--out", "plots", *sure, "--json")
    assert 0 < json.loads(done.stdout)["brier"] < 0.25
    assert Path("plots/test/reliability.svg").is_file()
    told = call(validation, "--data", nano, "--split", "validation", *sure)
    assert (told.exit_code, "nobody is judged by what he is calibrated on" in told.stderr) == (2, True)


@pytest.mark.parametrize("option", ["--review-cost", "--reviews"])
def test_what_is_no_number_is_refused(option: str, here: Path) -> None:
    done = call("mine", option, "seven")
    assert (done.exit_code, "should be a valid" in done.output) == (2, True)
