"""SHA256SUMS: a line for every file of a folder, as `sha256sum -c` reads it, after one that guards them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from generator.files import is_foreign, write_text
from generator.integrity import file_digest
from generator.manifest import inside

SUMS = "SHA256SUMS"
_HEAD = "# sha256 of the lines below: "
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_TOOLS = (".git", ".cache")  # what git and Hugging Face's downloader keep beside the files that they fetch


def write(root: Path) -> None:
    """Write the checksums of all files that are in a folder.

    Parameters
    ----------
    root : Path
        The folder; gets a file `SUMS`.
    """
    lines = "".join(f"{file_digest(root / path)}  {path}\n" for path in _files(root))
    write_text(root / SUMS, f"{_HEAD}{_hash(lines)}\n{lines}")


def read(text: str) -> dict[str, str] | None:
    """SHA-256 by path; None if the lines are not what the first one says.

    Parameters
    ----------
    text : str
        Content of such a file.
    """
    first, _, rest = text.partition("\n")
    matches = [_LINE.fullmatch(line) for line in rest.splitlines()]
    if first != _HEAD + _hash(rest) or None in matches:
        return None
    return {m[2]: m[1] for m in matches if m}


def listed(root: Path) -> dict[str, str]:
    """SHA-256 by path; empty where there are no sums to rely on.

    Parameters
    ----------
    root : Path
        Folder that may hold such a file.
    """
    file = root / SUMS
    return (read(file.read_bytes().decode("utf-8", "replace")) or {}) if file.is_file() else {}


def check(root: Path) -> list[str]:
    """Compare every file of a folder with its line.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    list of str
        One sentence for each file that is changed, missing or not listed; empty when all is well.
    """
    if not (root / SUMS).is_file():
        return [f"{SUMS}: missing"]
    known = listed(root)
    if not known:
        return [f"{SUMS}: changed, its lines are not those that it was written with"]
    there = _files(root)
    faults = [f"{path}: missing" for path in known if path not in there]
    faults += [
        f"{path}: changed, its SHA-256 is not that of {SUMS}"
        for path, digest in known.items()
        if path in there and inside(path) and file_digest(root / path) != digest
    ]
    return faults + [f"{path}: not in {SUMS}" for path in there if path not in known]


def _files(root: Path) -> dict[str, None]:
    paths = (f.relative_to(root) for f in sorted(root.rglob("*")) if not f.is_dir())
    own = (f for f in paths if f.as_posix() != SUMS and f.parts[0] not in _TOOLS and not is_foreign(f))
    return {f.as_posix(): None for f in own}


def _hash(lines: str) -> str:
    return hashlib.sha256(lines.encode()).hexdigest()
