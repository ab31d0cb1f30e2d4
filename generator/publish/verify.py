"""Checks a folder: bytes against sums, values against the manifest, and all against a world made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generator import integrity, remote
from generator.config import dataset_config as configs
from generator.manifest import MANIFEST, TRUTH_FOLDER, inside, read_manifest
from generator.pipeline import generate
from generator.publish import checksums, sample


def local_copy(path: str | Path, storage_options: dict[str, Any] | None = None) -> Path:
    """Folder that holds all of a dataset: the given one, or a copy of everything at an address.

    Parameters
    ----------
    path : str or Path
        Folder, or an address that fsspec opens.
    storage_options : dict, optional
        For addresses: what the file system is opened with.

    Raises
    ------
    UserError
        If a file can't be read, or is not what its SHA-256 says.
    """
    where = remote.address(path)
    if not where:
        return remote.local(path)
    store = remote.open_store(where, MANIFEST, storage_options)
    manifest = read_manifest(store.folder)
    for split in manifest["splits"].values():
        store.fetch((file, entry["sha256"]) for file, entry in split["files"].items())
    if "release" in manifest:
        store.keep(checksums.SUMS)
        store.fetch((file, digest) for file, digest in checksums.listed(store.folder).items() if inside(file))
    return store.folder


def verify(root: Path) -> list[str]:
    """Recompute every digest of a dataset or release folder.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    list of str
        One sentence per fault, naming the file; empty when all is well.

    Raises
    ------
    UserError
        If the folder holds no complete dataset.
    """
    there = (root / checksums.SUMS).exists()
    faults = checksums.check(root) if there else []
    if MANIFEST in {fault.partition(":")[0] for fault in faults}:
        return faults
    released = "release" in read_manifest(root)
    if released and not there:
        faults = [f"{checksums.SUMS}: missing"]
    named = {fault.partition(":")[0] for fault in faults}
    others = checksums.listed(root) or (sample.digests(root) if released else ())
    return faults + [f for f in integrity.verify(root, others) if f.partition(":")[0] not in named]


def regenerate(root: Path, workers: int = 1, on_shard: Callable[[int, int], None] | None = None) -> list[str]:
    """Make a dataset again from its manifest's configuration, and compare what the files hold.

    The bytes of Parquet depend on the version of its writer; values do not.

    Parameters
    ----------
    root : Path
        Dataset or release folder.
    workers, on_shard
        As for `release.generate`.

    Returns
    -------
    list of str
        One sentence per file that holds other values.

    Raises
    ------
    UserError
        If the configuration is none that this version can make.
    """
    manifest = read_manifest(root)
    config = configs.from_dict(manifest["config"], f"{root / MANIFEST}: config")
    with TemporaryDirectory(prefix="siphonbench-") as scratch:
        remade = read_manifest(generate.generate(config, Path(scratch) / "again", workers, on_shard))
    original, repeated = _contents(manifest), _contents(remade)
    faults = [
        f"{path}: holds other values than a dataset made again from its configuration"
        for path, content in original.items()
        if repeated.get(path.replace(f"{TRUTH_FOLDER}/", "test/", 1)) != content
    ]
    if not faults and remade["digest"] != manifest["digest"]:
        faults = [f"{MANIFEST}: its digest is not that of a dataset made again"]
    return [fault + _versions(manifest, remade) for fault in faults]


def _contents(manifest: dict[str, Any]) -> dict[str, str]:
    return {p: e["content"] for split in manifest["splits"].values() for p, e in split["files"].items()}


def _versions(then: dict[str, Any], now: dict[str, Any]) -> str:
    pairs = [(name, v, now["versions"].get(name)) for name, v in then.get("versions", {}).items()]
    moved = [f"{name} {old}, here {new}" for name, old, new in pairs if old != new]
    return f" (it was made with {'; '.join(moved)})" if moved else ""
