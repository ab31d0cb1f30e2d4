"""Ranges of dials as people write them: a number, [low, high], [a, b, law], or { range = [a, b], law = ... }."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from generator.config.parameters import DIALS, SHARES, ParameterRange
from generator.schema import TIERS

LAWS = ("uniform", "log", "lognormal", "quantiles")
_LARGEST = 1e300  # of any number in a range: NaN and infinity are not below it
_SHOWN = 80  # letters of a faulty value that a sentence repeats
TIMES = "times"  # not a law of its own: the one below it, multiplied
_FORMS = (
    "write a number, [low, high], { range = [a, b], law = 'uniform', 'log' or 'lognormal' }, "
    "or { times = a } to multiply what it is otherwise"
)


def parse(dial: str, spec: Any) -> ParameterRange:
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
        raise ValueError(f"no such dial{suggestion(dial, DIALS)}")
    law_range = _read(spec)
    a, b, law, values = law_range[:4]
    known = DIALS[dial]
    bounds = f"{known.low:g} to {known.high:g} {known.unit}".removesuffix(" 1")
    if law == TIMES:
        if not 0 < a <= 1000:
            raise ValueError(f"times {a:g} is outside 0 to 1000")
    elif law == "lognormal":
        if not known.low <= a <= known.high or not 0 <= b <= 5:
            raise ValueError(f"median {a:g} and log SD {b:g} must lie in {bounds} and in 0 to 5")
    elif not known.low <= a <= b <= known.high:
        wrong = "is written from high to low" if a > b else f"is outside {bounds}"
        raise ValueError(f"{a:g} {wrong}" if a == b else f"{a:g} to {b:g} {wrong}")
    elif law == "log" and a <= 0:
        raise ValueError(f"{a:g} to {b:g} has no logarithm: begin above 0, or use the law uniform")
    elif law == "quantiles" and list(values) != sorted(values):
        raise ValueError(f"{list(values)} must ascend: they are the values at the shares {SHARES}")
    return law_range


def overlaid(own: ParameterRange, below: ParameterRange) -> ParameterRange:
    """What holds where a range is laid over another: itself, or the other multiplied; correlated as the other.

    Parameters
    ----------
    own : ParameterRange
        What is laid over.
    below : ParameterRange
        What holds otherwise.
    """
    if own.law != TIMES:
        return own._replace(correlation=below.correlation)
    factor = own.low
    high = below.high if below.law == "lognormal" else factor * below.high
    values = tuple(factor * v for v in below.values)
    return below._replace(low=factor * below.low, high=high, values=values)


def suggestion(name: str, known: Any) -> str:
    """Hint at the known name that a misspelt one is nearest to; empty if none is.

    Parameters
    ----------
    name : str
        As it was written.
    known : iterable of str
        What there is.

    Examples
    --------
    >>> suggestion("acounts", ["accounts", "days"])
    ' (did you mean accounts?)'
    """
    near = get_close_matches(str(name), list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def shown(value: Any) -> str:
    """A faulty value as a sentence repeats it, cut where it is long.

    Parameters
    ----------
    value : object
        Whatever was written.

    Examples
    --------
    >>> shown("a"), len(shown("a" * 10_000))
    ("'a'", 83)
    """
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def flattened(overlay: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Overlay with keys such as "A1.evasive", also where TOML made two tables of that.

    Parameters
    ----------
    overlay : dict of str to dict
        Dials, or tiers of dials, by archetype.

    Examples
    --------
    >>> flattened({"A1": {"evasive": {"rate": 3}, "session": 2}})
    {'A1.evasive': {'rate': 3}, 'A1': {'session': 2}}
    """
    flat: dict[str, dict[str, Any]] = {}
    for name, dials in overlay.items():
        for dial, spec in dials.items():
            nested = dial in TIERS and isinstance(spec, dict)
            inner = {f"{name}.{dial}": spec} if nested else {name: {dial: spec}}
            for key, specs in ((key, specs) for key, specs in inner.items() if specs):
                flat[key] = flat.get(key, {}) | specs
    return flat


def _read(spec: Any) -> ParameterRange:
    numbers: Any = [spec, spec]
    law, correlation = "uniform", 0.0
    if isinstance(spec, dict) and set(spec) == {TIMES}:
        numbers, law = [spec[TIMES], spec[TIMES]], TIMES
    elif isinstance(spec, dict):
        law = spec.get("law", law)
        numbers = spec.get("range", []) if set(spec) <= {"range", "law", "unit", "source"} else []
    elif isinstance(spec, list | tuple) and len(spec) == len(ParameterRange._fields):  # as JSON keeps one
        law = spec[2]
        numbers = spec[3] if law == "quantiles" else spec[:2]
        correlation = spec[4] if _are_numbers(spec[4:], 1) and abs(spec[4]) <= 1 else math.nan
    elif isinstance(spec, list | tuple):
        numbers = list(spec)
    wanted = len(SHARES) if law == "quantiles" else 2
    sound = law in (*LAWS, TIMES) and isinstance(numbers, list | tuple) and _are_numbers(numbers, wanted)
    if not sound or math.isnan(correlation):
        raise ValueError(f"{shown(spec)} is no range: {_FORMS}")
    floats = tuple(map(float, numbers))
    values = {"values": floats} if law == "quantiles" else {}
    return ParameterRange(floats[0], floats[-1], law, correlation=float(correlation), **values)


def _are_numbers(values: Sequence[Any], wanted: int) -> bool:
    return len(values) == wanted and all(
        isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= _LARGEST for x in values
    )
