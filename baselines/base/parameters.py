"""Parameters of detectors by name: of the right type, and for files within what can be tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from baselines.base.detector import Detector
from generator.errors import UserError


def of(detector: Detector) -> dict[str, Any]:
    """Parameters of a detector but for its seed.

    Parameters
    ----------
    detector : Detector
        Fitted or not.

    Examples
    --------
    >>> from baselines.registry import DETECTORS
    >>> of(DETECTORS["random-forest"]())
    {'trees': 200, 'leaf': 5}
    """
    return {f.name: getattr(detector, f.name) for f in fields(detector) if f.init and f.name != "seed"}


def configured(kind: type[Detector], seed: int, params: Mapping[str, Any]) -> Detector:
    """Build a detector with parameters of its own.

    Parameters
    ----------
    kind : type of Detector
        Its class.
    seed : int
        Seed of the detector.
    params : mapping of str to object
        Its other parameters; what is left out keeps its default.

    Returns
    -------
    Detector
        Unfitted.

    Raises
    ------
    UserError
        If it has no such parameter, or not of this type; names every fault.
    """
    known, faults = of(kind(seed=seed)), []
    for key, value in params.items():
        if key not in known:
            faults.append(f"{key}: no such parameter; known are {', '.join(sorted(known)) or 'none'}")
            continue
        default = known[key]
        wanted = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(default, bool):
            faults.append(f"{key}: {value!r} is no {type(default).__name__} as the default {default!r} is")
    if faults:
        raise UserError(f"detector {kind.name}: {'; '.join(faults)}")
    return kind(seed=seed, **params)


def beyond_ranges(detector: Detector) -> str:
    """Which parameters are beyond the ranges that the detector declares; "" if none is.

    Within them a detector takes a bearable time and memory, which counts where somebody else has chosen them.

    Parameters
    ----------
    detector : Detector
        Fitted or not.

    Examples
    --------
    >>> from baselines.registry import DETECTORS
    >>> beyond_ranges(DETECTORS["random-forest"](trees=10**9))
    'trees is 1000000000, not from 50 to 500'
    """
    usual, faults = of(type(detector)()), []
    for name, value in of(detector).items():
        span = detector.ranges.get(name)
        if span and value != usual[name] and not span.low <= value <= span.high:
            faults.append(f"{name} is {value}, not from {span.low} to {span.high}")
    return "; ".join(faults)
