"""What a fitted detector's folder says about itself."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from baselines.base import parameters
from baselines.base.detector import Detector
from generator import schema

FORMAT = 1
LICENCE = "CC-BY-4.0"
"""As of the data that a detector was fitted on."""

_PACKAGES = ("numpy", "polars", "scikit-learn", "scipy", "xgboost")
_KEYS: Mapping[str, type] = {
    "format": int,
    "detector": str,
    "version": str,
    "seed": int,
    "params": dict,
    "fields": list,
    "field_groups": str,
    "training": list,
    "licence": str,
    "environment": dict,
    "sha256": dict,
    "state": dict,
}
_SEEDS = 1 << 32  # what scikit-learn takes


@dataclass(frozen=True)
class TrainingData:
    """A world that a detector was fitted on.

    Attributes
    ----------
    dataset, digest, split : str
        Name of the dataset, content hash of its public tables, and which of its splits.
    hidden : str
        Columns that were hidden from it, with spaces between; "" for none.
    """

    dataset: str
    digest: str
    split: str
    hidden: str = ""


def compose(
    detector: Detector, training: Iterable[TrainingData], state: Any, sha256: Mapping[str, str]
) -> dict[str, Any]:
    """Describe a fitted detector.

    Parameters
    ----------
    detector : Detector
        Fitted.
    training : iterable of TrainingData
        What it was fitted on.
    state : object
        What it has learnt, as `plain_values.pack` gives it.
    sha256 : mapping of str to str
        Digest of each file beside the manifest.

    Returns
    -------
    dict of str to object
        Plain JSON.
    """
    return {
        "format": FORMAT,
        "detector": detector.name,
        "version": package_version(),
        "seed": detector.seed,
        "params": parameters.of(detector),
        "fields": list(detector.fields),
        "field_groups": schema.field_groups(detector.fields),
        "training": [asdict(t) for t in training],
        "licence": LICENCE,
        "environment": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
        "sha256": dict(sha256),
        "state": state,
    }


def checked(document: Any, files: Sequence[str]) -> dict[str, Any]:
    """A manifest of this format and version.

    Parameters
    ----------
    document : object
        JSON of any origin.
    files : sequence of str
        Names of the files beside it.

    Returns
    -------
    dict of str to object
        As `compose` gives it; which detector it is and what it declares is not looked at.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"its format is {str(found)[:20]}, not {FORMAT}")
    if odd := sorted(set(document) ^ set(_KEYS)):
        raise ValueError(f"its manifest lacks, or has besides what it may have, {', '.join(odd)[:80]}")
    if wrong := [k for k, kind in _KEYS.items() if type(document[k]) is not kind]:
        raise ValueError(f"its manifest has another kind of value for {', '.join(wrong)}")
    if document["version"] != package_version():
        raise ValueError(
            f"it is of version {document['version'][:20]}, and this is {package_version()}: features may differ"
        )
    if not 0 <= document["seed"] < _SEEDS:
        raise ValueError(f"its seed is not from 0 to {_SEEDS - 1}")
    texts = ("sha256", files), ("environment", document["environment"])
    for name, keys in texts:
        if set(document[name]) != set(keys) or not all(isinstance(v, str) for v in document[name].values()):
            raise ValueError(f"its {name} does not say one text for each of {', '.join(keys)[:80]}")
    names = set(TrainingData.__annotations__)
    for world in document["training"]:
        if (
            not isinstance(world, dict)
            or set(world) != names
            or not all(isinstance(v, str) for v in world.values())
        ):
            raise ValueError(f"its training data has not a text for each of {', '.join(sorted(names))}")
    return document


def package_version() -> str:
    """Version of this package; "source" where it is not installed."""
    try:
        return version("siphonbench")
    except PackageNotFoundError:
        return "source"
