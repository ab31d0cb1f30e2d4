"""Archetypes are data: this module knows the dials and reads the TOML files that set them.

A dial of level *cohort* is drawn once per group and says what its members share. A dial of level *account* is a
habit: it says how one account looks alone. Nothing below this module knows which archetype is an attack.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from generator import schema
from generator.config.parameters import CHOICES, COHORT_CHOICES, DIALS, SHARES, ParameterRange
from generator.errors import UserError

FOLDER = Path(__file__).parents[1] / "archetypes"
KINDS_FOLDER = Path(__file__).parents[1] / "kinds"


@dataclass(frozen=True)
class Archetype:
    """A kind of customer: ranges of its dials, weights of its choices, and the truth about it.

    Attributes
    ----------
    ranges : dict of str to Range
        For each dial that its file sets: "uniform" between two numbers, "log" likewise on the log scale,
        "lognormal" with a median and a log SD, "quantiles" by the values at `SHARES`. The others come from the
        account's kind of workload.
    choices : dict of str to tuple of float
        Weights over `CHOICES` and `COHORT_CHOICES`.
    tiers : dict of str to dict
        Ranges that an evasion tier replaces.
    """

    id: str
    title: str
    label: str
    ranges: dict[str, ParameterRange]
    choices: dict[str, tuple[float, ...]]
    tiers: dict[str, dict[str, ParameterRange]] = field(default_factory=dict)

    def tier(self, name: str, kind: str) -> dict[str, ParameterRange]:
        """Ranges of all dials in a tier ("": benign) for accounts with a kind of workload.

        Parameters
        ----------
        name : str
            Evasion tier; "" for benign ones.
        kind : str
            Kind of workload, one of `schema.KINDS`.
        """
        return kinds()[kind] | self.ranges | self.tiers.get(name, {})


@cache
def kinds() -> dict[str, dict[str, ParameterRange]]:
    """Ranges of all dials per kind of workload: what its file says, over the base, over the defaults."""
    faults: list[str] = []
    base = {name: ParameterRange(d.default, d.default, correlation=d.correlation) for name, d in DIALS.items()}
    base |= _ranges(_read(FOLDER / "base.toml")["dials"], faults)
    ranges = {k: base | _ranges(_read(KINDS_FOLDER / f"{k}.toml").get("dials", {}), faults) for k in schema.KINDS}
    if faults:
        raise UserError(f"{KINDS_FOLDER}: {len(faults)} faults: " + "; ".join(faults))
    return ranges


@cache
def archetypes() -> dict[str, Archetype]:
    """All archetypes by id, in the order of their ids."""
    base = _read(FOLDER / "base.toml")
    parsed = (parse(_read(f), base, f.name) for f in sorted(FOLDER.glob("[AB]*.toml")))
    return {a.id: a for a in parsed}


TERMS = ("channel", "payment_type", "email_type", "verification")
"""Choices that go with the subscription plan, in the order in which they are drawn."""


@cache
def plan_terms() -> dict[str, tuple[tuple[float, ...], ...]]:
    """What goes with each subscription plan: by choice of `TERMS`, a row of weights for each plan."""
    document = _read(FOLDER / "plans.toml")
    faults: list[str] = []
    terms = {t: tuple(_weights(t, document[p][t], faults) for p in CHOICES["plan"]) for t in TERMS}
    if faults:
        raise UserError(f"plans.toml: {len(faults)} faults: " + "; ".join(faults))
    return terms


@cache
def base_weights(choice: str) -> tuple[float, ...]:
    """Weights of a choice for archetypes that leave it out.

    Parameters
    ----------
    choice : str
        Key of `CHOICES` or `COHORT_CHOICES`.
    """
    return _weights(choice, _read(FOLDER / "base.toml")["choices"][choice], [])


def parse(document: dict[str, Any], base: dict[str, Any], where: str) -> Archetype:
    """Archetype from a parsed TOML document; what it leaves out comes from `base`.

    Parameters
    ----------
    document : dict
        Keys id, title, label, dials, choices, tiers.
    base : dict
        What all archetypes share.
    where : str
        What a fault names, such as a file.

    Raises
    ------
    UserError
        Lists every unknown or impossible dial and choice.
    """
    faults: list[str] = []
    ranges = _ranges(document.get("dials", {}), faults)
    tiers = {t: _ranges(d, faults) for t, d in document.get("tiers", {}).items()}
    choices = {}
    for name in CHOICES | COHORT_CHOICES:
        choices[name] = _weights(name, document.get("choices", {}).get(name) or base["choices"][name], faults)
    if document.get("label") not in schema.LABELS:
        faults.append(f"label: {document.get('label')!r} is none of {', '.join(schema.LABELS)}")
    if faults:
        raise UserError(f"{where}: {len(faults)} faults: " + "; ".join(faults))
    return Archetype(document["id"], document["title"], document["label"], ranges, choices, tiers)


def _weights(choice: str, weights: dict[str, Any], faults: list[str]) -> tuple[float, ...]:
    options = (CHOICES | COHORT_CHOICES)[choice]
    faults += [f"{choice}: unknown choice {o!r}" for o in weights if o not in options]
    row = tuple(float(weights.get(o, 0)) for o in options)
    if sum(row) <= 0:
        faults.append(f"{choice}: weights add up to 0")
    return row


def _ranges(dials: dict[str, Any], faults: list[str]) -> dict[str, ParameterRange]:
    ranges = {}
    for name, spec in dials.items():
        if name not in DIALS:
            faults.append(f"{name}: no such dial")
            continue
        ranges[name] = _range(name, spec, faults)
    return ranges


def _range(name: str, spec: dict[str, Any], faults: list[str]) -> ParameterRange:
    law, known = spec.get("law", "uniform"), DIALS[name]
    values = tuple(float(x) for x in spec["range"])
    a, b = values[0], values[-1]
    correlation = float(spec.get("correlation", known.correlation))
    if abs(correlation) > 1:
        faults.append(f"{name}: correlation {correlation:g} is outside -1..1")
    where = f"is outside {known.low:g}..{known.high:g} {known.unit}"
    if law == "quantiles":
        if len(values) != len(SHARES) or list(values) != sorted(values):
            faults.append(f"{name}: quantiles must be {len(SHARES)} ascending values, at {SHARES}")
            values = (values + values[-1:] * len(SHARES))[: len(SHARES)]
        elif not known.low <= a <= b <= known.high:
            faults.append(f"{name}: {law} {a:g}..{b:g} {where}")
        return ParameterRange(a, b, law, values, correlation)
    if (
        law not in ("uniform", "log", "lognormal")
        or not known.low <= a <= known.high
        or (law == "lognormal" and b < 0)
    ):
        faults.append(f"{name}: {law} {a:g}..{b:g} {where}")
    elif law != "lognormal" and not a <= b <= known.high:
        faults.append(f"{name}: {a:g}..{b:g} {where}")
    return ParameterRange(a, b, law, correlation=correlation)


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))
