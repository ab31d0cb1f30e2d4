"""Manifests and configurations that nobody should have written: one sentence, never a traceback."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator import integrity
from generator.config import dataset_config
from generator.dataset import Dataset, load
from generator.errors import UserError
from generator.publish import verify

HOSTILE: list[Any] = [
    *(None, True, -1, 1.5, float("nan"), 10**30, "", "x", "../x", "a\nb", "\x1b[2J", "a" * 10**5),
    *([], {}, ["x"], {"x": 1}, {"x": {}}, [[]]),
]
_FEW = 3  # files of each split whose entries are spoiled
Path_ = tuple[str, ...]


def places(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where a manifest can be spoiled; its configuration as a whole, for its digest guards what is in it."""
    yield path
    if isinstance(node, dict) and path != ("config",):
        keys = list(node)[:_FEW] if path[2:3] == ("files",) else list(node)
        for key in keys:
            yield from places(node[key], (*path, key))


def spoiled(manifest: dict[str, Any], path: Path_, value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(manifest)
    node = whole
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return whole


def test_no_manifest_gives_a_traceback(tiny: Dataset, tmp_path: Path) -> None:
    file, refused = tmp_path / "manifest.json", 0
    for path in places(tiny.manifest):
        for value in HOSTILE:
            file.write_text(json.dumps(spoiled(tiny.manifest, path, value)), "utf-8")
            try:
                dataset = load(tmp_path)
                assert repr(dataset).startswith("Dataset ")
                faults = verify.verify(tmp_path)
            except UserError as error:
                refused += 1
                faults = [str(error)]
            assert faults, (path, value)
            assert all(fault.isprintable() and len(fault) < 2000 for fault in faults), (path, value)
    assert refused > 500


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"null", b'"x"', b"[" * 10**6, b"9" * 5000, b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"name": NaN}'],
)
def test_no_content_of_the_file_gives_a_traceback(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match="is not a manifest"):
        load(tmp_path)


def test_verify_holds_the_config_against_its_digest(tiny: Dataset, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny.path, tmp_path / "copy"))
    assert integrity.verify(folder) == []
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["config"]["seed"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert integrity.verify(folder) == ["manifest.json: its config is not the one of its config_digest"]


def test_a_file_that_is_no_parquet_is_a_fault(tiny: Dataset, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny.path, tmp_path / "copy"))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    file = folder / "train/accounts.parquet"
    file.write_bytes(b"no table")
    entry = manifest["splits"]["train"]["files"]["train/accounts.parquet"]
    entry |= {"bytes": 8, "sha256": integrity.file_digest(file)}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert integrity.verify(folder) == [
        "train/accounts.parquet: its values are not those that the manifest describes"
    ]


def test_a_split_that_is_not_there_is_told(tiny: Dataset, tmp_path: Path) -> None:
    manifest = copy.deepcopy(tiny.manifest)
    del manifest["splits"]["train"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(UserError, match="no split 'train': choose validation, test"):
        _ = load(tmp_path).train


CONFIGS: list[Any] = [
    *HOSTILE,
    *("9999-12-31", "0001-01-01", "9999-12-31T23:00-23:00", "1" * 70, float("inf")),
    {"A1": {"rate": 10**400}},
    {"A1": {"rate": {"law": [1], "range": [1, 2]}}},
    {"A1": {"rate": [1, 2, {}, [1], 0]}},
    {"A1": {"overt": {}}},
    [{}],
    [{"name": [], "archetype": {}, "accounts": "x", "dials": []}],
    [{"name": "a", "archetype": "A1", "tier": ["x"], "accounts": 3}],
    [{"name": "a", "archetype": "A1", "tier": "overt", "accounts": 3, "first_day": 10**20, "days": 10**20}],
]


@pytest.mark.parametrize("key", dataset_config.preset("nano"))
def test_no_configuration_gives_a_traceback(key: str) -> None:
    document, sentences = dataset_config.preset("nano") | {"seed": 1}, []
    for value in CONFIGS:
        try:
            config = dataset_config.from_dict(document | {key: value}, "mine")
        except UserError as error:
            sentences.append(str(error))
        else:
            assert [config.window(split) for split in config.splits]
            assert dataset_config.from_dict(json.loads(json.dumps(config.as_dict())), "x").digest == config.digest
    assert max(map(len, sentences)) < 2000


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 10**5, f"seed = {'9' * 5000}", 'name = "\ud800"', "start = 9999-12-31", "seed = 2 = 3"]
)
def test_no_file_gives_a_traceback(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=r"mine\.toml") as caught:
        dataset_config.from_file(file)
    assert str(caught.value).isprintable()
