"""What everybody may see of sealed worlds, and whether worlds made again are the ones that were published."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from generator import integrity
from generator.manifest import MANIFEST, MASKED, read_manifest, table_of
from generator.pipeline import generate
from generator.schema import PUBLIC


def publish(
    labelled: Path, out: Path, name: str, commitment: str, tables: bool = True, *others: Path
) -> dict[str, Any]:
    """Copy what everybody may see of sealed worlds into a folder; the manifest that stands there.

    Parameters
    ----------
    labelled : Path
        Dataset with all of its labels; only splits that are not masked keep theirs.
    out : Path
        Folder, made if missing.
    name, commitment : str
        They take the place of the configuration.
    tables : bool
        Whether the tables come along; left out, the manifest is returned and not written.
    *others : Path
        Further datasets with labels: their masked splits come along, in place of those of `labelled`.
    """
    manifest = public_manifest(read_manifest(labelled), name, commitment)
    roots = dict.fromkeys(manifest["splits"], labelled)
    for other in others:
        masked = {k: v for k, v in public_manifest(read_manifest(other), "", "")["splits"].items() if k in MASKED}
        manifest["splits"] |= masked
        roots |= dict.fromkeys(masked, other)
        every = {p: e for split in manifest["splits"].values() for p, e in split["files"].items()}
        manifest["digest"] = integrity.dataset_digest(every)
    if tables:
        for split, described in manifest["splits"].items():
            for path in described["files"]:
                (out / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(roots[split] / path, out / path)
        generate.write_manifest(out, manifest)
    return manifest


def public_manifest(manifest: dict[str, Any], name: str, commitment: str) -> dict[str, Any]:
    """A manifest without configuration; masked splits without labels' files and counts that labels give.

    Parameters
    ----------
    manifest : dict
        Of the world with all of its labels.
    name, commitment : str
        They take the place of the configuration.
    """
    splits = {split: _masked(meta) if split in MASKED else meta for split, meta in manifest["splits"].items()}
    return {
        "format": manifest["format"],
        "name": name,
        "digest": manifest["digest"],
        "config": {"sealed": commitment},
        "config_digest": commitment,
        "versions": manifest["versions"],
        "splits": splits,
    }


def _masked(split: dict[str, Any]) -> dict[str, Any]:
    files = {p: e for p, e in split["files"].items() if table_of(p) in PUBLIC}
    counts = {k: split["counts"][k] for k in ("accounts", "requests")}
    return {"start": split["start"], "days": split["days"], "counts": counts, "files": files}


def compare(public: Path, labelled: Path) -> list[str]:
    """What differs between a published folder and the worlds made again; one sentence per fault.

    Parameters
    ----------
    public : Path
        What was published.
    labelled : Path
        The worlds made again, with their labels.
    """
    published = read_manifest(public)
    expected = public_manifest(read_manifest(labelled), "", "")
    mine, theirs = (
        {p: e["content"] for split in m["splits"].values() for p, e in split["files"].items()}
        for m in (published, expected)
    )
    faults = [f"{p}: not in the world made again" for p in sorted(set(mine) - set(theirs))]
    faults += [f"{p}: missing" for p in sorted(set(theirs) - set(mine))]
    faults += [
        f"{p}: holds other values than the world made again"
        for p in sorted(set(mine) & set(theirs))
        if mine[p] != theirs[p]
    ]
    if not faults and published["digest"] != expected["digest"]:
        faults.append(f"{MANIFEST}: its digest is not that of the world made again")
    return faults
