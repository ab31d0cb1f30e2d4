"""`siphonbench baselines run`: goes on after a kill, measures each detector by itself, and says what failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import isolated_run, plugins
from generator.errors import UserError
from siphonbench.cli.main import app

ROOT = Path(siphonbench.__file__).parent
MODULE = """
import os, time
from pathlib import Path
import numpy as np
import polars as pl
from baselines.base.detector import Detector, accounts


class Mine(Detector):
    name = "{name}"
    description = "a test's own"
    source = "none"
    fields = ("requests.ts",)

    def fit(self, *worlds):
        with open("{name}.fits", "a") as tally:
            tally.write("x")
        return self

    def score(self, split):
        {body}
        ids = accounts(split)
        return pl.DataFrame({{"account_id": ids, "score": np.arange(len(ids), dtype=float)}})
"""


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield here
    for name in [n for n in sys.modules if n.startswith("tried_")]:
        del sys.modules[name]


def stranger(name: str, body: str = "pass") -> str:
    """A module in the current folder with one detector; how to name it."""
    Path(f"tried_{name}.py").write_text(MODULE.format(name=name, body=body), "utf-8")
    return f"tried_{name}:Mine"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["baselines", "run", *(str(a) for a in arguments)])


def fits(name: str) -> int:
    return len(Path(f"{name}.fits").read_text())


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_ended(nano: Path, here: Path) -> None:
    names = [stranger("first"), stranger("second", "time.sleep(600 if not Path('go').exists() else 0)")]
    command = [
        sys.executable,
        "-m",
        "siphonbench",
        "baselines",
        "run",
        *names,
        "--data",
        str(nano),
        "--out",
        "out",
    ]
    running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not Path("second.fits").exists() and time.monotonic() < until:
        time.sleep(0.05)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (fits("first"), fits("second")) == (1, 1)
    assert not Path("out/second").exists()
    before = Path("out/first/predictions.parquet").stat().st_mtime_ns
    assert len(children) == 1
    until = time.monotonic() + 20
    while Path(f"/proc/{children[0]}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{children[0]}").exists()  # nobody goes on working for a dead parent

    assert len(list(Path("out/reports").glob("*.partial"))) == 1
    other = Path(f"out/reports/third.{os.getppid()}.partial")  # of a run that lives
    other.mkdir()

    Path("go").touch()
    done = call(*names, "--data", nano, "--out", "out")
    assert done.exit_code == 0, done.output
    assert "2 submissions, 1 of them from an earlier run" in done.stdout
    assert (fits("first"), fits("second")) == (1, 2)
    assert list(Path("out/reports").glob("*.partial")) == [other]
    assert Path("out/first/predictions.parquet").stat().st_mtime_ns == before
    for name in ("first", "second"):
        assert siphonbench.evaluate(siphonbench.load(nano), Path("out") / name).primary.value > 0
        made = {f.name for f in (Path("out/reports") / name).iterdir()}
        assert made >= {"run.json", "scorecard.json", "precision_recall.svg", "recall.svg", "false_positives.svg"}


@pytest.fixture(scope="module")
def steady(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a detector has run once."""
    folder = tmp_path_factory.mktemp("steady")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(sys, "path", [*sys.path])
        assert call(stranger("steady"), "--data", nano, "--out", "out").exit_code == 0
    sys.modules.pop("tried_steady")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", ["nothing", "seed", "split", "code", "predictions", "report", "scorecard"], ids=str
)
def test_only_what_would_say_the_same_is_not_repeated(change: str, nano: Path, here: Path, steady: Path) -> None:
    shutil.copytree(steady, here, dirs_exist_ok=True)
    name, report = "tried_steady:Mine", Path("out/reports/steady")
    if change == "code":
        stranger("steady", "time.sleep(0)")
        sys.modules.pop("tried_steady", None)
    if change == "predictions":
        file = Path("out/steady/predictions.parquet")
        pl.read_parquet(file).with_columns(score=pl.lit(0.0)).write_parquet(file)
    if change == "report":
        (report / "run.json").write_text("{}")
    if change == "scorecard":
        (report / "scorecard.json").unlink()
    more = {"seed": ("--seed", 1), "split": ("--split", "validation")}.get(change, ())
    done = call(name, "--data", nano, "--out", "out", *more)
    assert done.exit_code == 0, done.output
    assert fits("steady") == (1 if change in ("nothing", "scorecard") else 2)
    assert json.loads((report / "scorecard.json").read_text())["primary"]["value"] > 0


