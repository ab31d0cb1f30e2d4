"""`siphonbench ingest`: logs of one's own as a dataset; nothing of what they name is in it."""

from __future__ import annotations

import gzip
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from generator import schema
from siphonbench.cli.main import app
from siphonbench.ingest import ingestion
from tests import own_logs

FEW = own_logs.calls(seed=1, swarm=3, users=20)
FORMATS: dict[str, tuple[str, Callable[[list[own_logs.Call]], bytes]]] = {
    "calls.jsonl": ("jsonl", own_logs.jsonl),
    "spend.json": ("litellm", own_logs.litellm),
    "spend.csv": ("litellm", own_logs.litellm_csv),
    "observations.jsonl": ("langfuse", own_logs.langfuse),
    "spans.jsonl": ("otel", own_logs.otlp),
    "old.jsonl": ("otel", lambda calls: own_logs.otlp(calls, old=True)),
    "spans.binpb": ("otel", own_logs.otlp_protobuf),
}


def siphon(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def ingested(folder: Path, name: str, content: bytes, **options: Any) -> ingestion.Ingested:
    (folder / name).write_bytes(content)
    (folder / "mapping.toml").write_text(own_logs.MAPPING)
    mapping = folder / "mapping.toml" if FORMATS.get(name, ("jsonl",))[0] == "jsonl" else None
    return ingestion.ingest(folder / name, FORMATS.get(name, ("jsonl",))[0], folder / "data", mapping, **options)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_calls(name: str, here: Path) -> None:
    done = ingested(here, name, FORMATS[name][1](FEW))
    assert siphonbench.verify(here / "data") == []
    world = siphonbench.load(here / "data").test
    rows = world.requests.polars().sort("ts").collect()
    assert not done.faults.counts.keys() - {"no zone"}
    assert rows["ts"].dt.epoch("ms").to_list() == [c.ts for c in FEW]
    assert rows["input_tokens"].to_list() == [c.input_tokens for c in FEW]
    assert rows["latency_ms"].to_list() == [c.latency_ms for c in FEW]
    assert (rows["status"] != 200).to_list() == [c.failed for c in FEW]
    assert rows["max_tokens"].to_list() == [c.max_tokens for c in FEW]
    for column, told in (
        ("account_id", [c.user for c in FEW]),
        ("system_prompt_hash", [c.system for c in FEW]),
        ("prompt_simhash", [c.prompt for c in FEW]),
        ("model", [c.model for c in FEW]),
        ("ip_prefix", [c.address.rpartition(".")[0] for c in FEW]),
    ):
        assert same_parts(rows[column].cast(pl.String).to_list(), told), column
    alone = [FEW[i].session for i in rows["conversation_id"].is_null().arg_true()]
    assert all(not s or sum(c.session == s for c in FEW) == 1 for s in alone)
    missing = {f"requests.{c}" for c in rows.columns if rows[c].is_null().all()}
    assert {f for f in world.missing if f.startswith("requests.")} == missing


def same_parts(left: list[Any], right: list[Any]) -> bool:
    """Whether two lists are equal in the same places."""
    return len(set(zip(left, right, strict=True))) == len(set(left)) == len(set(right))


def all_bytes(data: Path) -> bytes:
    """Every byte of a dataset, and what Parquet packs unpacked."""
    files = [f for f in data.rglob("*") if f.is_file()]
    everything = b"".join(f.read_bytes() for f in files)
    for file in files:
        if file.suffix == ".parquet":
            frame = pl.read_parquet(file, glob=False)
            everything += frame.select(pl.col(pl.String, pl.Categorical).cast(pl.String)).write_csv().encode()
    return everything


@pytest.mark.parametrize("name", FORMATS)
def test_no_byte_of_the_output_names_anything(name: str, here: Path) -> None:
    ingested(here, name, FORMATS[name][1](FEW))
    everything = all_bytes(here / "data")
    secrets = [c.user for c in FEW] + [c.key for c in FEW] + [c.address for c in FEW] + [c.prompt for c in FEW]
    secrets += [c.id for c in FEW] + [c.session for c in FEW if c.session] + [c.system for c in FEW if c.system]
    secrets += [c.user.partition("@")[2] for c in FEW] + [c.answer for c in FEW] + [name]
    assert [s for s in set(secrets) if s.encode() in everything] == []


def test_text_is_kept_when_asked_for(here: Path) -> None:
    ingested(here, "calls.jsonl", own_logs.jsonl(FEW), keep_text=True)
    prompts = siphonbench.load(here / "data").test.prompts.polars().collect()
    assert sorted(prompts["prompt"]) == sorted(c.prompt for c in FEW)
    assert set(prompts["system_prompt"]) == {c.system or None for c in FEW}


def test_the_key_lies_apart_and_gives_the_same_pseudonyms_again(here: Path) -> None:
    content = own_logs.jsonl(FEW)
    first = ingested(here, "calls.jsonl", content)
    key = here / "data.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (here / "data").rename(here / "once")
    again = ingested(here, "calls.jsonl", gzip.compress(content))
    assert again.manifest["digest"] == first.manifest["digest"]
    (here / "data").rename(here / "twice")
    other = ingested(here, "calls.jsonl", content, key_file=here / "other.key")
    assert other.manifest["digest"] != first.manifest["digest"]
    ids = [
        set(siphonbench.load(here / f).test.accounts.polars().collect()["account_id"]) for f in ("once", "data")
    ]
    assert not ids[0] & ids[1]
    key.chmod(0o644)
    (here / "data").rename(here / "thrice")
    with pytest.raises(Exception, match="chmod 600"):
        ingested(here, "calls.jsonl", content)


def test_explain_says_what_comes_from_where(here: Path) -> None:
    (here / "spend.json").write_bytes(own_logs.litellm(FEW))
    with pytest.MonkeyPatch.context() as wide:
        wide.setenv("COLUMNS", "400")
        done = siphon("ingest", here / "spend.json", "--format", "litellm", "--explain")
    assert done.exit_code == 0, done.output
    assert re.search(r"input_tokens +│ requests.input_tokens +│ prompt_tokens +│ 100%", done.output)
    assert re.search(r"account_id .*│ api_key +│ 100%", done.output)
    assert [f.name for f in here.iterdir()] == ["spend.json"]


def bad(**changes: Any) -> bytes:
    call = {"rid": "r", "who": "w", "when": "2026-03-02T10:00:00Z", "n_in": 5, "n_out": 5, "code": 200}
    return json.dumps({k: v for k, v in (call | changes).items() if v is not None}).encode()


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("no JSON", b"{broken"),
        ("no JSON", b"[1, 2]"),
        ("no JSON", b'{"n": ' + b"9" * 5000 + b"}"),
        ("no JSON", b"[" * 100_000),
        ("too long", b'{"rid": "' + b"x" * (17 << 20) + b'"}'),
        ("no account", bad(who=None)),
        ("no time", bad(when="yesterday")),
        ("absurd time", bad(when="1970-01-02")),
        ("absurd time", bad(when=4e9)),
        ("no zone", bad(when="2026-03-02 10:00:00", rid="a")),
        ("absurd count", bad(n_in=-1, rid="b")),
        ("absurd count", bad(n_in=1e300, rid="b")),
        ("absurd count", bad(n_in="many", rid="b")),
        ("no usage", bad(n_in=None, n_out=None, rid="c")),
        ("repeated id", bad()),
        ("outside", bad(when="2024-01-01T00:00:00Z", rid="d")),
    ],
)
def test_bad_input_is_counted_and_told(kind: str, line: bytes, here: Path) -> None:
    done = ingested(here, "calls.jsonl", b"\n".join([bad(), line, bad(rid="e"), b""]))
    assert done.faults.counts[kind] == 1
    assert done.faults.first[kind] == "calls.jsonl line 2"
    assert done.manifest["splits"]["test"]["counts"]["requests"] >= 2
    assert siphonbench.verify(here / "data") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("other", b"{}\n{}\n"),
        ("picture", bytes(range(256)) * 40),
        ("cut", gzip.compress(bad() * 1000, mtime=0)[:20]),
        ("unpacked", b"\x1f\x8b\x08 no gzip"),
        ("deep", b'{"chat": ' + b"[" * 50_000),
    ],
)
@pytest.mark.parametrize("form", ["litellm", "otel"])
def test_nothing_usable_is_one_sentence(form: str, name: str, content: bytes, here: Path) -> None:
    (here / name).write_bytes(content)
    done = siphon("ingest", here / name, "--format", form, "--out", here / "data")
    assert done.exit_code == 2, done.output
    assert "holds no call that can be used" in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert sorted(f.name for f in here.iterdir()) == sorted([name, "data.key"])


