"""What a dataset is made from: a validated configuration, read from presets, scenarios or TOML files."""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from generator.config import distributions, validation
from generator.config.parameters import ParameterRange
from generator.errors import UserError
from generator.schema import SPLITS

_FOLDER = Path(__file__).parents[1] / "presets"
_SCENARIOS = Path(__file__).parents[1] / "scenarios"
_SIZES = ("nano", "small", "medium", "full")
PRESETS = tuple(name for name in _SIZES if (_FOLDER / f"{name}.toml").exists())
SCENARIOS = tuple(sorted(f.stem for f in _SCENARIOS.glob("*.toml")))


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
    target : str
        What its work is about, a domain of `archetypes.COHORT_CHOICES`; "" draws one.
    first_day, days : int
        Work window; -1 and 0 leave it to the dials.
    requests : int
        What its members send together in each world, within one in a thousand; 0 leaves it to their habits.
    dials : dict of str to Range
        Ranges of its own, in place of its archetype's; written also as a number, which fixes a dial.
    """

    name: str
    archetype: str
    accounts: int
    tier: str = ""
    target: str = ""
    first_day: int = -1
    days: int = 0
    requests: int = 0
    dials: dict[str, Any] = field(default_factory=dict)

    def own_dials(self) -> dict[str, ParameterRange]:
        """Ranges that hold for its members alone; the length of its window is written as a dial too."""
        return _parsed(self.dials) | (_parsed({"window_days": self.days}) if self.days else {})


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
    least_campaigns : int
        Campaigns that each archetype of a world must have.
    text : str
        Whose prompts are there to be read, one of `schema.TEXTS`; no other table depends on it.
    prompts_per_account : int
        How many of each account's, where `text` is "sample".
    start : str
        First day of the first window, ISO format.
    splits : tuple of str
        Worlds to make.
    mix : dict of str to float
        Share of the benign accounts per archetype.
    campaign_archetypes, test_only_archetypes : tuple of str
        Archetypes that campaigns take in turn, and those that they take in the test world beside.
    cohorts : tuple of ExtraCohort
        More groups, in every world, beside the accounts.
    overlay : dict of str to dict of str to Range
        Ranges of dials that replace those of an archetype ("A1") or of a tier of it ("A1.evasive").
    hand : str
        Whose laws of conduct the world follows, a name of `hands.HANDS`.
    secret : str
        Of a sealed world: 64 hexadecimal digits that key all of its streams, see `rng.keyed_streams`. It comes
        from no file and stands in none: neither in the manifest nor in the digest.
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
    least_campaigns: int
    text: str
    prompts_per_account: int
    start: str
    splits: tuple[str, ...]
    mix: dict[str, float]
    campaign_archetypes: tuple[str, ...]
    test_only_archetypes: tuple[str, ...]
    cohorts: tuple[ExtraCohort, ...] = ()
    overlay: dict[str, dict[str, ParameterRange]] = field(default_factory=dict)
    hand: str = "first"
    secret: str = field(default="", repr=False)

    def window(self, split: str) -> datetime:
        """First moment of a split's window, UTC.

        Parameters
        ----------
        split : str
            One of `schema.SPLITS`.
        """
        first = datetime.fromisoformat(self.start).replace(tzinfo=UTC)
        return first + timedelta(days=self.days * SPLITS.index(split))

    @property
    def most_texts(self) -> int:
        """How many of each account's prompts are there to be read."""
        return {"none": 0, "sample": self.prompts_per_account, "all": sys.maxsize}[self.text]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in the manifest; the first hand goes unnamed, as when there was no other."""
        left_out = {"secret"} | ({"hand"} if self.hand == "first" else set())
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    @property
    def digest(self) -> str:
        """SHA-256 of the configuration."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def from_preset(name: str, seed: int = 0, text: str | None = None) -> Config:
    """Configuration of a preset.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    seed : int
        Base seed.
    text : str, optional
        Takes the place of the preset's.

    Raises
    ------
    UserError
        If there is no such preset, or the seed is out of range.
    """
    if name not in PRESETS:
        raise UserError(f"no preset {name!r}: choose {', '.join(PRESETS)}, or write a file and use --config")
    return from_dict(preset(name) | _given(seed=seed, text=text), f"preset {name}")


def preset(name: str) -> dict[str, Any]:
    """Plain values of a preset, what it shares with the others included.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    """
    return _toml(_FOLDER / "base.toml") | _toml(_FOLDER / f"{name}.toml")


def from_file(path: Path, seed: int | None = None, text: str | None = None) -> Config:
    """Configuration from a TOML file; `preset = "nano"` in it names what to start from.

    Parameters
    ----------
    path : Path
        File, or the name of a scenario that comes with the package.
    seed, text : optional
        Take the place of the file's.

    Raises
    ------
    UserError
        If the file can't be read, or with all of its faults at once.
    """
    shipped = str(path) in SCENARIOS and not path.exists()
    try:
        document = _toml(_SCENARIOS / f"{path}.toml" if shipped else path)
    except (OSError, ValueError, RecursionError) as error:  # not TOML, not UTF-8, or nested without end
        known = f"; scenarios that come with SiphonBench: {', '.join(SCENARIOS)}" if not path.exists() else ""
        raise UserError(f"{path} can't be read as TOML: {error}{known}") from error
    return from_dict(over_preset(document, str(path)) | _given(seed=seed, text=text), str(path))


def over_preset(document: dict[str, Any], where: str) -> dict[str, Any]:
    """Plain values of a scenario, over those of the preset that it starts from.

    Parameters
    ----------
    document : dict
        What the scenario says.
    where : str
        What a fault names, such as a file.

    Raises
    ------
    UserError
        If there is no such preset.
    """
    name = document.get("preset", "nano")
    if name not in PRESETS:
        raise UserError(f"{where}: preset: {name!r} is none of {', '.join(PRESETS)}")
    below = preset(name)
    merged = {"seed": 0} | below | {k: v for k, v in document.items() if k != "preset"}
    if isinstance(merged["overlay"], dict):
        merged["overlay"] = below["overlay"] | merged["overlay"]
    return merged


def from_dict(document: dict[str, Any], where: str) -> Config:
    """Validated configuration from plain values; what is left out comes from the base preset.

    Parameters
    ----------
    document : dict
        Keys are fields of `Config`.
    where : str
        What a fault names, such as a file.

    Raises
    ------
    UserError
        Lists every fault, see `checks`.
    """
    merged = _toml(_FOLDER / "base.toml") | document
    faults = validation.faults(merged, [f.name for f in fields(Config) if f.name != "secret"])
    if faults:
        raise UserError(f"{where}: {len(faults)} fault{'s' * (len(faults) > 1)}: " + "; ".join(faults))
    extra = tuple(ExtraCohort(**c | {"dials": _parsed(c.get("dials", {}))}) for c in merged["cohorts"])
    overlay = {name: _parsed(dials) for name, dials in sorted(distributions.flattened(merged["overlay"]).items())}
    lists = {k: tuple(merged[k]) for k in ("splits", "campaign_archetypes", "test_only_archetypes")}
    mix = dict(sorted(merged["mix"].items()))
    return replace(Config(**(merged | lists)), start=str(merged["start"]), cohorts=extra, overlay=overlay, mix=mix)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _parsed(dials: dict[str, Any]) -> dict[str, ParameterRange]:
    return {dial: distributions.parse(dial, spec) for dial, spec in sorted(dials.items())}


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))
