"""What is uploaded: every host can read it, every changed byte is found, and addresses open like folders."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

import siphonbench
from generator import schema
from generator.config import dataset_config
from generator.dataset import Dataset, Table
from generator.errors import MaskedLabelsError, UserError
from generator.pipeline import generate, shards
from generator.publish import cards, checksums, config_toml, sample
from generator.publish import croissant as croissant_file
from generator.publish.release_info import ReleaseInfo
from siphonbench.cli.main import app

TINY = """
preset = "nano"
name = "tiny"
accounts = 120
extraction_accounts = 30
campaigns = 9
days = 2
quiet_days = 0
buckets = 2
rate_cap = 20
text = "sample"
prompts_per_account = 3
"""
DATE = "2026-11-25"
DAMAGE = [
    "manifest.json",
    "SHA256SUMS",
    "README.md",
    "croissant.json",
    ".zenodo.json",
    ".gitattributes",
    "LICENSE",
]
TRUTH = schema.TRUTH


def make(folder: Path, seed: int = 5, **options: Any) -> Dataset:
    (folder / "tiny.toml").write_text(TINY)
    return siphonbench.release(
        folder / "release", config=folder / "tiny.toml", seed=seed, published=DATE, **options
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny")).path


@pytest.fixture(scope="module")
def open_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("open"), test_truth=True).path


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def files(root: Path) -> list[str]:
    return sorted(f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file())


def rows(table: Table) -> list[dict[str, Any]]:
    return table.polars().collect().to_dicts()


def test_it_holds_what_hosts_ask_for(tiny: Path) -> None:
    there = set(files(tiny))
    assert there >= {*DAMAGE, "LICENSE-DATA", "data_card.md", "config.toml", "dataset-metadata.json"}
    assert {f"sample/{t}.{kind}" for t in ("requests", "accounts") for kind in ("parquet", "csv")} <= there
    kaggle = json.loads((tiny / "dataset-metadata.json").read_text("utf-8"))
    assert (kaggle["licenses"], kaggle["id"]) == ([{"name": "CC-BY-4.0"}], "siphonbench/siphonbench-tiny-seed5")
    assert 6 <= len(kaggle["title"]) <= 50
    assert 20 <= len(kaggle["subtitle"]) <= 80
    assert all((tiny / r["path"]).is_file() for r in kaggle["resources"])
    zenodo = json.loads((tiny / ".zenodo.json").read_text("utf-8"))
    assert (zenodo["upload_type"], zenodo["license"], zenodo["publication_date"]) == ("dataset", "cc-by-4.0", DATE)


def test_truth_of_test_is_left_out_or_apart(tiny: Path, open_truth: Path) -> None:
    assert not [f for f in files(tiny) if f.startswith("test") and any(t in f for t in TRUTH)]
    with pytest.raises(MaskedLabelsError, match="a release leaves them out"):
        _ = siphonbench.load(tiny).reveal("test").labels
    apart = {f.split("/")[0] for f in files(open_truth) if f.startswith("test") and any(t in f for t in TRUTH)}
    assert apart == {"test-truth"}
    data = siphonbench.load(open_truth)
    with pytest.raises(MaskedLabelsError, match="reveal"):
        _ = data.test.labels
    assert data.reveal("test").labels.polars().collect().height == 120
    assert data.digest == siphonbench.load(tiny).digest


def test_the_sample_is_half_a_campaign(tiny: Path) -> None:
    labels = pl.read_parquet(tiny / "sample/account_labels.parquet")
    assert labels["campaign"].drop_nulls().n_unique() == 1
    requests, truth = (pl.read_parquet(tiny / f"sample/{t}.parquet") for t in ("requests", "request_labels"))
    assert set(requests["account_id"].unique()) <= set(labels["account_id"])
    assert requests["request_id"].to_list() == truth["request_id"].to_list()
    prompts = pl.read_parquet(tiny / "sample/prompts.parquet")
    assert prompts["request_id"].is_in(requests["request_id"].implode()).all()
    assert set(prompts["account_id"]) == set(requests["account_id"])
    assert pl.read_csv(tiny / "sample/prompts.csv")["prompt"].to_list() == prompts["prompt"].to_list()
    shown = pl.read_csv(tiny / "sample/requests.csv", schema_overrides={"prompt_simhash": pl.UInt64})
    assert shown["prompt_simhash"].to_list() == requests["prompt_simhash"].to_list()


def test_same_seed_same_bytes(tiny: Path, tmp_path: Path) -> None:
    again = make(tmp_path).path
    assert (again / "SHA256SUMS").read_bytes() == (tiny / "SHA256SUMS").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--owner", "../up"], "--owner '../up' is no account"),
        (["--owner", ""], "--owner '' is no account"),
        (["--date", "25.11.2026"], "is no date"),
        (["--out", "s3://bucket/x"], "a release is made in a folder here"),
    ],
)
def test_owner_and_address_are_looked_at_first(options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    command = ["release", "--config", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "r"), *options]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["tiny.toml"]


def test_a_name_breaks_no_sentence(copy: Path) -> None:
    (copy / "two\nlines\x1b[2J").touch()
    done = CliRunner().invoke(app, ["verify", str(copy)])
    assert done.exit_code == 2
    assert done.stderr.strip().isprintable()
    assert "two?lines?[2J: not in SHA256SUMS" in done.stderr


class StopHereError(Exception):
    """A fault in the middle."""


def stop(*_: object, **__: object) -> Any:
    raise StopHereError


def tree(root: Path) -> dict[str, bytes]:
    return {f: (root / f).read_bytes() for f in files(root)}


# Where a release can be stopped: while data is made, and before each step that follows.
STOPS = {
    "a shard": (shards, "make"),
    "the manifest of the data": (generate, "_manifest"),
    "the manifest of the release": (generate, "write_manifest"),
    "the sample": (sample, "write"),
    "the documents": (croissant_file, "document"),
    "the sums": (checksums, "write"),
}


@pytest.mark.parametrize("keep", [False, True], ids=["without truth", "with truth"])
@pytest.mark.parametrize("where", STOPS)
def test_resume_goes_on_to_the_same_bytes(
    where: str, keep: bool, tiny: Path, open_truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = STOPS[where]
    kept, calls = getattr(module, name), 0

    def after_two(*given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        return stop() if calls > 2 else kept(*given, **more)

    for resume in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, after_two if where == "a shard" else stop)
            calls = 0
            with pytest.raises(StopHereError):
                make(tmp_path, test_truth=keep, resume=resume)
        left = sorted(p.name for p in tmp_path.iterdir())
        assert "release" not in left
        assert (left == ["tiny.toml"]) is not resume  # nothing stays unless it is to be gone on from
    made: list[tuple[int, int]] = []
    done = make(tmp_path, test_truth=keep, resume=True, on_shard=lambda *n: made.append(n)).path
    assert tree(done) == tree(open_truth if keep else tiny)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["release", "tiny.toml"]
    assert not made or made[0][0] == (2 if where == "a shard" else 6)  # shards that were made are not made again
    assert make(tmp_path, test_truth=keep, resume=True).path == done
    assert tree(done) == tree(open_truth if keep else tiny)


@pytest.mark.parametrize("keep", [False, True], ids=["without truth", "with truth"])
@pytest.mark.parametrize("where", ["the manifest of the release", "the sums"])
def test_resume_with_the_other_choice_of_truth(
    where: str, keep: bool, tiny: Path, open_truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*STOPS[where], stop)
        with pytest.raises(StopHereError):
            make(tmp_path, test_truth=not keep, resume=True)
    done = make(tmp_path, test_truth=keep, resume=True).path
    assert tree(done) == tree(open_truth if keep else tiny)
    with pytest.raises(UserError, match="entries already"):
        make(tmp_path, test_truth=not keep, resume=True)


def test_resume_makes_a_damaged_file_again_and_leaves_another_release_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*STOPS["the sums"], stop)
        with pytest.raises(StopHereError):
            make(tmp_path, resume=True)
    before = tree(tmp_path)
    with pytest.raises(UserError, match=r"release\.release holds \d+ entries already"):
        make(tmp_path, seed=6, resume=True)
    assert tree(tmp_path) == before
    flip(tmp_path / "release.release/train/accounts.parquet", 30)
    (tmp_path / "release.release/train/.stray.partial").touch()
    assert tree(make(tmp_path, resume=True).path) == tree(tiny)


def test_resume_and_engine_at_the_command_line(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    command = ["release", "--config", tmp_path / "tiny.toml", "--seed", 5, "--date", DATE, "--out", tmp_path / "r"]
    for engine, said in (("steam", "none of serial, processes, dask"), ("serial", "has no scheduler")):
        address = ["--scheduler", "tcp://x:1"] if engine == "serial" else []
        done = CliRunner().invoke(app, [*map(str, command), "--engine", engine, *address])
        assert done.exit_code == 2
        assert said in done.stderr
    with monkeypatch.context() as patch:
        patch.setattr(*STOPS["the documents"], stop)
        CliRunner().invoke(app, [*map(str, command), "--engine", "serial", "--resume"])
    assert not (tmp_path / "r").exists()
    done = CliRunner().invoke(app, [*map(str, command), "--resume", "--engine", "serial"])
    assert done.exit_code == 0, done.output
    assert tree(tmp_path / "r") == tree(tiny)


def test_sha256sum_agrees(tiny: Path) -> None:
    lines = (tiny / "SHA256SUMS").read_text().splitlines()[1:]
    assert [line.split("  ")[1] for line in lines] == [f for f in files(tiny) if f != "SHA256SUMS"]
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=tiny, check=True, capture_output=True
        )


@pytest.mark.parametrize("plan", [*dataset_config.PRESETS, "headline"])
def test_config_makes_the_same_config(plan: str, tmp_path: Path) -> None:
    made = dataset_config.from_file(Path(plan)) if plan == "headline" else dataset_config.from_preset(plan, 3)
    (tmp_path / "c.toml").write_text(config_toml.toml(made))
    assert dataset_config.from_file(tmp_path / "c.toml").digest == made.digest


@pytest.mark.slow
def test_one_flipped_byte_is_found_in_every_file(copy: Path) -> None:
    draw = random.Random(7)
    assert siphonbench.verify(copy) == []
    # What others are checked against comes alone; of the rest, all are harmed at once, and each is named.
    alone = [[name] for name in ("SHA256SUMS", "manifest.json", "README.md", "train/accounts.parquet")]
    rest = [name for name in files(copy) if [name] not in alone]
    for names in (*alone, rest):
        for place in (lambda size: 0, lambda size: size - 1, draw.randrange):
            harmed = {name: place((copy / name).stat().st_size) for name in names}
            for name, at in harmed.items():
                flip(copy / name, at)
            faults = siphonbench.verify(copy)
            assert sorted(fault.partition(":")[0] for fault in faults) == names, (harmed, faults)
            for name, at in harmed.items():
                flip(copy / name, at)


@pytest.mark.parametrize("name", [*DAMAGE, "train/accounts.parquet", "sample/accounts.csv"])
def test_a_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).unlink()
    assert f"{name}: missing" in siphonbench.verify(copy)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "train/requests/day-000/bucket-0009.parquet"])
def test_a_file_too_many_is_named(name: str, copy: Path) -> None:
    (copy / name).write_text("x")
    assert siphonbench.verify(copy) == [f"{name}: not in SHA256SUMS"]


def test_all_faults_at_once_by_command(copy: Path) -> None:
    flip(copy / "README.md", 40)
    (copy / "LICENSE").unlink()
    done = CliRunner().invoke(app, ["verify", str(copy)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "copy has 2 damaged files: LICENSE: missing; README.md: changed" in done.stderr


def test_regenerate_compares_values(open_truth: Path, tmp_path: Path) -> None:
    assert siphonbench.verify(open_truth, regenerate=True) == []
    other = Path(shutil.copytree(open_truth, tmp_path / "other"))
    stranger = make(tmp_path, seed=6, test_truth=True).path
    manifest = json.loads((stranger / "manifest.json").read_text("utf-8"))
    manifest["config"]["seed"] = 5  # as if these rows came from that seed
    generate.write_manifest(stranger, manifest)
    checksums.write(stranger)
    assert "manifest.json: its config is not the one of its config_digest" in siphonbench.verify(stranger)
    manifest["config_digest"] = dataset_config.from_dict(manifest["config"], "forged").digest
    generate.write_manifest(stranger, manifest)
    checksums.write(stranger)
    faults = siphonbench.verify(stranger, regenerate=True)
    assert "train/accounts.parquet: holds other values than a dataset made again from its configuration" in faults
    assert any(f.startswith("test-truth/account_labels.parquet") for f in faults)
    assert siphonbench.verify(other) == []


def test_a_release_in_use_is_kept(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds 1 entries already"):
        make(tmp_path)
    assert files(tmp_path) == ["release/thesis.txt", "tiny.toml"]


def test_a_world_without_open_splits_has_no_sample(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TINY + 'splits = ["test"]\n')
    made = siphonbench.release(tmp_path / "r", config=tmp_path / "c.toml", seed=1)
    assert siphonbench.verify(made.path) == []
    assert not (made.path / "sample").exists()


def test_a_manifest_that_points_elsewhere_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
    listed = manifest["splits"]["train"]["files"]
    listed["../../secret/accounts.parquet"] = listed.pop("train/accounts.parquet")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="names 1 files outside its folder"):
        siphonbench.load(copy)


# --- hosts' readers


@pytest.fixture
def croissant() -> Any:
    return pytest.importorskip("mlcroissant")


def streamed(data: Any, name: str) -> list[dict[str, Any]]:
    return [{k.split("/")[1]: v for k, v in record.items()} for record in data.records(name)]


KINDS = {
    "string": bytes,
    "bool": bool,
    "timestamp[ms, tz=UTC]": pd.Timestamp,
    "float": np.float32,
    "double": np.float64,
    **{k: getattr(np, k) for k in ("int8", "int16", "int32", "int64", "uint64")},
}


@pytest.mark.slow
def test_croissant_streams_every_record_set(croissant: Any, open_truth: Path) -> None:
    """Every row of every table arrives with its values and types, as Polars reads them."""
    data = croissant.Dataset(jsonld=open_truth / "croissant.json")
    assert data.metadata.ctx.issues.report() == ""
    written = json.loads((open_truth / "croissant.json").read_text("utf-8"))
    names = [r["@id"] for r in written["recordSet"]]
    assert len(names) == 7 * 3 + 2 + 5  # observed labels are not of test
    for name in names:
        part, _, table = name.partition("_")
        folder = "test-truth" if name.startswith("test_truth") else part
        table = table.removeprefix("truth_")
        found = sorted((open_truth / folder).rglob("*.parquet"))
        paths = [p for p in found if table in (p.stem, p.parent.parent.name)]
        want = pl.concat([pl.read_parquet(p) for p in paths]).to_dicts()
        got = streamed(data, name)
        assert len(got) == len(want) > 0, name
        key = schema.TABLES[table][0].name
        plain = [{k: v.decode() if isinstance(v, bytes) else v for k, v in r.items()} for r in got]
        for a, b in zip(sorted(plain, key=lambda r: r[key]), sorted(want, key=lambda r: r[key]), strict=True):
            assert a == b, name
        for column in schema.TABLES[table]:
            kind = KINDS["string" if column.dtype == schema.CATEGORY else str(column.dtype)]
            values = [r[column.name] for r in got if r[column.name] is not None]
            assert all(type(v) is kind for v in values), (name, column.name)


def test_croissant_hashes_are_those_of_the_files(croissant: Any, copy: Path) -> None:
    lines = dict(line.split("  ")[::-1] for line in (copy / "SHA256SUMS").read_text().splitlines()[1:])
    written = json.loads((copy / "croissant.json").read_text("utf-8"))
    hashed = {f["contentUrl"]: f["sha256"] for f in written["distribution"] if "sha256" in f}
    assert hashed == {path: lines[path] for path in hashed}
    assert "manifest.json" in hashed  # which holds those of all others
    flip(copy / "train/accounts.parquet", 30)
    with pytest.raises(croissant.GenerationError) as told:
        streamed(croissant.Dataset(jsonld=copy / "croissant.json"), "train_accounts")
    assert "Hash of downloaded file" in str(told.value.__cause__)


def test_croissant_keys(tiny: Path) -> None:
    written = json.loads((tiny / "croissant.json").read_text("utf-8"))
    assert written["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    assert written["rai:hasSyntheticData"] is True
    rai = ("dataCollection", "dataBiases", "dataLimitations", "dataUseCases", "personalSensitiveInformation")
    assert all(written[f"rai:{k}"] for k in rai)
    assert written["prov:wasGeneratedBy"]["@type"] == "prov:Activity"
    assert len(written["prov:wasDerivedFrom"]) >= 4
    sets = {f["@id"]: f["includes"] for f in written["distribution"] if f["@type"] == "cr:FileSet"}
    covered = [p.relative_to(tiny).as_posix() for glob in sets.values() for p in tiny.glob(glob)]
    assert sorted(covered) == [f for f in files(tiny) if "/bucket-" in f]


# Tasks that Hugging Face's Hub knows: github.com/huggingface/huggingface.js, packages/tasks/src/pipelines.ts.
HUB_TASKS = {"tabular-classification", "graph-ml"}


def card(content: str) -> Any:
    hub = pytest.importorskip("huggingface_hub")
    return hub.DatasetCard(content).data


def test_hugging_face_takes_the_card(open_truth: Path) -> None:
    """The offline half of `DatasetCard.validate`, which asks the Hub: its words, and every table found."""
    metadata = pytest.importorskip("datasets.utils.metadata")
    said = card((open_truth / "README.md").read_text("utf-8"))
    words = Path(metadata.__file__).parent / "resources"
    for key, known in (("size_categories", "size_categories"), ("annotations_creators", "creators")):
        listed = json.loads((words / f"{known}.json").read_text("utf-8"))
        assert set(said[key]) <= set(listed["annotations"] if isinstance(listed, dict) else listed), key
    assert set(said["task_categories"]) <= HUB_TASKS
    assert (said["license"], said["source_datasets"]) == ("cc-by-4.0", ["original"])
    assert all(isinstance(tag, str) for tag in said["tags"])
    configs = metadata.MetadataConfigs.from_dataset_card_data(said)
    assert configs.get_default_config_name() == "requests"
    found = [
        file.relative_to(open_truth).as_posix()
        for config in configs.values()
        for part in config["data_files"]
        for file in open_truth.glob(part["path"])
    ]
    data = [f for f in files(open_truth) if f.endswith(".parquet") and not f.startswith("sample/")]
    assert sorted(found) == data  # every table once


@pytest.mark.parametrize("rows", [10**n for n in range(2, 14)])
def test_every_size_has_a_category_of_the_hub(rows: int, tiny: Path) -> None:
    metadata = pytest.importorskip("datasets.utils.metadata")
    manifest = json.loads((tiny / "manifest.json").read_text("utf-8"))
    manifest["splits"]["train"]["files"]["train/accounts.parquet"]["rows"] = rows
    [size] = card(cards.hugging_face(ReleaseInfo(manifest, DATE, "me")))["size_categories"]
    known = Path(metadata.__file__).parent / "resources" / "size_categories.json"
    assert size in json.loads(known.read_text("utf-8"))


# What Zenodo's deposit API documents (developers.zenodo.org, "Deposit metadata", 2026): no other name is taken.
ZENODO_NEEDS = {"upload_type", "publication_date", "title", "creators", "description", "access_right", "license"}
ZENODO_TAKES = ZENODO_NEEDS | {"keywords", "notes", "related_identifiers", "version", "language", "references"}


def test_zenodo_takes_the_deposit(tiny: Path) -> None:
    said = json.loads((tiny / ".zenodo.json").read_text("utf-8"))
    assert set(said) >= ZENODO_NEEDS
    assert set(said) <= ZENODO_TAKES
    assert date.fromisoformat(said["publication_date"]).isoformat() == said["publication_date"]
    assert said["access_right"] in ("open", "embargoed", "restricted", "closed")
    assert all(set(person) <= {"name", "affiliation", "orcid", "gnd"} for person in said["creators"])
    assert all(person["name"] for person in said["creators"])
    assert len(said["language"]) == 3  # ISO 639-3
    assert all(isinstance(said[key], str) and said[key] for key in set(said) - {"creators", "keywords"})
    assert all(isinstance(word, str) and word for word in said["keywords"])


@pytest.mark.slow
def test_hugging_face_loads_it_offline(open_truth: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys, datasets\n"
        "names = datasets.get_dataset_config_names(sys.argv[1])\n"
        "got = {c: datasets.load_dataset(sys.argv[1], c) for c in names}\n"
        "print(json.dumps({c: {s: len(t) for s, t in d.items()} for c, d in got.items()}))\n"
        "ids = [x for x in got['requests']['train']['conversation_id'] if x is not None]\n"
        "print(sum(ids))\n"
    )
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    pytest.importorskip("datasets")
    command = [sys.executable, "-c", code, str(open_truth)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts, total = done.stdout.splitlines()
    data = siphonbench.load(open_truth)
    want = {f"{t}": {s: len(rows(data.splits[s].tables[t])) for s in schema.SPLITS} for t in schema.PUBLIC}
    known = ("train", "validation")
    want["labels_observed"] = {s: len(rows(data.splits[s].tables["labels_observed"])) for s in known}
    for t in TRUTH:
        want[t] = {s: len(rows(data.splits[s].tables[t])) for s in ("train", "validation")}
        want[f"test_{t}"] = {"test": len(rows(data.splits["test"].tables[t]))}
    assert json.loads(counts) == want
    assert int(total) == sum(r["conversation_id"] or 0 for r in rows(data.train.requests))


def test_pandas_keeps_opaque_numbers(tiny: Path) -> None:
    table = siphonbench.load(tiny).train.requests
    want = [r["conversation_id"] for r in rows(table)]
    read = pd.concat([pd.read_parquet(f) for f in sorted(tiny.glob("train/requests/*/*.parquet"))])
    assert sorted(x for x in read["conversation_id"].dropna()) == sorted(x for x in want if x is not None)
    assert [None if x is pd.NA else x for x in table.pandas()["conversation_id"]] == want


# --- addresses


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIPHONBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def memory(tiny: Path) -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.put(str(tiny), "/siphonbench-test/tiny", recursive=True)
    yield "memory://siphonbench-test/tiny"
    system.rm("/siphonbench-test", recursive=True)


def test_an_address_opens_like_a_folder(tiny: Path, memory: str, cache: Path) -> None:
    here, there = siphonbench.load(tiny), siphonbench.load(memory)
    assert [f for f in files(cache) if f.endswith(".parquet")] == []  # nothing before it is asked for
    for name in schema.PUBLIC:
        assert there.train.tables[name].polars().collect().equals(here.train.tables[name].polars().collect())
    assert there.train.labels.pandas().equals(here.train.labels.pandas())
    few = there.train.requests.polars().filter(pl.col("day") == 1).select("input_tokens").collect()
    assert few.equals(here.train.requests.polars().filter(pl.col("day") == 1).select("input_tokens").collect())
    assert rows(there.test.as_of(0).requests) == rows(here.test.as_of(0).requests)
    assert siphonbench.verify(memory) == []
    done = CliRunner().invoke(app, ["verify", memory])
    assert done.exit_code == 0, done.output


def test_a_damaged_file_at_an_address_is_not_read(memory: str, cache: Path) -> None:
    system = fsspec.filesystem("memory")
    path = "/siphonbench-test/tiny/train/accounts.parquet"
    system.pipe_file(path, system.cat_file(path)[:-1])
    data = siphonbench.load(memory)
    with pytest.raises(Exception, match=r"accounts\.parquet is not what the manifest says"):
        data.train.accounts.polars().collect()
    with pytest.raises(UserError, match=r"accounts\.parquet is not what the manifest says"):
        siphonbench.verify(memory)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://nothing/here", "memory://nothing/here/manifest.json can't be read"),
        ("nope://x", "nope://x can't be opened: Protocol not known: nope"),
    ],
)
def test_a_bad_address_is_one_sentence(address: str, said: str, cache: Path) -> None:
    for command in (["info", address], ["verify", address]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 2
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not cache.exists()


@pytest.mark.slow
def test_s3(tiny: Path, cache: Path, s3: tuple[Any, dict[str, Any]]) -> None:
    system, options = s3
    system.put(str(tiny), "bucket/tiny", recursive=True)
    data = siphonbench.load("s3://bucket/tiny", storage_options=options)
    want = siphonbench.load(tiny).validation.requests.polars().collect()
    assert data.validation.requests.polars().collect().equals(want)
    assert siphonbench.verify("s3://bucket/tiny", options) == []


@pytest.mark.slow
def test_from_release_to_check_at_the_command_line(croissant: Any, tmp_path: Path) -> None:
    run = CliRunner()
    (tmp_path / "tiny.toml").write_text(TINY)
    made = ["release", "--config", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "made"), "--workers", "1"]
    for command in (made, ["verify", str(tmp_path / "made"), "--regenerate", "--workers", "1"]):
        done = run.invoke(app, command)
        assert done.exit_code == 0, done.output
    data = croissant.Dataset(jsonld=tmp_path / "made/croissant.json")
    for record_set in data.metadata.record_sets:
        got = list(islice(data.records(record_set.id), 200))
        assert got
        assert set(got[0]) == {field.id for field in record_set.fields}
