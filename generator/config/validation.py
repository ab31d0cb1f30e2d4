"""What can be wrong with a configuration: every fault at once, each with field, numbers and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from generator.config import distributions, feasibility
from generator.config.archetypes import archetypes
from generator.config.distributions import shown, suggestion
from generator.config.hands import HANDS
from generator.config.parameters import COHORT_CHOICES
from generator.schema import SPLITS, TEXTS, TIERS

BOUNDS = {
    "accounts": (50, 5_000_000),
    "extraction_accounts": (0, 1_000_000),
    "campaigns": (0, 10_000),
    "days": (1, 120),
    "quiet_days": (0, 60),
    "buckets": (1, 4096),
    "rate_cap": (1, 1_000_000),
    "least_campaigns": (0, 1000),
    "prompts_per_account": (1, 1_000_000),
    "seed": (0, 2**63 - 1),
}
_YEARS = (1970, 2200)  # whose times every reader of the tables can hold
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_NAMES = "must be letters, digits, dots, dashes, at most 61"
_COHORT = {
    "name": str,
    "archetype": str,
    "accounts": int,
    "tier": str,
    "target": str,
    "first_day": int,
    "days": int,
    "requests": int,
    "dials": dict,
}
_TYPES = {str: "text", int: "whole number", dict: "table"}
_NEEDED = ("name", "archetype", "accounts")
_Document = dict[str, Any]


def faults(document: _Document, known: Collection[str]) -> list[str]:
    """All faults of a configuration; what depends on a faulty key is not judged.

    Parameters
    ----------
    document : dict
        Plain values, as read from TOML.
    known : collection of str
        Keys that a configuration has.
    """
    faulty = [f"{k}: no such key{suggestion(k, known)}" for k in sorted(set(document) - set(known))]
    faulty += [f"{k}: missing" for k in sorted(set(known) - set(document))]
    for key in document:
        low_high = BOUNDS.get(key)
        faulty += _number(key, document[key], *low_high) if low_high else _OTHERS.get(key, _nothing)(document[key])
    bad = {re.split(r"[:.\[]", fault)[0] for fault in faulty}
    for needs, check in feasibility.CHECKS:
        if not bad & set(needs):
            faulty += check(document)
    return faulty


def _nothing(_: Any) -> Iterator[str]:
    yield from ()


def _number(key: str, value: Any, low: int, high: int) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        yield f"{key}: {shown(value)} is no whole number from {low:,} to {high:,}"


def _name(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        yield f"name: {shown(value)} {_NAMES}"


def _start(value: Any) -> Iterator[str]:
    try:
        start = datetime.fromisoformat(str(value))
    except ValueError:
        start = None
    if start is None or start.tzinfo:
        yield f"start: {shown(value)} is no date such as 2026-01-05"
    elif not _YEARS[0] <= start.year <= _YEARS[1]:
        yield f"start: {shown(value)} is outside the years {_YEARS[0]} to {_YEARS[1]}"


def _text(value: Any) -> Iterator[str]:
    if value not in TEXTS:
        yield f"text: {shown(value)} is none of {', '.join(TEXTS)}{suggestion(str(value), TEXTS)}"


def _hand(value: Any) -> Iterator[str]:
    if value not in list(HANDS):
        yield f"hand: {shown(value)} is none of {', '.join(HANDS)}{suggestion(str(value), HANDS)}"


def _labelled(extraction: bool) -> list[str]:
    return [a.id for a in archetypes().values() if (a.label == "extraction") == extraction]


def _list(key: str, value: Any, options: Collection[str]) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        yield f"{key}: {shown(value)} is no list of {', '.join(options)}"
        return
    for entry in dict.fromkeys(map(str, value)):
        if entry not in options:
            yield f"{key}: {shown(entry)} is none of {', '.join(options)}{suggestion(entry, options)}"
        elif [*map(str, value)].count(entry) > 1:
            yield f"{key}: {shown(entry)} stands twice"


def _splits(value: Any) -> Iterator[str]:
    yield from _list("splits", value, SPLITS)
    if value == []:
        yield f"splits: [] must be some of {', '.join(SPLITS)}"


def _mix(value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not all(_is_share(v) for v in value.values()):
        yield "mix: must give each archetype a share of 0 or more"
        return
    if abs(sum(value.values()) - 1) > 1e-6:
        yield f"mix: shares add up to {sum(value.values()):g}, not 1"
    benign = _labelled(extraction=False)
    for name in sorted(set(value) - set(benign)):
        yield f"mix.{name}: no benign archetype; choose from {', '.join(benign)}"


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9


def _overlay(value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        yield 'overlay: must be tables such as [overlay."A1.evasive"] of dials'
        return
    for name, dials in distributions.flattened(value).items():
        archetype, _, tier = name.partition(".")
        if archetype not in archetypes():
            yield f"overlay.{name}: {shown(archetype)} is none of {', '.join(archetypes())}"
        elif tier and (tier not in TIERS or archetype in _labelled(extraction=False)):
            yield f"overlay.{name}: only A archetypes have tiers, and these are {', '.join(TIERS)}"
        yield from _dials(f"overlay.{name}", dials)


def _dials(where: str, dials: dict[str, Any]) -> Iterator[str]:
    for dial, spec in dials.items():
        try:
            distributions.parse(dial, spec)
        except ValueError as error:
            yield f"{where}.{dial}: {error}"


def _cohorts(value: Any) -> Iterator[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(c, dict) for c in value):
        yield "cohorts: must be a list of tables [[cohorts]]"
        return
    names = [c.get("name") for c in value]
    yield from (
        f"cohorts: the name {shown(n)} stands twice" for n in dict.fromkeys(map(str, names)) if names.count(n) > 1
    )
    for i, cohort in enumerate(value):
        yield from _cohort(f"cohorts[{i}]", cohort)


def _cohort(where: str, cohort: _Document) -> Iterator[str]:
    yield from (f"{where}.{k}: no such key{suggestion(k, _COHORT)}" for k in cohort if k not in _COHORT)
    yield from (f"{where}.{k}: missing; a cohort needs {', '.join(_NEEDED)}" for k in _NEEDED if k not in cohort)
    sound: _Document = {k: v for k, v in cohort.items() if k in _COHORT and type(v) is _COHORT[k]}
    wrong = [k for k in cohort if k in _COHORT and k not in sound]
    yield from (f"{where}.{k}: {shown(cohort[k])} is no {_TYPES[_COHORT[k]]}" for k in wrong)
    if not NAME.fullmatch(sound.get("name", "x")):
        yield f"{where}.name: {shown(cohort['name'])} {_NAMES}"
    yield from _number(f"{where}.accounts", sound.get("accounts", 1), 1, 1_000_000)
    yield from _number(f"{where}.requests", sound.get("requests", 0), 0, 10_000_000_000)
    archetype, tier, target = (sound.get(k, "") for k in ("archetype", "tier", "target"))
    if archetype and archetype not in archetypes():
        yield f"{where}.archetype: {shown(archetype)} is none of {', '.join(archetypes())}"
    elif archetype and tier not in (TIERS if archetype in _labelled(extraction=True) else ("",)):
        yield f"{where}.tier: {shown(tier)}: give one of {', '.join(TIERS)} to A archetypes and none to others"
    if target and target not in COHORT_CHOICES["domain"]:
        yield f"{where}.target: {shown(target)} is none of {', '.join(COHORT_CHOICES['domain'])}"
    dials = sound.get("dials", {})
    yield from _dials(f"{where}.dials", dials)
    if sound.get("first_day", -1) >= 0 or sound.get("days", 0) > 0:
        twice = [d for d in ("window_start", "window_days", "quiet") if d in dials]
        yield from (f"{where}.dials.{d}: first_day and days set it already: leave one out" for d in twice)


_OTHERS: dict[str, Callable[[Any], Iterator[str]]] = {
    "name": _name,
    "start": _start,
    "text": _text,
    "hand": _hand,
    "splits": _splits,
    "mix": _mix,
    "overlay": _overlay,
    "cohorts": _cohorts,
    "campaign_archetypes": lambda v: _list("campaign_archetypes", v, _labelled(extraction=True)),
    "test_only_archetypes": lambda v: _list("test_only_archetypes", v, _labelled(extraction=True)),
}