def test_memory_is_the_detectors_own(nano: Path, here: Path) -> None:
    mine = bytearray(400_000_000)  # ours, which no detector answers for
    names = [stranger("small"), stranger("large", "x = np.ones(40_000_000)")]
    done = call(*names, "--data", nano, "--out", "out")
    assert done.exit_code == 0, done.output
    small, large = (
        json.loads(Path(f"out/reports/{n}/run.json").read_text())["peak_mb"] for n in ("small", "large")
    )
    assert 50 < small < len(mine) / 1e6
    assert 300 < large - small < 400


def test_who_fails_is_told_and_the_others_go_on(nano: Path, here: Path) -> None:
    names = [stranger("broken", "return 1 / 0"), stranger("unwise", "os._exit(7)"), stranger("sound")]
    done = call(*names, "--data", nano, "--out", "out")
    assert done.exit_code == 2
    (sentence,) = done.stderr.strip().splitlines()
    assert "2 of 3 detectors failed" in sentence
    assert "ZeroDivisionError" in sentence
    assert "ended with code 7" in sentence
    assert "ZeroDivisionError" in Path("out/reports/broken.log.txt").read_text()
    assert "sound" in done.stdout
    assert sorted(f.name for f in Path("out").iterdir()) == ["reports", "sound"]
    assert not list(Path("out").rglob("*.partial"))


def test_an_undeclared_column_is_named_and_the_log_is_there(nano: Path, here: Path) -> None:
    reading = 'split.requests.polars().group_by("account_id").agg(pl.col("stop_category").count()).collect()'
    done = call(stranger("hasty", reading), "--data", nano, "--out", "out")
    assert done.exit_code == 2
    (sentence,) = done.stderr.strip().splitlines()
    line = 1 + MODULE[: MODULE.index("{body}")].count("\n")
    assert (
        f"detector tried_hasty:Mine failed: ColumnNotFoundError in tried_hasty.py, line {line}: unable to find "
        'column "stop_category"; requests.stop_category exists, but is not in fields of Mine; see '
    ) in sentence
    log = Path(sentence.rpartition("see ")[2])
    assert log == Path("out/reports/hasty.log.txt")
    assert "ColumnNotFoundError" in log.read_text()
    stranger("hasty")
    sys.modules.pop("tried_hasty")
    assert call("tried_hasty:Mine", "--data", nano, "--out", "out").exit_code == 0
    assert not log.exists()  # nor does a log outlive its fault


def test_what_an_earlier_version_said_is_not_handed_in_for_this_one(nano: Path, here: Path) -> None:
    name, entry = stranger("changed"), Path("out/changed")
    assert call(name, "--data", nano, "--out", "out").exit_code == 0
    card = (entry / "card.toml").read_text().replace('team = "not named"', 'team = "us"')
    (entry / "card.toml").write_text(card)
    stranger("changed", "return 1 / 0")
    sys.modules.pop("tried_changed")
    assert call(name, "--data", nano, "--out", "out").exit_code == 2
    assert [f.name for f in entry.iterdir()] == ["card.toml"]
    assert sorted(f.name for f in Path("out/reports").iterdir()) == ["changed.log.txt"]
    with pytest.raises(UserError, match="holds 0 predictions files"):
        siphonbench.evaluate(siphonbench.load(nano), entry)
    stranger("changed", "time.sleep(0)")
    sys.modules.pop("tried_changed")
    assert call(name, "--data", nano, "--out", "out").exit_code == 0
    assert (entry / "card.toml").read_text() == card  # what its author wrote stays


