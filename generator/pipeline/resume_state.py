"""How a dataset is begun: anew, or from what a run that was killed has left of the same one."""

from __future__ import annotations

import json
import math
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from generator.config.dataset_config import Config
from generator.errors import UserError
from generator.manifest import MANIFEST
from generator.pipeline.folder_target import WORK, Folder, check_free
from generator.pipeline.forecast import BYTES_PER_PROMPT, ExpectedRows, expected_rows
from generator.pipeline.targets import Target
from generator.rng import keyed_streams

_PACKAGES = ("siphonbench", "numpy", "pyarrow", "faker")
_RECORD = f"{WORK}/record.json"
_SPARE = 1.15  # of the disk space expected: better a warning too early than a full disk


def begin(config: Config, at: Target, resume: bool, memory: float = math.inf) -> bool:
    """Make room, and record what is begun; whether all is done already.

    Parameters
    ----------
    config : Config
        What to make.
    at : Target
        Where to.
    resume : bool
        Whether to go on from what is there.
    memory : float
        Bytes that each worker may take.

    Raises
    ------
    UserError
        If the place is not free, what is there is part of another dataset, or disk or memory are too small.
    """
    record = _record(config)
    if resume and _whole(at, record):
        return True
    if isinstance(at, Folder):
        check_free(at.out)
    left, sizes = at.read(_RECORD), at.sizes()
    if resume:
        _check_left(at, left, record, sizes)
    elif isinstance(at, Folder):
        at.clear()
        sizes = {}
    elif sizes:
        remedy = "go on with --resume, or remove them" if left else "choose another address, or remove them"
        raise UserError(f"--out {at.name} holds {len(sizes)} files already: {remedy}")
    rows = expected_rows(config)
    _check_memory(config, rows, memory)
    _check_room(list(rows.values()), at, sum(sizes.values()))
    at.prepare()
    at.write(_RECORD, _recorded(config))
    return False


def check_own(config: Config, at: Target) -> None:
    """Whether the files there are still those of this run: an address has no lock that keeps others away.

    Parameters
    ----------
    config : Config
        What is being made.
    at : Target
        Where.

    Raises
    ------
    UserError
        If another run has begun there meanwhile.
    """
    if at.read(_RECORD) != _recorded(config):
        raise UserError(
            f"{at.name}: another run has begun to write there: choose another place for one of the two"
        )


def _recorded(config: Config) -> bytes:
    return json.dumps(_record(config)).encode()


def _check_memory(config: Config, rows: dict[str, ExpectedRows], memory: float) -> None:
    """Refuse to begin buckets that a worker can't hold."""
    split, most = max(rows.items(), key=lambda item: item[1].memory)
    need, each = most.memory / config.buckets, most.requests / config.buckets
    if need > memory:
        enough = math.ceil(most.memory / memory)
        raise UserError(
            f"buckets: {config.buckets} of {split} hold about {each / 1e6:,.1f} million requests "
            f"each, which take {need / 1e9:,.1f} GB, and a worker may take {memory / 1e9:,.1f} GB: raise buckets "
            f"to {enough:,}, or take fewer workers"
        )


def _check_room(rows: list[ExpectedRows], at: Target, used: int) -> None:
    """Refuse to begin what the disk has no room for."""
    free = at.free()
    if free is None:
        return
    need = _SPARE * sum(n.disk for n in rows) - used
    if free < need:
        prompts = sum(n.prompts for n in rows)
        room = f", {prompts * BYTES_PER_PROMPT / 1e9:.1f} of them for {prompts:,.0f} prompts as text"
        texts = room if prompts else ""
        raise UserError(
            f"--out {at.name}: about {need / 1e9:.1f} GB are needed{texts}, and {free / 1e9:.1f} GB are free; "
            f"choose another disk{', --text none' * (prompts > 0)} or a smaller preset"
        )


def is_of(manifest: bytes, config: Config) -> bool:
    """Whether a manifest is that of a configuration, made with these versions.

    Parameters
    ----------
    manifest : bytes
        Content of its file.
    config : Config
        The configuration.
    """
    return _agrees(manifest, _record(config))


def _record(config: Config) -> dict[str, Any]:
    """What leftovers have to agree on for their bytes to fit together."""
    key = {"key": keyed_streams.derive(config.secret, "resume")} if config.secret else {}
    return {"name": name(config), "config_digest": config.digest, "versions": versions()} | key


def _whole(at: Target, record: dict[str, Any]) -> bool:
    """Whether the dataset is there but for its name: a kill can come as late as that."""
    if "key" in record:  # a manifest tells nothing of a secret
        return False
    if isinstance(at, Folder) and (at.out / MANIFEST).is_file():
        complete = _agrees((at.out / MANIFEST).read_bytes(), record)
        if complete:
            at.clear()
        return complete
    content = at.read(MANIFEST)
    if content is None or not _agrees(content, record):
        return False
    at.publish()
    return True


def _agrees(manifest: bytes, record: dict[str, Any]) -> bool:
    try:
        document = json.loads(manifest)
    except ValueError:
        return False
    return isinstance(document, dict) and all(document.get(key) == value for key, value in record.items())


def _check_left(at: Target, left: bytes | None, record: dict[str, Any], sizes: dict[str, int]) -> None:
    """Refuse to go on from what is no part of this dataset."""
    if left is None and not sizes:
        return
    try:
        previous = json.loads(left or b"")
        differing = [key for key in record | previous if previous.get(key) != record.get(key)]
    except (ValueError, TypeError, AttributeError):
        raise UserError(
            f"{at.name} holds {len(sizes)} files and no record of what they are part of: remove them, or leave "
            "out --resume to begin anew"
        ) from None
    if differing:
        was, now = ({n: r.get(n) for n in differing} for r in (previous, record))
        raise UserError(
            f"{at.name} holds part of another dataset: {json.dumps(was)} where this run has {json.dumps(now)}; "
            "give the configuration and the versions that it was begun with, or remove it to begin anew"
        )


def name(config: Config) -> str:
    """Name of a dataset, as its manifest has it.

    Parameters
    ----------
    config : Config
        What it is made from.
    """
    return f"{config.name}-seed{config.seed}"


def versions() -> dict[str, str]:
    """Versions that bytes depend on."""
    return {"python": platform.python_version(), **{p: _version(p) for p in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
