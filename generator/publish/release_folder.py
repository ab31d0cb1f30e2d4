"""Writes a release folder: generate, set the truth of test apart or leave it out, add documents and sums."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generator import files, remote
from generator.config.dataset_config import Config
from generator.errors import UserError
from generator.integrity import file_digest
from generator.manifest import MANIFEST, MASKED, TRUTH_FOLDER, table_of
from generator.pipeline import generate, resume_state
from generator.pipeline.engines import Engine
from generator.pipeline.folder_lock import locked
from generator.pipeline.folder_target import check_free
from generator.publish import bundled_documents, cards, checksums, config_toml, croissant, sample
from generator.publish.release_info import ReleaseInfo
from generator.schema import TRUTH

SETTINGS = "config.toml"
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
_ATTRIBUTES = "*.parquet filter=lfs diff=lfs merge=lfs -text\n"  # as Hugging Face's git asks for


def write(
    config: Config,
    out: Path,
    workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
    test_truth: bool = False,
    published: str = "",
    owner: str = "siphonbench",
    resume: bool = False,
    with_engine: Engine | None = None,
) -> Path:
    """Write a release folder, complete or not at all: until then it is `out` + ".release".

    Parameters
    ----------
    config : Config
        What to make.
    out : Path
        Folder that must not exist, or be empty.
    workers, on_shard, resume, with_engine
        As for `release.generate`.
    test_truth : bool
        Whether the labels of the test split come along, in a folder of their own; left out otherwise.
    published : str
        Date in the metadata, ISO format; today if empty.
    owner : str
        Account at the hosts, for the ids that they ask for.

    Raises
    ------
    UserError
        If the folder is not free, the date is none, or the disk too small.
    """
    if remote.address(out):
        raise UserError(f"--out {out}: a release is made in a folder here; upload that folder when it is complete")
    folder = Path(os.path.realpath(remote.local(out)))  # a link stays a link: the folder that it names is filled
    if resume and _is_done(config, folder, test_truth):
        return out
    check_free(folder)
    date = _date(published)
    if not _OWNER.fullmatch(owner):
        raise UserError(f"--owner {owner[:60]!r} is no account: letters, digits, dots, dashes, at most 60")
    texts = {
        name: bundled_documents.text(name) for name in (*bundled_documents.LICENCES, bundled_documents.DATA_CARD)
    }
    staging = files.staging(folder, ".release")
    with locked(folder):
        if not resume or not _is_usable(config, staging, test_truth):
            shutil.rmtree(staging, ignore_errors=True)
        try:
            generate.generate(config, staging, workers, on_shard, resume, with_engine)
            manifest = _set_apart(staging, test_truth)
            _describe(staging, config, ReleaseInfo(manifest, date, owner), texts)
            checksums.write(staging)
            files.take_place(staging, folder, last=MANIFEST)
        except BaseException:
            if not resume:
                shutil.rmtree(staging, ignore_errors=True)
            raise
    return out


def _is_done(config: Config, out: Path, keep: bool) -> bool:
    """Whether the release is there but for its telling: a kill can come as late as that."""
    manifest = _manifest(config, out)
    return manifest is not None and manifest.get("release") == {"test_truth": keep}


def _is_usable(config: Config, staging: Path, keep: bool) -> bool:
    """Whether what a stopped run left can be gone on from; what is another dataset's is left to be refused."""
    manifest = _manifest(config, staging)
    if manifest is None:
        return True
    if manifest.get("release", {"test_truth": keep}) != {"test_truth": keep}:
        return False
    entries = [(p, e["sha256"]) for split in manifest["splits"].values() for p, e in split["files"].items()]
    return all(
        any(f.is_file() and file_digest(f) == digest for f in (staging / path, staging / _apart(path)))
        for path, digest in entries
        if keep or path == _apart(path)
    )


def _manifest(config: Config, root: Path) -> dict[str, Any] | None:
    """Manifest of a folder, if there is one and it is that of the configuration, made with these versions."""
    file = root / MANIFEST
    if not file.is_file() or not resume_state.is_of(content := file.read_bytes(), config):
        return None
    return dict(json.loads(content))


def _date(text: str) -> str:
    try:
        return (
            datetime.strptime(text, "%Y-%m-%d").date().isoformat()
            if text
            else datetime.now(UTC).date().isoformat()
        )
    except ValueError as error:
        raise UserError(f"--date {text!r} is no date: write it as 2026-11-25") from error


def _apart(path: str) -> str:
    """Where a file stands in a release: the truth of masked splits in a folder of its own."""
    split = path.partition("/")[0]
    secret = split in MASKED and table_of(path) in TRUTH
    return path.replace(f"{split}/", f"{TRUTH_FOLDER}/", 1) if secret else path


def _set_apart(root: Path, keep: bool) -> dict[str, Any]:
    """Move the truth of masked splits into its own folder, or delete it; the manifest as it is now.

    A run that was stopped in the middle may have moved or deleted some of it.
    """
    files.sweep(root)
    manifest: dict[str, Any] = json.loads((root / MANIFEST).read_text("utf-8"))
    if "release" in manifest:
        return manifest
    for name in set(MASKED) & set(manifest["splits"]):
        entries = manifest["splits"][name]["files"]
        for path in [p for p in entries if _apart(p) != p]:
            entry, moved = entries.pop(path), root / _apart(path)
            if keep:
                moved.parent.mkdir(parents=True, exist_ok=True)
                if (root / path).exists():
                    (root / path).replace(moved)
                entries[_apart(path)] = entry
            else:
                (root / path).unlink(missing_ok=True)
        shutil.rmtree(root / name / "request_labels", ignore_errors=True)
    if not keep:
        shutil.rmtree(root / TRUTH_FOLDER, ignore_errors=True)
    manifest["release"] = {"test_truth": keep}
    generate.write_manifest(root, manifest)
    return manifest


def _describe(root: Path, config: Config, info: ReleaseInfo, texts: dict[str, str]) -> None:
    shutil.rmtree(root / sample.FOLDER, ignore_errors=True)  # of a run that was stopped
    for train in [name for name in info.manifest["splits"] if name not in MASKED][:1]:
        sample.write(root, info.manifest["splits"][train]["files"], train)
    samples = sample.digests(root)
    others = {MANIFEST: file_digest(root / MANIFEST)}
    texts = texts | {
        SETTINGS: config_toml.toml(config),
        ".gitattributes": _ATTRIBUTES,
        "README.md": cards.hugging_face(info),
        "croissant.json": _json(croissant.document(info, samples, others)),
        "dataset-metadata.json": _json(cards.kaggle(info, samples)),
        ".zenodo.json": _json(cards.zenodo(info)),
    }
    for name, text in texts.items():
        (root / name).write_text(text, "utf-8")


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
