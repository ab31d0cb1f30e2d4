"""`siphonbench ingest` reads what LiteLLM's proxy and OpenTelemetry's instrumentation write of the same calls."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import siphonbench
from benchmarks import own_programs
from siphonbench.ingest import ingestion
from tests import own_logs
from tests.conftest import Once
from tests.test_door_ingest import all_bytes, same_parts
from tests.test_house_wheel import UV

CALLS = own_logs.calls(seed=1, swarm=2, users=12)
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.skipif(UV is None, reason="uv: pip install uv")]


@pytest.fixture(scope="session")
def logs(once: Once) -> Path:
    """What both programs logged of a few calls."""
    return once("own-programs", lambda folder: own_programs.logged(CALLS, folder)) / "logs"


@pytest.mark.parametrize("form", own_programs.LOGS)
def test_what_programs_log_is_what_was_sent(form: str, logs: Path, here: Path) -> None:
    done = ingestion.ingest(logs / own_programs.LOGS[form], form, here / "data")
    assert not done.faults.counts
    rows = siphonbench.load(here / "data").test.requests.polars().sort("ts").collect()
    assert rows["ts"].dt.epoch("ms").to_list() == [c.ts for c in CALLS]
    assert rows["status"].to_list() == [429 if c.failed else 200 for c in CALLS]
    assert any(c.failed for c in CALLS)
    for name in ("max_tokens", "temperature", "latency_ms"):
        assert rows[name].to_list() == [getattr(c, name) for c in CALLS], name
    for name in ("input_tokens", "output_tokens"):
        told = [t for t, c in zip(rows[name], CALLS, strict=True) if not c.failed]
        assert told == [getattr(c, name) for c in CALLS if not c.failed], name
    for name, known in (
        ("account_id", [c.user for c in CALLS]),
        ("model", [c.model for c in CALLS]),
        ("system_prompt_hash", [c.system for c in CALLS]),
        ("prompt_simhash", [c.prompt for c in CALLS]),
        ("ip_prefix", [c.address.rpartition(".")[0] for c in CALLS]),
        ("sdk", [c.sdk for c in CALLS]),
    ):
        assert same_parts(rows[name].cast(pl.String).to_list(), known), name


@pytest.mark.parametrize("form", own_programs.LOGS)
def test_nothing_that_programs_named_is_in_the_dataset(form: str, logs: Path, here: Path) -> None:
    ingestion.ingest(logs / own_programs.LOGS[form], form, here / "data")
    everything = all_bytes(here / "data")
    secrets = {s for c in CALLS for s in (c.user, c.key, c.address, c.prompt, c.system, c.answer, c.session, c.id)}
    assert [s for s in secrets if s and s.encode() in everything] == []