def test_a_cut_download_gives_what_came(here: Path) -> None:
    packed = gzip.compress(own_logs.jsonl(FEW))
    done = ingested(here, "calls.jsonl", packed[: len(packed) // 2])
    assert done.faults.counts["too early"] == 1
    assert 0 < done.manifest["splits"]["test"]["counts"]["requests"] < len(FEW)


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ("[columns]\nwho = 3", "no such field"),
        ("[columns]\nts = 3", "a path"),
        ("[colums]\n", "none of columns"),
        ("columns = 3", "must be a table"),
        ("[", "no TOML"),
    ],
)
def test_a_wrong_mapping_is_refused(mapping: str, why: str, here: Path) -> None:
    (here / "calls.jsonl").write_bytes(own_logs.jsonl(FEW))
    (here / "wrong.toml").write_text(mapping)
    arguments = ("--format", "jsonl", "--mapping", here / "wrong.toml", "--out", here / "data")
    done = siphon("ingest", here / "calls.jsonl", *arguments)
    assert done.exit_code == 2
    assert why in done.output


def test_columns_stay_of_the_schemas_types(here: Path) -> None:
    ingested(here, "spend.json", own_logs.litellm(FEW))
    world = siphonbench.load(here / "data").test
    for table in ("requests", "accounts", "releases"):
        columns = world.tables[table].arrow().schema
        assert columns.names == [c.name for c in schema.TABLES[table]]


def test_a_weaker_model_that_answers_is_told_and_a_dated_name_is_none(here: Path) -> None:
    calls = [json.loads(line) for line in own_logs.jsonl(FEW[:4]).splitlines()]
    served = ["other-model", f"{FEW[1].model}-2026-01-31", f"{FEW[2].model}-mini", None]
    for call, model in zip(calls, served, strict=True):
        call["served_model"] = model
    mapping = own_logs.MAPPING.replace("[columns]", '[columns]\nserved_model = "served_model"')
    (here / "mapping.toml").write_text(mapping)
    (here / "calls.jsonl").write_text("\n".join(json.dumps(call) for call in calls))
    ingestion.ingest(here / "calls.jsonl", "jsonl", here / "data", here / "mapping.toml")
    rows = siphonbench.load(here / "data").test.requests.polars().sort("ts").collect()
    assert rows["served_model"].cast(pl.String).to_list() == [served[0], FEW[1].model, served[2], None]
