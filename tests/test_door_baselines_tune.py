"""`siphonbench baselines tune`: ranges are sound, validation alone decides, run takes what it wrote."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from baselines import isolated_run
from baselines.base import search_space
from baselines.detectors.coordination.synchrony import Synchrony
from baselines.registry import DETECTORS
from siphonbench.cli.main import app

TUNED = sorted(n for n, d in DETECTORS.items() if d.ranges)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["baselines", *(str(a) for a in arguments)])


def proposed(
    plain: Any, trials: int, seed: int, reach: Callable[[dict[str, Any]], float | None] = lambda _: 0.5
) -> list[dict[str, Any]]:
    """Parameters that a search proposes, if they reach what is said."""
    search, found = search_space.Search(plain, seed), list[dict[str, Any]]()
    while len(found) < trials and (given := search.ask()):
        found.append(given)
        search.tell(reach(given))
    return found


def test_many_can_be_tuned() -> None:
    assert len(TUNED) >= 30
    assert {"xgboost-relational", "leiden-fusion", "logistic-regression"} <= set(TUNED)


@pytest.mark.parametrize("name", TUNED)
def test_ranges_hold_the_defaults_and_what_is_drawn_is_taken(name: str) -> None:
    kind = DETECTORS[name]
    plain = kind()
    for key, r in kind.ranges.items():
        assert type(getattr(plain, key)) is type(r.low) is type(r.high)
        assert r.low < getattr(plain, key) < r.high
    tried = proposed(plain, 8, 3)
    assert tried[0] == {key: getattr(plain, key) for key in kind.ranges}
    assert len({json.dumps(t) for t in tried}) == len(tried) == 8
    assert tried[:5] == proposed(plain, 5, 3)
    assert tried[1:] != proposed(plain, 8, 4)[1:]
    for given in tried:
        assert all(r.low <= given[key] <= r.high for key, r in kind.ranges.items())
        made = isolated_run.build_detector(name, 0, given)
        assert {key: getattr(made, key) for key in given} == given


class Small(Synchrony):
    ranges: ClassVar[search_space.Ranges] = {"rows": search_space.SearchRange(1, 3)}


class Wide(Synchrony):
    ranges: ClassVar[search_space.Ranges] = {"width": search_space.SearchRange(0.001, 1000.0, log=True)}

    width: float = 1.0


def test_the_search_goes_where_more_was_reached() -> None:
    tried = [t["width"] for t in proposed(Wide(), 60, 0, lambda given: -abs(math.log(given["width"] / 50)))]
    early, late = (np.abs(np.log(np.array(part) / 50)) for part in (tried[1:11], tried[-20:]))
    assert np.median(late) < np.median(early) / 2
    assert min(tried) < 0.1 < 100 < max(tried)  # on the scale of logarithms


def test_what_failed_is_not_proposed_again_and_the_search_goes_on() -> None:
    tried = proposed(Wide(), 20, 0, lambda given: None if given["width"] < 1 else 1.0)
    assert len(tried) == len({t["width"] for t in tried}) == 20


def test_a_small_range_ends_the_search() -> None:
    assert sorted(t["rows"] for t in proposed(Small(), 50, 0)) == [1, 2, 3]


@pytest.mark.slow
def test_the_best_on_validation_is_written_and_run_takes_it(nano: Path, here: Path) -> None:
    command = ("tune", "synchrony", "--trials", 4, "--data", nano, "--out", "tuned")
    done = call(*command)
    assert done.exit_code == 0, done.output
    reports = sorted(Path("tuned").glob("trial-*/reports/synchrony"))
    assert len(reports) == 4
    told = [json.loads((r / "run.json").read_text()) for r in reports]
    assert {t["split"] for t in told} == {"validation"}  # nothing else was ever scored
    values = [json.loads((r / "scorecard.json").read_text())["primary"]["value"] for r in reports]
    best = told[int(np.argmax(values))]["params"]
    assert tomllib.loads(Path("tuned/synchrony.toml").read_text()) == {"synchrony": best}
    assert "paired 95 % interval" in done.stdout
    protocol = json.loads(Path("tuned/protocol.json").read_text())
    assert protocol["trials"] == {"asked": 4, "finished": 4, "failed": []}
    assert protocol["best"]["params"] == best
    assert protocol["core_seconds"] > 0

    stamps = [(r / "run.json").stat().st_mtime_ns for r in reports]
    (reports[2] / "run.json").unlink()  # as if it had been cut off here
    assert call(*command).stdout == done.stdout
    again = [(r / "run.json").stat().st_mtime_ns for r in reports]
    assert [a == b for a, b in zip(stamps, again, strict=True)] == [True, True, False, True]

    done = call("run", "synchrony", "--params", "tuned/synchrony.toml", "--data", nano, "--out", "out")
    assert done.exit_code == 0, done.output
    assert json.loads(Path("out/reports/synchrony/run.json").read_text())["params"] == best


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("volume", "volume declares no ranges of parameters to tune: choose from reputation"),
        ("cohort-oracle", "cohort-oracle declares no ranges"),
        ("nonsense", "no detector 'nonsense'"),
        ("synchrony --task campaigns", "synchrony does not answer the task 'campaigns'"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, nano: Path, here: Path) -> None:
    done = call("tune", *arguments.split(), "--data", nano, "--out", "tuned")
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert said in sentence
    assert list(here.iterdir()) == []
