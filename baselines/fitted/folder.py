"""A fitted detector as a folder: a manifest, arrays and boosted trees; three files of these names and no other."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from baselines.base import parameters
from baselines.base.detector import Detector
from baselines.fitted import array_file, manifest, plain_values, tree_file
from baselines.fitted.manifest import TrainingData
from generator import files
from generator.errors import UserError, printable
from generator.integrity import file_digest

MANIFEST, ARRAYS, TREES = "detector.json", "arrays.npz", "trees.json"

_MOST_BYTES = {MANIFEST: 1 << 23, ARRAYS: array_file.MOST_BYTES + (1 << 23), TREES: tree_file.MOST_BYTES}
_HARMFUL = (ValueError, OSError, EOFError, RecursionError, RuntimeError, NotImplementedError, zipfile.BadZipFile)
"""What reading a file of unknown origin may raise; RuntimeError is an encrypted member."""


def write(folder: Path, detector: Detector, training: Iterable[TrainingData]) -> Path:
    """Write a fitted detector; the folder appears under its name only when it is complete.

    Parameters
    ----------
    folder : Path
        New, or one that holds a fitted detector.
    detector : Detector
        Fitted.
    training : iterable of TrainingData
        What it was fitted on.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UserError
        If the folder holds anything else, or what was learnt can't be kept as plain data.
    """
    check_replaceable(folder)
    if faults := parameters.beyond_ranges(detector):
        raise UserError(f"detector {detector.name} can't be kept as a file: {faults}; fit it within these ranges")
    arrays: list[Any] = []
    models: list[Any] = []
    with files.atomic_folder(folder) as partial:
        try:
            state = plain_values.pack(detector.state(), arrays, models)
            array_file.write(partial / ARRAYS, arrays)
        except ValueError as error:
            raise UserError(
                f"detector {detector.name} can't be kept as a file: {error}; let it learn plain values, or write "
                "methods state and restore"
            ) from error
        tree_file.write(partial / TREES, models)
        digests = {name: file_digest(partial / name) for name in (ARRAYS, TREES)}
        document = manifest.compose(detector, training, state, digests)
        (partial / MANIFEST).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    return folder


def name_of(folder: Path) -> str:
    """Name of the detector that a folder says it holds.

    Parameters
    ----------
    folder : Path
        Of any origin.

    Raises
    ------
    UserError
        If it is no folder of a fitted detector of this format and version.
    """
    try:
        return str(_manifest(folder)["detector"])
    except _HARMFUL as error:
        raise _refusal(folder, error) from error


def read(folder: Path, kind: type[Detector]) -> tuple[Detector, tuple[TrainingData, ...]]:
    """Read a fitted detector of a class that the reader names; nothing in the files is run.

    Parameters
    ----------
    folder : Path
        Of any origin.
    kind : type of Detector
        Class that it must be of.

    Returns
    -------
    detector : Detector
        As it was when it was fitted.
    training : tuple of TrainingData
        What it was fitted on, as the folder says.

    Raises
    ------
    UserError
        If it is not, in one sentence that says why.
    """
    try:
        document = _manifest(folder)
        _check_kind(document, kind)
        for name in (ARRAYS, TREES):
            if file_digest(folder / name) != document["sha256"][name]:
                raise ValueError(f"{name} is not the file that its manifest names: it is damaged or cut off")
        arrays, models = array_file.read(folder / ARRAYS), tree_file.read(folder / TREES, _json)
        state = plain_values.unpack(document["state"], arrays, models)
        if not isinstance(state, dict):
            raise ValueError("its state is not named")
        detector = parameters.configured(kind, document["seed"], document["params"])
        if faults := parameters.beyond_ranges(detector):
            raise ValueError(faults)
        return detector.restore(state), tuple(TrainingData(**world) for world in document["training"])
    except (
        *_HARMFUL,
        UserError,
        TypeError,
        KeyError,
    ) as error:  # a state of another shape may do anything to restore
        raise _refusal(folder, error) from error


def check_replaceable(folder: Path) -> None:
    """Refuse to write where anything but a fitted detector is.

    Parameters
    ----------
    folder : Path
        Where one is to be written.

    Raises
    ------
    UserError
        If the place is taken.
    """
    names = {f.name for f in folder.iterdir()} if folder.is_dir() else {folder.name} if folder.exists() else set()
    if other := sorted(names - {*_MOST_BYTES}):
        raise UserError(f"{folder} holds {len(other)} other files, e.g. {other[0]}: name another folder")


def _manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError("there is no such folder")
    there = {p.name for p in folder.iterdir() if not files.is_foreign(Path(p.name))}
    if odd := sorted(there ^ set(_MOST_BYTES)):
        raise ValueError(f"it must hold {', '.join(_MOST_BYTES)} alone, but lacks or has {', '.join(odd)[:80]}")
    for name, most in _MOST_BYTES.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ValueError(f"{name} is a link or no file")
        if (size := path.stat().st_size) > most:
            raise ValueError(f"{name} has {size:,} bytes, more than {most:,}")
    return manifest.checked(_json(folder / MANIFEST), (ARRAYS, TREES))


def _check_kind(document: dict[str, Any], kind: type[Detector]) -> None:
    if document["detector"] != kind.name:
        raise ValueError(f"it is of detector {document['detector'][:40]}, not of {kind.name}")
    if document["fields"] != list(kind.fields):
        odd = sorted({str(f) for f in document["fields"]} ^ set(kind.fields))
        raise ValueError(
            f"it reads other columns than detector {kind.name}: {', '.join(odd)[:80] or 'in another order'}"
        )


def _json(path: Path) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{path.name} holds the number {constant}")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def _refusal(folder: Path, error: Exception) -> UserError:
    why = str(error).partition("\n")[0][:300] or type(error).__name__
    return UserError(
        printable(
            f"{folder} is no fitted detector that can be used here: {why}; fit it again with siphonbench fit"
        )
    )
