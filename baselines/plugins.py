"""Detectors from elsewhere: by module and class, or installed with an entry point; imported when they are used."""

from __future__ import annotations

import importlib
import inspect
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from baselines.base.detector import Detector
from baselines.registry import DETECTORS, GROUP, NAMES, SKIPPED, UPPER_BOUNDS, WITH_WEIGHTS
from generator.errors import UserError


def find(name: str) -> type[Detector]:
    """A detector by name, or by module:Class.

    Parameters
    ----------
    name : str
        Key of the registry, name of an installed entry point, or e.g. "mymodule:MyDetector"; the module is
        looked for in the current folder as well.

    Returns
    -------
    type of Detector
        The class, imported.

    Raises
    ------
    UserError
        If there is none, importing it fails, or it needs a package that is not installed.

    Examples
    --------
    >>> find("volume").__name__
    'Volume'
    >>> find("baselines.detectors.trivial.volume:Volume") is find("volume")
    True
    """
    for catalogue in (DETECTORS, UPPER_BOUNDS, WITH_WEIGHTS):
        if name in catalogue:
            return catalogue[name]
    if name in SKIPPED:
        raise UserError(f"detector {name} can't be run here: it {SKIPPED[name]}")
    module, colon, attribute = name.partition(":")
    if colon:
        return _detector(name, _imported(name, module), attribute)
    entries = installed()
    if name in entries:
        return load(entries[name])
    raise UserError(
        f"no detector {name!r}: choose from {', '.join([*DETECTORS, *entries])}, or name a class of your own as "
        "mymodule:MyDetector"
    )


def installed() -> dict[str, metadata.EntryPoint]:
    """Entry points of installed packages by name; those that take a built-in detector's name are left out."""
    entries = sorted(metadata.entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    return {entry.name: entry for entry in entries if entry.name not in NAMES}


def load(entry: metadata.EntryPoint) -> type[Detector]:
    """The class that an entry point names.

    Parameters
    ----------
    entry : importlib.metadata.EntryPoint
        As `installed` gives it.

    Returns
    -------
    type of Detector
        The class, imported.

    Raises
    ------
    UserError
        If importing it fails, or it calls itself otherwise.
    """
    label = f"{entry.name} ({entry.value})"
    kind = _detector(label, _imported(label, entry.module), entry.attr)
    if kind.name != entry.name:
        raise UserError(
            f"detector {label} calls itself {kind.name!r}: give its entry point in the group {GROUP} that name"
        )
    return kind


def everything(task: str | None = None) -> dict[str, type[Detector]]:
    """All detectors that stand on a board: built in, and installed.

    Parameters
    ----------
    task : str, optional
        Only those that answer it.

    Returns
    -------
    dict of str to type of Detector
        Class by name.

    Raises
    ------
    UserError
        If an installed one can't be loaded.
    """
    kinds = {**DETECTORS} | {name: load(entry) for name, entry in installed().items()}
    return {name: kind for name, kind in kinds.items() if task is None or task in kind.tasks}


def _imported(label: str, module: str) -> Any:
    if not module.strip("."):
        raise UserError(f"detector {label!r} names no module: write e.g. mymodule:MyDetector")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        where = f"{module!r} or a module that it imports" if isinstance(error, ImportError) else repr(module)
        message = str(error).strip().partition("\n")[0] or "no message"
        raise UserError(
            f"detector {label}: importing {where} from {here} failed with {type(error).__name__}: {message}; mend "
            "the module, or install it in this environment"
        ) from error


def _detector(label: str, module: Any, attribute: str) -> type[Detector]:
    kind = getattr(module, attribute, None) if attribute else None
    if isinstance(kind, type) and issubclass(kind, Detector):
        if missing := sorted(kind.__abstractmethods__):
            raise UserError(
                f"detector {label}: {attribute} has no method {', '.join(missing)}; write what is missing"
            )
        if unset := [a for a in ("name", "description", "source", "fields") if not hasattr(kind, a)]:
            raise UserError(
                f"detector {label}: {attribute} does not declare {', '.join(unset)}; write what is missing"
            )
        return kind
    known = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Detector)]
    own = [n for n in known if not inspect.isabstract(getattr(module, n))]
    raise UserError(
        f"detector {label}: {attribute or 'the text after the colon'} is no class that extends "
        f"baselines.base.detector.Detector; {module.__name__} has {', '.join(own) or 'none'}"
    )
