"""The design of a study: which worlds are made, and by whom they are looked at; a file from which all follows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from generator import files
from generator.config import dataset_config, distributions
from generator.config.parameters import DIALS
from generator.errors import UserError
from leaderboard.records.scorecard import EVALUATOR_VERSION
from siphonbench.workflows.sensitivity.groups import PUBLISHED, DialGroup

FILE, SCENARIOS = "design.json", "scenarios"
BASE, JOINT = "base", "joint"
DETECTORS = (
    "rate-limit",
    "isolation-forest",
    "xgboost-aggregates",
    "link-communities",
    "prompt-clusters",
    "flattened-graph",
    "leiden-fusion",
    "xgboost-relational",
)
"""Looked at where none is named: rules, accounts alone, one kind of link each, and relations together."""
_SPLITS = ["train", "test"]  # the validation world is looked at by nobody
_JOINT_SEED = 0
_LEAST = 2  # detectors that have an order
_DIGITS = 6


@dataclass(frozen=True)
class Design:
    """A study of sensitivity.

    Attributes
    ----------
    preset : str
        Whose worlds are moved.
    seeds : tuple of int
        Base seeds: each setting is made with each of them.
    detectors : tuple of str
        Their names.
    groups : dict of str to DialGroup
        What is moved.
    settings : dict of str to dict of str to float
        Levels by group that are not as published: of "base" none, of "links-low" one, of "joint-1" all.
    text : str
        "none" where no detector reads prompts, which saves time; else "" (as the preset).
    """

    preset: str
    seeds: tuple[int, ...]
    detectors: tuple[str, ...]
    groups: dict[str, DialGroup]
    settings: dict[str, dict[str, float]]
    text: str = ""

    @property
    def worlds(self) -> list[tuple[str, int]]:
        """Setting and seed of each world; a whole seed comes before the next one."""
        return [(name, seed) for seed in self.seeds for name in self.settings]

    def observed(self, setting: str) -> bool:
        """Whether detectors learn from observed labels.

        Parameters
        ----------
        setting : str
            Key of `settings`.
        """
        levels = self.settings[setting]
        return any(self.groups[name].observed and level < PUBLISHED for name, level in levels.items())

    def scenario(self, setting: str) -> dict[str, Any]:
        """What a scenario file says of a setting.

        Parameters
        ----------
        setting : str
            Key of `settings`.
        """
        document: dict[str, Any] = {"preset": self.preset, "name": f"{self.preset}.{setting}", "splits": _SPLITS}
        document |= {"text": self.text} if self.text else {}
        below = dataset_config.preset(self.preset)
        mix, overlay = dict(below["mix"]), dict[str, dict[str, Any]]()
        for name, level in self.settings[setting].items():
            group = self.groups[name]
            for key, power in group.settings.items():
                document[key] = round(document.get(key, below[key]) * level**power)
            mix |= {a: mix.get(a, 0) * level for a in group.mix}
            for archetype in group.ids if group.dials else ():
                own = overlay.setdefault(archetype, dict(below["overlay"].get(archetype, {})))
                own |= {d: _times(d, round(level**p, _DIGITS), own.get(d)) for d, p in group.dials.items()}
        total = sum(mix.values())
        document |= {"mix": {a: share / total for a, share in mix.items()}} if mix != below["mix"] else {}
        return document | ({"overlay": overlay} if overlay else {})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the version of evaluator and data."""
        plain: dict[str, Any] = json.loads(json.dumps({"version": EVALUATOR_VERSION} | asdict(self)))
        return plain


