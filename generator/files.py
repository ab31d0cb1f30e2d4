"""TODO."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def replace(file: Path, text: str) -> None:
    """Write a file; it is whole whenever it is there."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(file)
