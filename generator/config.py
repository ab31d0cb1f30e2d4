"""What a dataset is made from: a validated configuration, read from presets or TOML files."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from generator.archetypes import archetypes
from generator.errors import UserError
from generator.schema import SPLITS, TIERS

_FOLDER = Path(__file__).with_name("presets")
PRESETS = tuple(sorted((f.stem for f in _FOLDER.glob("*.toml") if f.stem != "base"), key=["nano", "small"].index))

_BOUNDS = {
    "accounts": (50, 5_000_000),
    "extraction_accounts": (0, 1_000_000),
    "campaigns": (0, 10_000),
    "days": (1, 120),
    "buckets": (1, 4096),
    "quiet_days": (0, 60),
    "rate_cap": (1, 1_000_000),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True)
class ExtraCohort:
    """One more group of accounts, beside those of the mix.

    Attributes
    ----------
    name : str
        Unique name; keys all of its random streams.
    archetype, tier : str
        What it is; the tier is "" for benign ones.
    accounts : int
        Members.
    """

    name: str
    archetype: str
    accounts: int
    tier: str = ""


@dataclass(frozen=True)
class Config:
    """A validated configuration; equal configurations give equal bytes.

    Attributes
    ----------
    name, seed : str, int
        Preset or scenario, and the base seed.
    accounts, extraction_accounts, campaigns : int
        Per world; extraction accounts are part of the accounts.
    days : int
        Length of each world's window.
    buckets : int
        Account buckets, which are also the shards of generation.
    quiet_days : int
        Days at the start of each window on which no campaign collects.
    rate_cap : int
        Largest mean of requests per active day; keeps small presets small.
    start : str
        First day of the first window, ISO format.
    splits : tuple of str
        Worlds to make.
    mix : dict of str to float
        Share of the benign accounts per archetype.
    campaign_archetypes : tuple of str
        Archetypes that campaigns take in turn.
    cohorts : tuple of ExtraCohort
        More groups, in every world.
    """

    name: str
    seed: int
    accounts: int
    extraction_accounts: int
    campaigns: int
    days: int
    buckets: int
    quiet_days: int
    rate_cap: int
    start: str
    splits: tuple[str, ...]
    mix: dict[str, float]
    campaign_archetypes: tuple[str, ...]
    cohorts: tuple[ExtraCohort, ...] = ()

    def window(self, split: str) -> datetime:
        """First moment of a split's window, UTC."""
        first = datetime.fromisoformat(self.start).replace(tzinfo=UTC)
        return first + timedelta(days=self.days * SPLITS.index(split))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in the manifest."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def from_preset(name: str, seed: int = 0) -> Config:
    """Configuration of a preset.

    Raises
    ------
    UserError
        If there is no such preset, or the seed is out of range.
    """
    if name not in PRESETS:
        raise UserError(f"no preset {name!r}: choose {', '.join(PRESETS)}, or write a file and use --config")
    return from_dict(_toml(_FOLDER / f"{name}.toml") | {"seed": seed}, f"preset {name}")


def from_file(path: Path, seed: int | None = None) -> Config:
    """Configuration from a TOML file; `preset = "nano"` in it names what to start from.

    Raises
    ------
    UserError
        If the file can't be read, or with all of its faults at once.
    """
    try:
        document = _toml(path)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as TOML: {error}") from error
    preset = document.pop("preset", "nano")
    if preset not in PRESETS:
        raise UserError(f"{path}: preset: {preset!r} is none of {', '.join(PRESETS)}")
    merged = {"seed": 0, **_toml(_FOLDER / f"{preset}.toml"), **document}
    return from_dict(merged if seed is None else merged | {"seed": seed}, str(path))


