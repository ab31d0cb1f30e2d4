"""The command `siphonbench fidelity`: table, JSON, plots, exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from generator.arrays import F64
from generator.fidelity import traces as reading
from generator.fidelity.traces import Log
from siphonbench.cli.main import app


@pytest.fixture(scope="module")
def api(nano: Path) -> Log:
    return reading.from_dataset(siphonbench.load(nano).train, "api")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["fidelity", *map(str, arguments)])


def write(folder: Path, log: Log, written: F64) -> Path:
    """A folder with the log as its one trace."""
    folder.mkdir()
    sides = {"input_tokens": log.input, "output_tokens": written}
    accounts = [f"c{a}" for a in log.account]
    frame = pl.DataFrame({"ts_s": log.ts, "client_id": accounts, "kind": "api", **sides})
    frame.write_parquet(folder / "trace.parquet", metadata={"trace_meta": json.dumps({"global_time": False})})
    return folder


def test_traffic_like_the_reference_passes(nano: Path, api: Log, tmp_path: Path) -> None:
    like = write(tmp_path / "like", api, api.output)
    done = call(nano, "--reference", like, "--peer", like, "--quick", "--plots", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    assert "passed" in done.stdout
    assert "trace" in done.stdout
    assert [f.name for f in (tmp_path / "plots").iterdir()] == ["api-trace.svg"]


def test_traffic_unlike_the_reference_fails(nano: Path, api: Log, tmp_path: Path) -> None:
    log = api.take(np.arange(min(len(api), 4000)))
    unlike = write(tmp_path / "unlike", log, np.full(len(log), 3.0))
    out = tmp_path / "new" / "report.json"
    arguments = (nano, "--reference", unlike, "--kind", "api", "--seed", 3, "--quick", "--repeats", 2)
    done = call(*arguments, "--json", "--out", out)
    assert done.exit_code == 1
    (report,) = json.loads(out.read_text("utf-8"))
    assert json.loads(done.stdout) == [report]
    assert (report["kind"], report["reference"], report["passed"]) == ("api", "trace", False)
    assert {v["name"]: v["holds"] for v in report["verdicts"]}["within 2x real"] is False
    assert report["metrics"]["tokens.ks_out"]["ratio_real"] > 5
    assert "c2st.rows" not in report["metrics"]
    assert call(*arguments, "--json").stdout == done.stdout
    assert "FAILED" in call(*arguments).stdout
    assert sorted(f.name for f in tmp_path.iterdir()) == ["new", "unlike"]
    assert [f.name for f in out.parent.iterdir()] == ["report.json"]


def test_bad_input_is_one_sentence(nano: Path, api: Log, tmp_path: Path) -> None:
    traces = write(tmp_path / "traces", api, api.output)
    for arguments, said in {
        ("--kind", "chat"): "no workload kind 'chat': choose api, ",
        ("--kind", "code"): "has no usable trace of kind code, only of api",
        ("--split", "dev"): "no split 'dev': choose train, validation, test",
        ("--out", tmp_path): "is a folder; name a file in it",
        ("--peer", tmp_path / "none"): "is no folder",
    }.items():
        done = call(nano, "--reference", traces, "--quick", *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        (sentence,) = done.stderr.strip().splitlines()
        assert said in sentence
    assert [f.name for f in tmp_path.iterdir()] == ["traces"]