def plan(
    preset: str, seeds: Sequence[int], detectors: Sequence[str], groups: Mapping[str, DialGroup], joint: int = 0
) -> Design:
    """Design of a study: each group low and high, one at a time, and all of them together.

    Parameters
    ----------
    preset : str
        One of `dataset_config.PRESETS`.
    seeds : sequence of int
        Base seeds.
    detectors : sequence of str
        As `plugins.find` takes them.
    groups : mapping of str to DialGroup
        What is moved.
    joint : int
        Settings in which all groups are moved at once: a Latin hypercube over their levels (McKay, Beckman,
        Conover, Technometrics 21, 1979).

    Raises
    ------
    UserError
        If there is no such preset or detector, a detector can't be ranked, or a setting can't be built.

    Examples
    --------
    >>> from siphonbench.workflows.sensitivity import groups
    >>> list(plan("nano", [11], ["volume", "random"], groups.chosen(groups.read(), ["links"]), 1).settings)
    ['base', 'links-low', 'links-high', 'joint-1']
    """
    if preset not in dataset_config.PRESETS:
        raise UserError(f"no preset {preset!r}: choose {', '.join(dataset_config.PRESETS)}")
    reads_text = _checked(detectors)
    if len(set(detectors)) < _LEAST:
        raise UserError(f"a study ranks detectors, and {len(set(detectors))} has no order: name two or more")
    settings: dict[str, dict[str, float]] = {BASE: {}}
    for name, group in groups.items():
        ends = {"low": group.low, "high": group.high}
        settings |= {f"{name}-{end}": {name: level} for end, level in ends.items() if level != PUBLISHED}
    settings |= _hypercube(groups, joint)
    design = Design(preset, _once(seeds), _once(detectors), dict(groups), settings, "" if reads_text else "none")
    for setting in settings:
        where = f"setting {setting}"
        dataset_config.from_dict(dataset_config.over_preset(design.scenario(setting), where), where)
    return design


def keep(design: Design, folder: Path) -> None:
    """Write the design into a folder, and a scenario file for each setting; a folder that has it stays as it is.

    Parameters
    ----------
    design : Design
        As `plan` gives it.
    folder : Path
        Made if missing.

    Raises
    ------
    UserError
        If the folder holds another design.
    """
    file, plain = folder / FILE, design.as_dict()
    if agrees(file, plain):
        return
    for setting in design.settings:
        text = f"# siphonbench generate --config {setting}.toml --seed {design.seeds[0]} --out DATA\n"
        (folder / SCENARIOS).mkdir(parents=True, exist_ok=True)
        files.write_text(folder / SCENARIOS / f"{setting}.toml", text + tomli_w.dumps(design.scenario(setting)))
    files.write_text(file, json.dumps(plain, indent=1) + "\n")


def agrees(file: Path, plain: Mapping[str, Any]) -> bool:
    """Whether a study's file is there and says the same; False if there is none yet.

    Parameters
    ----------
    file : Path
        JSON.
    plain : mapping
        What it would say, plain values.

    Raises
    ------
    UserError
        If it can't be read, or says something else.
    """
    if not file.exists():
        return False
    try:
        there = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{file} can't be read as JSON: {error}; choose another folder") from error
    unlike = [key for key in plain if not isinstance(there, dict) or there.get(key) != plain[key]]
    if unlike:
        told = f"{', '.join(unlike)} differ" + "s" * (len(unlike) == 1)
        raise UserError(
            f"{file.parent} holds another design: {told}; go on with its own options (see {file}), or choose "
            "another folder"
        )
    return True


def _checked(names: Sequence[str]) -> bool:
    """Whether one of the detectors reads prompts, once all of them can be ranked."""
    from baselines import plugins

    kinds = [plugins.find(name) for name in names]
    for kind in kinds:
        if kind.upper_bound or "accounts" not in kind.tasks:
            why = "knows part of the truth" if kind.upper_bound else "does not answer the task accounts"
            raise UserError(f"{kind.name} {why} and can't be ranked here: choose other detectors")
    return any(f.startswith("prompts.") for kind in kinds for f in kind.fields)


def _hypercube(groups: Mapping[str, DialGroup], settings: int) -> dict[str, dict[str, float]]:
    from scipy.stats import qmc

    if not settings:
        return {}
    shares = qmc.LatinHypercube(len(groups), rng=_JOINT_SEED).random(settings).tolist()
    return {
        f"{JOINT}-{i}": {name: group.level(u) for (name, group), u in zip(groups.items(), row, strict=True)}
        for i, row in enumerate(shares, 1)
    }


def _times(dial: str, factor: float, below: Any) -> Any:
    """A dial's range times a factor, as a scenario writes it: of the archetype's, or of what lies over that."""
    times = {distributions.TIMES: factor}
    if below is None:
        return times
    law = distributions.overlaid(distributions.parse(dial, times), distributions.parse(dial, below))
    if law.law == distributions.TIMES:
        return {distributions.TIMES: law.low}
    low, high, *values = (min(max(x, DIALS[dial].low), DIALS[dial].high) for x in (law.low, law.high, *law.values))
    return list(law._replace(low=low, high=law.high if law.law == "lognormal" else high, values=tuple(values)))


def _once(values: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
