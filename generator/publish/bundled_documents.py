"""Texts that go with a release: they stand beside the packages in a checkout, and in the wheel's metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from generator.errors import UserError

LICENCES = ("LICENSE", "LICENSE-DATA")
DATA_CARD = "data_card.md"
_ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    """Text of a document.

    Parameters
    ----------
    name : str
        File name, e.g. "LICENSE-DATA".

    Raises
    ------
    UserError
        If this installation does not hold it.
    """
    if (_ROOT / name).is_file():
        return (_ROOT / name).read_text("utf-8")
    try:
        installed = [f for f in files("siphonbench") or [] if f.name == name]
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if Path(str(file.locate())).is_file():
            return file.read_text("utf-8")
    raise UserError(f"this installation lacks {name}, which a release holds: install siphonbench again")
