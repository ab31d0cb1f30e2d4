"""The reading side, and what happens to bad input."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from generator import integrity, schema
from generator.config import dataset_config
from generator.config.dataset_config import Config
from generator.dataset import Dataset, Table, load
from generator.errors import MaskedLabelsError, UserError
from generator.pipeline import engines, forecast, generate, resume_state, shards


@pytest.fixture
def copy(tiny: Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.path, tmp_path / "copy"))


def test_test_labels_are_masked_unless_asked_for_by_name(tiny: Dataset) -> None:
    for table in ("labels", "request_labels", "campaigns"):
        with pytest.raises(MaskedLabelsError, match="reveal"):
            getattr(tiny.test, table)
    assert tiny.reveal("test").labels.polars().collect().height == 240
    with pytest.raises(UserError, match="train, validation, test"):
        tiny.reveal("tset")


def test_repr_tells_sizes_and_prevalence(tiny: Dataset) -> None:
    text = repr(tiny)
    assert "tiny-seed7" in text
    served = tiny.train.labels.polars().select(pl.col("served").sum()).collect().item()
    assert 0 < served < 36
    assert f"prevalence {served / 240:.2%}" in text
    assert "labels masked" in text


def test_three_ways_to_read_agree(tiny: Dataset) -> None:
    table = tiny.train.requests
    n = table.polars().select(pl.len()).collect().item()
    assert (
        n
        == table.arrow().num_rows
        == len(table.pandas())
        == tiny.manifest["splits"]["train"]["counts"]["requests"]
    )


def test_as_of_hides_the_future(tiny: Dataset) -> None:
    seen = tiny.train.as_of(1)
    assert seen.days == 2
    assert seen.requests.polars().select(pl.col("day").max()).collect().item() == 1
    everything = tiny.train.requests.polars().filter(pl.col("day") <= 1).select(pl.len()).collect().item()
    assert seen.requests.polars().select(pl.len()).collect().item() == everything
    with pytest.raises(MaskedLabelsError):
        _ = seen.labels
    with pytest.raises(UserError, match="choose 0 to 3"):
        tiny.train.as_of(4)


def test_undeclared_columns_are_not_there(tiny: Dataset) -> None:
    view = tiny.train.restrict(["requests.ts", "accounts.plan"])
    assert view.requests.polars().collect_schema().names() == ["request_id", "account_id", "ts"]
    assert view.accounts.columns == ("account_id", "plan")
    with pytest.raises(ValueError, match=r"account_labels\.label"):
        tiny.train.restrict(["account_labels.label"])


def test_field_groups() -> None:
    assert schema.field_groups(["requests.ts", "requests.language", "requests.account_id"]) == "M+C"
    assert schema.field_groups(["requests.account_id"]) == "-"


def test_verify_finds_one_flipped_byte(copy: Path) -> None:
    assert integrity.verify(copy) == []
    file = copy / "validation/requests/day-002/bucket-0001.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    (fault,) = integrity.verify(copy)
    assert fault.startswith("validation/requests/day-002/bucket-0001.parquet: changed")


def test_verify_finds_truncated_missing_and_foreign_files(copy: Path) -> None:
    file = copy / "train/accounts.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    (copy / "train/releases.parquet").unlink()
    (copy / "train/extra.parquet").write_bytes(b"x")
    faults = integrity.verify(copy)
    assert any("train/accounts.parquet" in f and "the manifest says" in f for f in faults)
    assert "train/releases.parquet: missing" in faults
    assert "train/extra.parquet: not in the manifest" in faults


def test_content_digest_does_not_depend_on_encoding(tiny: Dataset, copy: Path) -> None:
    import pyarrow.parquet as pq

    path = "train/requests/day-000/bucket-0000.parquet"
    pq.write_table(
        pq.read_table(copy / path, partitioning=None), copy / path, compression="snappy", row_group_size=50
    )
    entry = tiny.manifest["splits"]["train"]["files"][path]
    again = pq.read_table(copy / path, partitioning=None)
    assert integrity.content_digest(again) == entry["content"]
    assert integrity.file_digest(copy / path) != entry["sha256"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": 1}'])
def test_broken_manifests_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json"):
        load(tmp_path)


def test_no_dataset_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="siphonbench generate"):
        load(tmp_path / "nothing")


def test_full_folder_is_refused_and_kept(tiny_config: Config, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds 1 entries"):
        generate.generate(tiny_config, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_stop_leaves_nothing(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    real = shards.write_table
    calls = []

    def stop(root: Any, path: str, table: object) -> object:
        calls.append(path)
        if len(calls) == 9:
            raise error
        return real(root, path, table)

    monkeypatch.setattr(shards, "write_table", stop)
    with pytest.raises((KeyboardInterrupt, UserError)):
        generate.generate(tiny_config, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_disk_space_is_estimated_from_a_few_accounts(
    tiny: Dataset, tiny_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sum(split["counts"]["requests"] for split in tiny.manifest["splits"].values())
    assert sum(n.requests for n in forecast.expected_rows(tiny_config).values()) == pytest.approx(found, rel=0.05)
    monkeypatch.setattr(forecast, "_SAMPLE", 120)
    assert sum(n.requests for n in forecast.expected_rows(tiny_config).values()) == pytest.approx(found, rel=0.3)


def test_too_small_a_disk_is_noticed_before_work(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1))
    with pytest.raises(UserError, match="GB are needed"):
        generate.generate(tiny_config, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_buckets_that_memory_can_not_hold_are_refused_before_work(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "worker_memory", lambda engine, jobs: 1e6)
    with pytest.raises(UserError, match=r"^buckets: 1 of \w+ hold about .* raise buckets to \d+") as caught:
        generate.generate(replace(tiny_config, buckets=1), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    enough = int(str(caught.value).split("raise buckets to ")[1].split(",")[0])
    generate.generate(replace(tiny_config, buckets=enough), tmp_path / "out")


def test_workers_share_the_memory_of_this_machine() -> None:
    whole = engines.worker_memory(engines.Serial(), 8)
    assert engines.worker_memory(engines.Processes(4), 8) == whole / 4
    assert engines.worker_memory(engines.Processes(4), 2) == whole / 2
    assert engines.worker_memory(engines.Dask("tcp://10.0.0.1:8786", 4), 8) == math.inf  # another machine


def test_all_faults_of_a_config_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "nano"\ndays = 0\nacounts = 5\nseed = -1\n[mix]\nB1 = 0.5\nA1 = 0.2\n')
    with pytest.raises(UserError) as caught:
        dataset_config.from_file(file)
    for part in ("days: 0", "acounts: no such key", "seed: -1", "mix: shares add up to 0.7", "mix.A1"):
        assert part in str(caught.value)


def test_a_dataset_of_version_0_1_is_refused_with_the_remedy(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(tiny.manifest | {"format": 1}))
    with pytest.raises(UserError, match=r"version 0\.1, whose labels do not say .* served: make it again"):
        load(tmp_path)


def test_config_survives_the_manifest(tiny: Dataset, tiny_config: Config) -> None:
    assert dataset_config.from_dict(json.loads(json.dumps(tiny.manifest["config"])), "manifest") == tiny_config


@pytest.mark.parametrize("text", ["days = ", "preset = 'huge'", "cohorts = [{name = 'x'}]", "start = 'soon'"])
def test_bad_config_files(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bad\.toml"):
        dataset_config.from_file(file)


def test_unknown_preset_names_the_known() -> None:
    with pytest.raises(UserError, match="nano, small"):
        dataset_config.from_preset("giant")


def test_a_forked_reader_is_refused_with_the_reason(tiny: Dataset) -> None:
    tiny.train.requests.polars().collect()  # its threads run: a fork would wait for them without end
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()

    def read() -> None:
        try:
            answer.put(tiny.train.requests.polars().collect().height)
        except UserError as error:
            answer.put(str(error))

    reader = context.Process(target=read, daemon=True)
    reader.start()
    reader.join(20)
    alive = reader.is_alive()
    reader.kill()
    assert not alive, "it hangs"
    assert "forked process" in answer.get()


def test_readers_of_other_processes_work(tiny: Dataset) -> None:
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            heights = pool.map(_height, [str(tiny.path)] * 2)
            handed = pool.apply(_read, (tiny.train.requests,))
        wanted = tiny.train.requests.polars().collect().height
        assert [*heights, handed] == [wanted] * 3


def _height(path: str) -> int:
    return int(load(path).train.requests.polars().collect().height)


def _read(table: Table) -> int:
    return int(table.arrow().num_rows)


def test_files_of_operating_systems_are_ignored(copy: Path) -> None:
    for name in ("._manifest.json", ".DS_Store", "train/._accounts.parquet", "train/requests/.DS_Store"):
        (copy / name).write_bytes(b"of another system")
    (copy / "__MACOSX/train").mkdir(parents=True)
    (copy / "__MACOSX/train/._x.parquet").touch()
    assert integrity.verify(copy) == []
    assert load(copy).train.requests.polars().collect().height > 0


def test_a_full_disk_is_named_by_its_path(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(elsewhere / "file"))

    monkeypatch.setattr(Path, "is_mount", lambda path: path in (elsewhere, Path("/")))
    monkeypatch.setattr(shards, "write_table", full)
    monkeypatch.setattr(resume_state, "_check_room", lambda *_: None)
    free = {elsewhere: 5_000_000}
    usage = shutil.disk_usage
    monkeypatch.setattr(
        shutil, "disk_usage", lambda p: shutil._ntuple_diskusage(1, 1, free[p]) if p in free else usage(p)
    )
    with pytest.raises(UserError, match=rf"5 MB are free on {elsewhere}\)"):
        generate.generate(tiny_config, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["elsewhere"]
