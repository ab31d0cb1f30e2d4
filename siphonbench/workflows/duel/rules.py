"""What an operator of a duel may write: campaigns within their archetypes' dials, nothing of the world."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from generator.config import dataset_config, distributions, validation
from generator.config.archetypes import archetypes
from generator.config.dataset_config import Config
from generator.config.parameters import DIALS, ParameterRange
from generator.errors import UserError
from generator.schema import KINDS

NONE = {"campaigns": 0, "extraction_accounts": 0, "least_campaigns": 0}
_OPEN = ("preset", "name", "seed", "cohorts", *NONE)
_SDS = 2.0  # of a lognormal dial that an operator may go from its median


def read(file: Path) -> dict[str, Any]:
    """Read an operator's file.

    Parameters
    ----------
    file : Path
        TOML.

    Raises
    ------
    UserError
        If it can't be read as TOML.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read as TOML: {error}") from error


def plan(document: dict[str, Any], where: str, preset: str | None = None, seed: int | None = None) -> Config:
    """The test world of a preset with the operator's campaigns in place of its own.

    Parameters
    ----------
    document : dict
        As `read` gives it: preset, name, seed, cohorts.
    where : str
        Name of the file, for messages.
    preset, seed : str, int, optional
        They take the place of the document's.

    Raises
    ------
    UserError
        With every fault at once.
    """
    document = document | ({"preset": preset} if preset else {}) | ({} if seed is None else {"seed": seed})
    merged = dataset_config.over_preset(document, where) | {"splits": ["test"]}
    problems = validation.faults(merged, [f.name for f in fields(Config) if f.name != "secret"])
    problems += faults(document, dataset_config.preset(document.get("preset", "nano"))["extraction_accounts"])
    if problems:
        raise UserError(f"{where}: {len(problems)} fault{'s' * (len(problems) > 1)}: " + "; ".join(problems))
    return dataset_config.from_dict(merged | NONE, where)


def allowed(archetype: str) -> dict[str, tuple[float, float]]:
    """Ends within which an operator may set each dial of an archetype.

    Parameters
    ----------
    archetype : str
        "A1" to "A9".

    Returns
    -------
    dict of str to tuple of float
        Lowest and highest value, in the dial's unit, by the dial's name.

    Raises
    ------
    UserError
        If it is no campaign's archetype.
    """
    known = archetypes().get(archetype)
    if known is None or known.label != "extraction":
        raise UserError(f"archetype {archetype!r} is no campaign: choose one of A1 to A9")
    return {dial: _ends(dial, _below(archetype, dial)) for dial in DIALS}


def faults(document: dict[str, Any], most: int) -> Iterator[str]:
    """Find what an operator may not do, beside what nobody may.

    Parameters
    ----------
    document : dict
        As for `plan`.
    most : int
        Accounts that an operator may have.

    Yields
    ------
    str
        One sentence per fault.
    """
    keys = {f.name for f in fields(Config)}
    for key in document:
        if key in NONE and document[key] != 0:
            yield f"{key}: {document[key]!r} must be 0: an operator's campaigns stand in [[cohorts]]"
        elif key in keys and key not in _OPEN:
            yield f"{key}: belongs to the world, which the operator can't change: leave it out"
    cohorts = document.get("cohorts", [])
    if not isinstance(cohorts, list) or not all(isinstance(c, dict) for c in cohorts):
        return
    if not cohorts:
        yield "cohorts: there are none: write at least one campaign, e.g. with: siphonbench scenario new"
    sizes = [c["accounts"] for c in cohorts if type(c.get("accounts")) is int]
    if sum(sizes) > most:
        yield f"cohorts: {sum(sizes):,} accounts are more than the {most:,} that this preset gives an operator"
    for i, cohort in enumerate(cohorts):
        archetype = archetypes().get(str(cohort.get("archetype")))
        if archetype and archetype.label != "extraction":
            yield f"cohorts[{i}].archetype: {archetype.id} is no campaign: choose one of A1 to A9"
        elif archetype and isinstance(cohort.get("dials", {}), dict):
            yield from _outside(f"cohorts[{i}].dials", archetype.id, cohort.get("dials", {}))


def _outside(where: str, archetype: str, dials: dict[str, Any]) -> Iterator[str]:
    for dial, spec in dials.items():
        try:
            own = distributions.parse(dial, spec)
        except ValueError:
            continue  # a fault of the config
        below = _below(archetype, dial)
        low, high = _ends(dial, below)
        for first, last in {
            _span(dial, distributions.overlaid(own, b))
            for b in (below if own.law == distributions.TIMES else below[:1])
        }:
            slack = 1e-6 * max(abs(low), abs(high))
            if first < low - slack or last > high + slack:
                asked = f"{first:g}" if first == last else f"{first:g} to {last:g}"
                unit = DIALS[dial].unit.removesuffix("1") if DIALS[dial].unit == "1" else f" {DIALS[dial].unit}"
                yield f"{where}.{dial}: {asked} is outside {low:g} to {high:g}{unit}, which {archetype} allows"
                break


def _below(archetype: str, dial: str) -> list[ParameterRange]:
    """A dial's ranges in all tiers of an archetype and kinds of workload."""
    known = archetypes()[archetype]
    return [known.tier(tier, kind)[dial] for tier in ("", *known.tiers) for kind in KINDS]


def _ends(dial: str, below: list[ParameterRange]) -> tuple[float, float]:
    spans = [_span(dial, r) for r in below]
    return min(low for low, _ in spans), max(high for _, high in spans)


def _span(dial: str, r: ParameterRange) -> tuple[float, float]:
    """Ends of a range; of a lognormal one, so many SDs around its median, within the dial's bounds."""
    if r.law != "lognormal":
        return r.low, r.high
    ends = (r.low * math.exp(sign * _SDS * r.high) for sign in (-1, 1))
    low, high = (min(max(x, DIALS[dial].low), DIALS[dial].high) for x in ends)
    return low, high