def from_dict(document: dict[str, Any], where: str) -> Config:
    """Validated configuration from plain values; what is left out comes from the base preset.

    Raises
    ------
    UserError
        Lists every fault: unknown keys, wrong types, values out of range.
    """
    merged = _toml(_FOLDER / "base.toml") | document
    known = {f.name for f in fields(Config)}
    faults = [f"{k}: no such key" for k in sorted(set(merged) - known)]
    faults += [f"{k}: missing" for k in sorted(known - set(merged))]
    for name, (low, high) in _BOUNDS.items():
        value = merged.get(name, low)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            faults.append(f"{name}: {value!r} is no whole number from {low:,} to {high:,}")
    faults += _faults_of_lists(merged)
    if not faults:
        faults += _faults_between(merged)
    if faults:
        raise UserError(f"{where}: {len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults))
    extra = tuple(ExtraCohort(**c) for c in merged["cohorts"])
    lists = {k: tuple(merged[k]) for k in ("splits", "campaign_archetypes")}
    return replace(Config(**(merged | lists)), cohorts=extra, mix=dict(sorted(merged["mix"].items())))


def _faults_of_lists(merged: dict[str, Any]) -> list[str]:
    faults = []
    known = archetypes()
    try:
        datetime.fromisoformat(str(merged["start"]))
    except ValueError:
        faults.append(f"start: {merged['start']!r} is no date such as 2026-01-05")
    if not merged["splits"] or set(merged["splits"]) - set(SPLITS):
        faults.append(f"splits: {merged['splits']!r} must be some of {', '.join(SPLITS)}")
    if not isinstance(merged.get("name"), str) or not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", merged["name"]
    ):
        faults.append(f"name: {merged.get('name')!r} must be letters, digits, dots, dashes, at most 61")
    mix = merged["mix"]
    if not isinstance(mix, dict) or not all(isinstance(v, int | float) and v >= 0 for v in mix.values()):
        return [*faults, "mix: must give each archetype a share of 0 or more"]
    if abs(sum(mix.values()) - 1) > 1e-6:
        faults.append(f"mix: shares add up to {sum(mix.values()):g}, not 1")
    benign = {a for a, v in known.items() if v.label != "extraction"}
    attacks = {a for a, v in known.items() if v.label == "extraction"}
    faults += [f"mix.{a}: no benign archetype; choose from {', '.join(sorted(benign))}" for a in set(mix) - benign]
    wrong = set(merged["campaign_archetypes"]) - attacks
    faults += [f"campaign_archetypes: {a!r} is none of {', '.join(sorted(attacks))}" for a in sorted(wrong)]
    names = [c.get("name") for c in merged["cohorts"]]
    faults += [f"cohorts: the name {n!r} stands twice" for n in set(names) if names.count(n) > 1]
    for i, cohort in enumerate(merged["cohorts"]):
        odd = set(cohort) ^ {"name", "archetype", "accounts"}
        if odd - {"tier"}:
            faults.append(
                f"cohorts[{i}]: needs name, archetype, accounts (and tier); odd: {', '.join(sorted(odd))}"
            )
        elif cohort["archetype"] not in known:
            faults.append(f"cohorts[{i}].archetype: {cohort['archetype']!r} is none of {', '.join(known)}")
        elif (cohort.get("tier", "") in TIERS) != (cohort["archetype"] in attacks):
            faults.append(f"cohorts[{i}].tier: give one of {', '.join(TIERS)} to A archetypes and none to others")
        elif not isinstance(cohort["accounts"], int) or not 1 <= cohort["accounts"] <= 1_000_000:
            faults.append(f"cohorts[{i}].accounts: {cohort['accounts']!r} is no whole number from 1 to 1,000,000")
    return faults


def _faults_between(merged: dict[str, Any]) -> list[str]:
    faults = []
    if merged["extraction_accounts"] >= merged["accounts"]:
        faults.append(
            f"extraction_accounts: {merged['extraction_accounts']} of {merged['accounts']} leaves none benign"
        )
    if merged["campaigns"] * 3 > merged["extraction_accounts"]:
        faults.append(
            f"campaigns: {merged['campaigns']} need 3 accounts each, extraction_accounts is "
            f"{merged['extraction_accounts']}"
        )
    return faults


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))
