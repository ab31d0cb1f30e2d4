"""Groups of assumed dials: read from a table, checked, and turned into what a scenario says."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from generator.config import distributions
from generator.config.archetypes import archetypes
from generator.config.parameters import DIALS, ParameterRange
from generator.errors import UserError
from generator.schema import KINDS, TIERS

SHIPPED = Path(__file__).with_name("groups.toml")
PUBLISHED = 1.0
"""Level at which everything is as the preset has it."""
_LABEL = {"campaigns": ("extraction",), "benign": ("benign", "grey"), "all": ("extraction", "benign", "grey")}
_SCALED = ("accounts", "extraction_accounts", "campaigns", "rate_cap")


@dataclass(frozen=True)
class DialGroup:
    """Dials that are moved together.

    Attributes
    ----------
    name, title : str
        Key in the table, and what a higher level means.
    low, high : float
        Levels that it is moved to; 0 and 1 of a switch.
    archetypes : str
        Whose dials: "campaigns", "benign" or "all".
    dials : dict of str to float
        Powers of the level by which ranges are multiplied.
    mix : tuple of str
        Archetypes whose shares are multiplied by the level.
    settings : dict of str to float
        Powers for numbers of the preset.
    observed : bool
        Whether it is the switch from true to observed labels.
    """

    name: str
    title: str
    low: float
    high: float
    archetypes: str = "all"
    dials: dict[str, float] = field(default_factory=dict)
    mix: tuple[str, ...] = ()
    settings: dict[str, float] = field(default_factory=dict)
    observed: bool = False

    def level(self, share: float) -> float:
        """Level at a share of the way from low to high, on the scale of logarithms; of a switch, the nearer end.

        Parameters
        ----------
        share : float
            From 0 to 1.

        Examples
        --------
        >>> DialGroup("links", "", 0.5, 2).level(0.5)
        1.0
        """
        if self.observed:
            return float(round(share))
        return round(float(self.low ** (1 - share) * self.high**share), 6)

    @property
    def ids(self) -> tuple[str, ...]:
        """Archetypes whose dials it moves."""
        return tuple(a.id for a in archetypes().values() if a.label in _LABEL[self.archetypes])


def read(file: Path = SHIPPED) -> dict[str, DialGroup]:
    """Read a table of groups.

    Parameters
    ----------
    file : Path
        TOML, a table a group, as `groups.toml` beside this module.

    Returns
    -------
    dict of str to DialGroup
        In the order of the file.

    Raises
    ------
    UserError
        If it can't be read, or with all of its faults at once.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read as TOML: {error}; start from a copy of {SHIPPED}") from error
    faults = [fault for name, table in document.items() for fault in _table_faults(name, table)]
    if not faults:
        known = {name: DialGroup(name, **t | {"mix": tuple(t.get("mix", ()))}) for name, t in document.items()}
        faults = [fault for group in known.values() for fault in _level_faults(group)]
    if faults or not document:
        raise UserError(f"{file}: {'; '.join(faults) or 'holds no group: write at least one table'}")
    return known


def chosen(known: Mapping[str, DialGroup], names: Sequence[str]) -> dict[str, DialGroup]:
    """Some groups, in the table's order; all if none is named.

    Parameters
    ----------
    known : mapping of str to DialGroup
        As `read` gives it.
    names : sequence of str
        Names of groups.

    Raises
    ------
    UserError
        If there is no such group.
    """
    if unknown := [n for n in names if n not in known]:
        hint = distributions.suggestion(unknown[0], known)
        raise UserError(f"no group {unknown[0]!r}{hint}: choose of {', '.join(known)}")
    return {name: group for name, group in known.items() if name in names or not names}


def _table_faults(name: str, table: Any) -> Iterator[str]:
    """What keeps a table from being a group: keys and kinds of values."""
    keys = [f.name for f in fields(DialGroup) if f.name != "name"]
    if not isinstance(table, dict):
        yield f"{name}: stands outside a table: write [NAME] of a group above"
        return
    yield from (f"{name}.{k}: no such key{distributions.suggestion(k, keys)}" for k in table if k not in keys)
    yield from (f"{name}.{k}: missing" for k in ("title", "low", "high") if k not in table)
    levels = [table.get(k, PUBLISHED) for k in ("low", "high")]
    if not all(map(_is_number, levels)):
        yield f"{name}: low and high must be numbers, not {levels[0]!r} and {levels[1]!r}"
    for key in ("dials", "settings"):
        powers = table.get(key, {})
        if not isinstance(powers, dict) or not all(map(_is_number, powers.values())):
            yield f"{name}.{key}: must give each name a power of the level, such as 1 or -1"
    mix = table.get("mix", [])
    if not isinstance(mix, list) or not all(isinstance(a, str) for a in mix):
        yield f"{name}.mix: must be a list of archetypes"
    if table.get("archetypes", "all") not in _LABEL:
        yield f"{name}.archetypes: {table['archetypes']!r} is none of {', '.join(_LABEL)}"
    if not any(table.get(k) for k in ("dials", "mix", "settings", "observed")):
        yield f"{name}: moves nothing: give it dials, mix, settings or observed"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _level_faults(group: DialGroup) -> Iterator[str]:
    """What it can't move, and levels that nothing can have."""
    name = group.name
    unknown = [d for d in group.dials if d not in DIALS]
    yield from (f"{name}.dials.{d}: no such dial{distributions.suggestion(d, DIALS)}" for d in unknown)
    yield from (
        f"{name}.settings.{k}: is none of {', '.join(_SCALED)}" for k in group.settings if k not in _SCALED
    )
    benign = {a.id for a in archetypes().values() if a.label != "extraction"}
    yield from (f"{name}.mix: {a!r} is no benign archetype" for a in group.mix if a not in benign)
    if group.observed:
        if (group.low, group.high) != (0, 1):
            yield f"{name}: observed is a switch: give it low = 0 and high = 1"
        return
    if not 0 < group.low <= PUBLISHED <= group.high:
        yield f"{name}: low {group.low:g} and high {group.high:g} must lie above 0, on both sides of 1 or at it"
        return
    for level in (group.low, group.high):
        for dial, power in group.dials.items():
            if dial in DIALS and (fault := _outside(group, dial, level, level**power)):
                yield fault


def _outside(group: DialGroup, dial: str, level: float, factor: float) -> str:
    """Why a level can't be had: the factor is none, or takes a dial out of its bounds in all archetypes."""
    known = DIALS[dial]
    try:
        times = distributions.parse(dial, {distributions.TIMES: factor})
    except ValueError as error:
        return f"{group.name}: level {level:g}: {dial}: {error}"
    moved = [distributions.overlaid(times, r) for r in _ranges(group, dial)]
    middles = [r.low if r.law == "lognormal" else (r.low + r.high) / 2 for r in moved]
    if any(known.low <= middle <= known.high for middle in middles):
        return ""
    return (
        f"{group.name}: level {level:g} takes {dial} to {min(middles):g} to {max(middles):g} in the middle of all "
        f"{len(group.ids)} archetypes' ranges, outside its bounds {known.low:g} to {known.high:g}: choose a level "
        "nearer to 1"
    )


def _ranges(group: DialGroup, dial: str) -> list[ParameterRange]:
    """A dial's ranges in the archetypes of a group, where it is not at rest."""
    found = [
        archetype.tier(tier, kind)[dial]
        for archetype in (archetypes()[a] for a in group.ids)
        for tier in (TIERS if archetype.tiers else ("",))
        for kind in KINDS
    ]
    rest = DIALS[dial].default
    return [r for r in found if (r.low, r.high) != (rest, rest)] or found
