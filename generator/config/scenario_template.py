"""Scenario files to start from: TOML with every key of a preset, explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from generator.config import dataset_config
from generator.config.archetypes import archetypes
from generator.config.parameters import DIALS
from generator.errors import UserError
from generator.files import write_text
from generator.schema import TIERS

_KEYS = {
    "seed": "same seed, same bytes; --seed takes its place",
    "splits": "worlds to make, out of train, validation and test",
    "start": "first day of the training window; the others follow it",
    "days": "length of each world",
    "accounts": "accounts per world, those of the schedule of campaigns included",
    "extraction_accounts": "how many of them belong to the campaigns of the schedule",
    "campaigns": "campaigns in the schedule: they take tiers and archetypes in turn",
    "campaign_archetypes": "archetypes that they take",
    "test_only_archetypes": "archetypes that they take in the test world as well",
    "least_campaigns": "what cannot give each archetype so many campaigns is refused",
    "quiet_days": "days in a row, anywhere in each world, on which no campaign collects",
    "rate_cap": "largest mean of requests on an active day of one account",
    "text": "whose prompts are there to be read: none, a sample of each account's, or all",
    "prompts_per_account": "how many of each account's make the sample",
    "hand": "whose laws of sharing, times and topics the world follows: first or second",
    "buckets": "parts a world is made in: some 5,000 accounts or a million requests each",
}
_DIALS_SHOWN = ("rate", "synchrony", "camouflage", "coverage", "leak_payment")


def write(path: Path, preset: str = "nano", campaigns: tuple[str, ...] = ()) -> None:
    """Write a commented scenario file.

    Parameters
    ----------
    path : Path
        File that must not exist.
    preset : str
        What it starts from.
    campaigns : tuple of str
        Campaigns in place of the preset's, as archetype:tier:accounts.

    Raises
    ------
    UserError
        If the file exists, or with all faults of what was asked for.
    """
    if path.exists():
        raise UserError(f"{path} exists already and is kept: choose another name")
    if preset not in dataset_config.PRESETS:
        raise UserError(f"no preset {preset!r}: choose {', '.join(dataset_config.PRESETS)}")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is no folder: make it first, or choose another name")
    written = text(preset, _name(path), campaigns)
    dataset_config.from_dict(dataset_config.over_preset(tomllib.loads(written), str(path)), str(path))
    write_text(path, written)


def text(preset: str, name: str, campaigns: tuple[str, ...] = ()) -> str:
    """Scenario file with the values of a preset, commented out, and with campaigns of its own if there are any.

    Parameters
    ----------
    preset : str
        What it starts from.
    name : str
        Name of the scenario.
    campaigns : tuple of str
        As for `write`.
    """
    values = {"seed": 0} | dataset_config.preset(preset)
    own = {"extraction_accounts": 0, "campaigns": 0, "least_campaigns": 0} if campaigns else {}
    lines = [
        "# A scenario: what a dataset is made from. What is left out, or behind #, is as in the preset.",
        "#   siphonbench scenario check FILE       say every fault at once",
        "#   siphonbench scenario describe FILE    say what it will hold",
        "#   siphonbench generate --config FILE    make it",
        "",
        f'preset = "{preset}" # {", ".join(dataset_config.PRESETS)}',
        f'name = "{name}"',
        "",
        *(_key(key, own.get(key, values[key]), comment, key in own) for key, comment in _KEYS.items()),
        "",
        "# Groups of accounts beside those above, one table each, in every world. Archetypes are",
        f"# {_named('benign')} (ordinary customers) and {_named('extraction')} (campaigns, which need a tier:",
        f"# {', '.join(TIERS)}).",
        *(_campaign(i, spec) for i, spec in enumerate(campaigns, 1)),
        "",
        "# All that such a table can hold:",
        *_example(),
        "",
        "# Ranges of dials in place of an archetype's, for all of its cohorts or one tier. { times = 2 } doubles.",
        '# [overlay."A2.evasive"]',
        "# synchrony = [0.1, 0.3]",
        '# rate = { range = [40, 0.5], law = "lognormal" } # median and log SD',
        *(f"# [overlay.{name}] # as in the preset\n{_dials(dials)}" for name, dials in values["overlay"].items()),
        "",
        "# Share of the ordinary accounts per archetype; give all of them, and let them add up to 1.",
        "# [mix]",
        *(f"# {archetype} = {share:g}" for archetype, share in values["mix"].items()),
    ]
    return "\n".join(lines) + "\n"


def _named(label: str) -> str:
    """First and last of the archetypes with a label."""
    ids = sorted((a.id for a in archetypes().values() if a.label == label), key=lambda i: (len(i), i))
    return f"{ids[0]} to {ids[-1]}"


def _key(key: str, value: Any, comment: str, live: bool) -> str:
    return f"{'' if live else '# '}{key} = {_toml(value)} # {comment}"


def _campaign(number: int, spec: str) -> str:
    parts = spec.split(":")
    if len(parts) != 3 or not re.fullmatch(r"[0-9]+", parts[2]):
        raise UserError(f"--campaign {spec}: write archetype:tier:accounts, e.g. A2:evasive:400")
    archetype, tier, accounts = parts
    return (
        f'\n[[cohorts]]\nname = "campaign-{number}"\narchetype = {_toml(archetype)}\ntier = {_toml(tier)}\n'
        f"accounts = {int(accounts)}"
    )


def _dials(dials: dict[str, Any]) -> str:
    return "\n".join(f"# {dial} = {_toml(spec)}" for dial, spec in dials.items())


def _example() -> list[str]:
    shown = [
        "[[cohorts]]",
        'name = "graders"',
        'archetype = "A2"',
        'tier = "evasive"',
        "accounts = 40",
        'target = "rubric grading" # what its work is about; left out: drawn',
        "first_day = 2 # of its work; left out: drawn",
        "days = 4",
        "[cohorts.dials] # a number fixes a dial, [low, high] draws it; these are some of them",
        *(f"{d} = {DIALS[d].default:g} # {DIALS[d].unit}: {DIALS[d].description}" for d in _DIALS_SHOWN),
    ]
    return [f"# {line}" for line in shown]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, str):
        return '"' + re.sub(r'["\\\x00-\x1f\x7f]', "?", value) + '"'
    return str(value)


def _name(path: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:61]
    return stem or "mine"
