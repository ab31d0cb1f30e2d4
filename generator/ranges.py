"""Ranges of dials as people write them: a number, [low, high], [a, b, law], or { range = [a, b], law = ... }."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

from generator.archetypes import DIALS, Range
from generator.schema import TIERS

LAWS = ("uniform", "log", "lognormal")
_FORMS = "write a number, [low, high], or { range = [a, b], law = 'uniform', 'log' or 'lognormal' }"


def parse(dial: str, spec: Any) -> Range:
    """Range of a dial, checked against the dial's bounds.

    Parameters
    ----------
    dial : str
        Key of `DIALS`.
    spec : number, list or dict
        What was written; a number fixes the dial.

    Raises
    ------
    ValueError
        Says what is wrong and what may be written.
    """
    if dial not in DIALS:
        raise ValueError(f"no such dial{like(dial, DIALS)}")
    a, b, law = _parts(spec)
    known = DIALS[dial]
    bounds = f"{known.low:g} to {known.high:g} {known.unit}".removesuffix(" 1")
    if law == "lognormal":
        if not known.low <= a <= known.high or not 0 <= b <= 5:
            raise ValueError(f"median {a:g} and log SD {b:g} must lie in {bounds} and in 0 to 5")
    elif not known.low <= a <= b <= known.high:
        wrong = "is written from high to low" if a > b else f"is outside {bounds}"
        raise ValueError(f"{a:g} {wrong}" if a == b else f"{a:g} to {b:g} {wrong}")
    elif law == "log" and a <= 0:
        raise ValueError(f"{a:g} to {b:g} has no logarithm: begin above 0, or use the law uniform")
    return a, b, law


def like(name: str, known: Any) -> str:
    """Hint at the known name that a misspelt one is nearest to; empty if none is."""
    near = get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def flat(overlay: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Overlay with keys such as "A1.evasive", also where TOML made two tables of that."""
    found: dict[str, dict[str, Any]] = {}
    for name, dials in overlay.items():
        for dial, spec in dials.items():
            nested = dial in TIERS and isinstance(spec, dict)
            inner = {f"{name}.{dial}": spec} if nested else {name: {dial: spec}}
            for key, specs in inner.items():
                found[key] = found.get(key, {}) | specs
    return found


def _parts(spec: Any) -> Range:
    parts = spec
    if isinstance(parts, dict) and {"range"} <= set(parts) <= {"range", "law", "unit", "source"}:
        pair = parts["range"]
        parts = [*pair, parts.get("law", "uniform")] if isinstance(pair, list | tuple) else pair
    if not isinstance(parts, list | tuple):
        parts = (parts, parts)
    if len(parts) == 2:
        parts = (*parts, "uniform")
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in parts[:2])
    if len(parts) != 3 or not numbers or parts[2] not in LAWS:
        raise ValueError(f"{spec!r} is no range: {_FORMS}")
    return float(parts[0]), float(parts[1]), str(parts[2])