def test_a_strangers_folder_is_kept(nano: Path, here: Path) -> None:
    folder = Path("out/mine")
    folder.mkdir(parents=True)
    for file in ("predictions.parquet", "thesis.txt"):
        (folder / file).write_text("years of work")
    done = call(stranger("mine"), "--data", nano, "--out", "out")
    assert (done.exit_code, "1 other files, e.g. thesis.txt" in done.stderr) == (2, True)
    assert sorted(f.name for f in folder.iterdir()) == ["predictions.parquet", "thesis.txt"]
    assert not Path("mine.fits").exists()  # told before anything is trained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("volume --task everything", "--task 'everything' is none of accounts"),
        ("nonsense", "no detector 'nonsense'"),
        ("volume --task campaigns", "volume does not answer the task 'campaigns'"),
        ("cohort-oracle", "cohort-oracle knows part of the truth"),
        ("volume --split validation --record board", "--record board ranks entries on test, not on validation"),
        ("volume --split tset", "no split 'tset'"),
        ("volume --params none.toml", "--params none.toml can't be read as TOML"),
        ("volume --params loose.toml", "x stands outside a table"),
        (
            "synchrony --params wrong.toml",
            "bands: 'many' is no int as the default 24 is; speed: no such parameter",
        ),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, nano: Path, here: Path) -> None:
    Path("loose.toml").write_text("x = 1\n")
    Path("wrong.toml").write_text("[synchrony]\nbands = 'many'\nspeed = 3\n")
    done = call(*arguments.split(), "--data", nano, "--out", "out")
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert said in sentence
    assert not Path("out").exists()


def test_parameters_reach_the_detector(nano: Path, here: Path) -> None:
    Path("p.toml").write_text("[synchrony]\nbands = 1\nrows = 4\n")
    said = []
    for more in ((), ("--params", "p.toml")):
        done = call("synchrony", "--data", nano, "--out", "out", *more)
        assert "0 of them from an earlier run" in done.stdout
        said.append(pl.read_parquet("out/synchrony/predictions.parquet"))
    assert not said[0].equals(said[1])
    assert isolated_run.build_detector("synchrony", 3, {"bands": 1}).clone() == isolated_run.build_detector(
        "synchrony", 3, {"bands": 1}
    )


def test_version_changes_with_the_code(here: Path) -> None:
    before = isolated_run.code_version(plugins.find(stranger("me")))
    assert before == isolated_run.code_version(plugins.find("tried_me:Mine"))
    stranger("me", "x = 1")
    assert isolated_run.code_version(plugins.find("tried_me:Mine")) != before


@pytest.mark.slow
def test_every_task_that_a_detector_answers(nano: Path, here: Path) -> None:
    done = call("volume", "leiden-fusion", "--task", "all", "--data", nano, "--out", "out")
    assert done.exit_code == 0, done.output
    assert "out: 7 submissions, 0 of them" in done.stdout
    reports = Path("out/reports")
    for task, entries in (("accounts", 2), ("observed", 2), ("campaigns", 1), ("early", 2)):
        assert (reports / f"{task}.md").read_text().count("\n| ") == entries + 1
        assert task in done.stdout
    for name, plot in (("volume.early", "collected.svg"), ("leiden-fusion", "recall.svg")):
        assert (reports / name / plot).read_text("utf-8").count("<svg") == 1
    said = pl.read_parquet("out/leiden-fusion.campaigns/predictions.parquet")
    assert said.columns == ["account_id", "campaign"]
    card = json.loads((reports / "leiden-fusion.campaigns/scorecard.json").read_text())
    assert card["task"] == "campaigns"
    assert not (reports / "requests.md").exists()  # nobody here answers it
    assert (
        "out: 7 submissions, 7 of them"
        in call("volume", "leiden-fusion", "--task", "all", "--data", nano, "--out", "out").stdout
    )
    assert call("volume", "--task", "early", "--data", nano, "--out", "out").exit_code == 0


@pytest.mark.slow
def test_a_board_gets_one_run_each(nano: Path, here: Path) -> None:
    for _ in range(2):  # what is there is not recorded again
        done = call("volume", "constant", "--task", "all", "--data", nano, "--out", "out", "--record", "board")
        assert done.exit_code == 0, done.output
        for task in ("accounts", "early"):
            entries = siphonbench.board(siphonbench.load(nano), "board", task).entries
            assert sorted(e.name for e in entries) == ["constant", "volume"]


def test_a_detector_that_runs_out_of_its_budget_is_a_row_that_says_so(nano: Path, here: Path) -> None:
    done = call(stranger("endless", "while True: pass"), "--data", nano, "--out", "out", "--budget", 1)
    assert done.exit_code == 0, done.output
    assert "| tried_endless:Mine | out of 1 core s | - |" in Path("out/reports/accounts.md").read_text()
    assert "out of 1 core s" in done.stdout
    assert not Path("out/endless").exists()
