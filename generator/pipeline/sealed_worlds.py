"""Sealed worlds: made from a secret file, published without labels, and made again by whoever has the secret.

A secret file holds 256 random bits and the whole configuration, dials nobody has seen included. Who publishes its
commitment first can't change either later, and who reads the commitment learns neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generator.config import dataset_config as configs
from generator.config.dataset_config import Config
from generator.errors import UserError
from generator.pipeline import generate
from generator.rng.keyed_streams import BYTES

SPLIT = "test"
_FORMAT = 1
_KEYS = {"format", "secret", "config", "evaluator"}
_HEX = re.compile(rf"[0-9a-f]{{{2 * BYTES}}}", re.ASCII)
_Tick = Callable[[int, int], None] | None


@dataclass(frozen=True)
class Seal:
    """What a sealed world is made from, and what it will be judged by.

    Attributes
    ----------
    config : Config
        With its secret.
    evaluator : str
        Version of the evaluator.
    """

    config: Config
    evaluator: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in the secret file."""
        plain = {"format": _FORMAT, "secret": self.config.secret, "evaluator": self.evaluator}
        return plain | {"config": self.config.as_dict()}

    @property
    def commitment(self) -> str:
        """SHA-256 over secret, configuration and evaluator version."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def new(config: Config, evaluator: str, splits: tuple[str, ...] = (SPLIT,)) -> Seal:
    """Seal with a fresh secret of 256 bits; the configuration's seed no longer matters.

    Parameters
    ----------
    config : Config
        What the world is made from.
    evaluator : str
        Version of the evaluator.
    splits : tuple of str
        Worlds to make.
    """
    return Seal(replace(config, seed=0, splits=splits, secret=secrets.token_hex(BYTES)), evaluator)


def write(seal: Seal, path: Path, *public: Path) -> None:
    """Write a secret file that its owner alone can read.

    Parameters
    ----------
    seal : Seal
        What to keep.
    path : Path
        File that must not exist.
    *public : Path
        Folders that others will see: the file may stand in none of them.

    Raises
    ------
    UserError
        If the file exists, its folder does not, or it would be published.
    """
    check_place(path, *public)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask says
            file.write(text(seal))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()  # a full disk
        raise


def text(seal: Seal) -> str:
    """A seal as the JSON text of its file.

    Parameters
    ----------
    seal : Seal
        What to write.
    """
    return json.dumps(seal.as_dict(), indent=1, sort_keys=True) + "\n"


def check_place(path: Path, *public: Path) -> None:
    """Whether a secret file may be made there; see `write`.

    Parameters
    ----------
    path : Path
        Where the secret file is to be.
    *public : Path
        Folders that others will see.

    Raises
    ------
    UserError
        With every reason against it.
    """
    faults = []
    if path.exists() or path.is_symlink():
        faults.append("exists already and is kept: choose another name")
    if not path.parent.is_dir():
        faults.append(f"is in {path.parent}, which is no folder: make it first")
    # What is made next to it, such as the world with its labels, must not lie there either.
    faults += [
        f"would be published with {folder}: keep it outside"
        for folder in public
        if path.resolve().is_relative_to(folder.resolve())
    ]
    if faults:
        raise UserError(f"--secret {path} " + "; it ".join(faults))


def read(path: Path, revealed: bool = False) -> Seal:
    """Seal of a secret file.

    Parameters
    ----------
    path : Path
        Secret file.
    revealed : bool
        Whether others may read it by now.

    Raises
    ------
    UserError
        If it can't be read, others can read it, or it is no secret file.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--secret {path} can't be read ({_reason(error)}): name the file that seal wrote"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and not revealed:
        raise UserError(f"--secret {path} can be read by others (mode {stat.S_IMODE(mode):o}): chmod 600 {path}")
    return parse(content, str(path))


def parse(content: str, where: str) -> Seal:
    """Seal from the text of a secret file.

    Parameters
    ----------
    content : str
        JSON.
    where : str
        What a fault names.

    Raises
    ------
    UserError
        If it is none; nothing of the text is repeated.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is no secret file: it holds no JSON; name the file that seal wrote") from error
    sound = isinstance(document, dict) and set(document) == _KEYS and document["format"] == _FORMAT
    if not sound or not isinstance(document["config"], dict) or not isinstance(document["evaluator"], str):
        raise UserError(f"{where} is no secret file: it must hold {', '.join(sorted(_KEYS))}, format {_FORMAT}")
    if not isinstance(document["secret"], str) or not _HEX.fullmatch(document["secret"]):
        raise UserError(f"{where}: secret: is not {2 * BYTES} hexadecimal digits; take the file as seal wrote it")
    config = configs.from_dict(document["config"], f"{where}: config")
    seal = Seal(replace(config, secret=document["secret"]), document["evaluator"])
    if json.loads(json.dumps(seal.as_dict())) != document:  # or one seal could be written in two ways
        raise UserError(f"{where}: config: is not as seal writes it; take the file as it was")
    return seal


def world(seal: Seal, out: Path, workers: int = 1, on_shard: _Tick = None) -> Path:
    """Make a sealed world with all of its labels, for the eyes of its owner; see `release.generate`.

    Parameters
    ----------
    seal : Seal
        What it is made from.
    out : Path
        Folder that must not exist, or be empty.
    workers : int
        Processes.
    on_shard : callable, optional
        Told (done, total) after each shard.
    """
    old = os.umask(0o077)
    try:
        return generate.generate(seal.config, out, workers, on_shard)
    finally:
        os.umask(old)


def scratch() -> TemporaryDirectory[str]:
    """Folder for a world that is made only to be looked at; nobody else can enter it."""
    return TemporaryDirectory(prefix="siphonbench-")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
