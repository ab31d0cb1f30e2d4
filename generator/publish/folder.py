"""Writes a release folder: generate, set the truth of test apart or leave it out, add documents and sums."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generator import release, target
from generator.config import Config
from generator.dataset import MANIFEST, MASKED
from generator.errors import UserError
from generator.integrity import file_digest, table_of
from generator.publish import cards, croissant, documents, sample, settings, sums
from generator.publish.about import TRUTH_FOLDER, About
from generator.schema import TRUTH

SETTINGS = "config.toml"
_ATTRIBUTES = "*.parquet filter=lfs diff=lfs merge=lfs -text\n"  # as Hugging Face's git asks for


def write(
    config: Config,
    out: Path,
    workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
    test_truth: bool = False,
    published: str = "",
    owner: str = "siphonbench",
) -> Path:
    """Write a release folder, complete or not at all.

    Parameters
    ----------
    config : Config
        What to make.
    out : Path
        Folder that must not exist, or be empty.
    workers, on_shard
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
    target.check_free(out)
    date = _date(published)
    texts = {name: documents.text(name) for name in (*documents.LICENCES, documents.DATA_CARD)}
    staging = out.with_name(out.name + ".release")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        release.generate(config, staging, workers, on_shard)
        manifest = _set_apart(staging, test_truth)
        _describe(staging, config, About(manifest, date, owner), texts)
        sums.write(staging)
        if out.exists():
            out.rmdir()
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return out


def _date(text: str) -> str:
    try:
        return (
            datetime.strptime(text, "%Y-%m-%d").date().isoformat()
            if text
            else datetime.now(UTC).date().isoformat()
        )
    except ValueError as error:
        raise UserError(f"--date {text!r} is no date: write it as 2026-11-25") from error


def _set_apart(root: Path, keep: bool) -> dict[str, Any]:
    """Move the truth of masked splits into its own folder, or delete it; the manifest as it is now."""
    manifest: dict[str, Any] = json.loads((root / MANIFEST).read_text("utf-8"))
    for name in set(MASKED) & set(manifest["splits"]):
        files = manifest["splits"][name]["files"]
        for path in [p for p in files if table_of(p) in TRUTH]:
            entry = files.pop(path)
            if keep:
                moved = path.replace(f"{name}/", f"{TRUTH_FOLDER}/", 1)
                (root / moved).parent.mkdir(parents=True, exist_ok=True)
                (root / path).rename(root / moved)
                files[moved] = entry
            else:
                (root / path).unlink()
        shutil.rmtree(root / name / "request_labels", ignore_errors=True)
    manifest["release"] = {"test_truth": keep}
    release.write_manifest(root, manifest)
    return manifest


def _describe(root: Path, config: Config, told: About, texts: dict[str, str]) -> None:
    for train in [name for name in told.manifest["splits"] if name not in MASKED][:1]:
        sample.write(root, told.manifest["splits"][train]["files"], train)
    samples = sample.digests(root)
    others = {MANIFEST: file_digest(root / MANIFEST)}
    texts = texts | {
        SETTINGS: settings.toml(config),
        ".gitattributes": _ATTRIBUTES,
        "README.md": cards.hugging_face(told),
        "croissant.json": _json(croissant.document(told, samples, others)),
        "dataset-metadata.json": _json(cards.kaggle(told, samples)),
        ".zenodo.json": _json(cards.zenodo(told)),
    }
    for name, text in texts.items():
        (root / name).write_text(text, "utf-8")


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
