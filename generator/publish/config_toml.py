"""A configuration written out in full, as the TOML file that makes the same dataset again."""

from __future__ import annotations

import json
from typing import Any

from generator.config.dataset_config import Config
from generator.config.parameters import ParameterRange


def toml(config: Config) -> str:
    """TOML of a configuration; reading it back gives the same digest.

    Parameters
    ----------
    config : Config
        What a dataset was made from.
    """
    plain = {k: v for k, v in config.as_dict().items() if k not in ("mix", "cohorts", "overlay")}
    lines = [
        "# Makes this dataset again: siphonbench generate --config config.toml --out again",
        *(f"{key} = {_value(value)}" for key, value in plain.items()),
        *([] if config.cohorts else ["cohorts = []"]),
        *([] if config.overlay else ["overlay = {}"]),
        "\n[mix]",
        *(f"{archetype} = {share!r}" for archetype, share in config.mix.items()),
    ]
    for name, dials in config.overlay.items():
        lines += [f"\n[overlay.{_value(name)}]", *_dials(dials)]
    for cohort in config.cohorts:
        own = {
            k: getattr(cohort, k) for k in ("name", "archetype", "accounts", "tier", "target", "first_day", "days")
        }
        lines += ["\n[[cohorts]]", *(f"{key} = {_value(value)}" for key, value in own.items())]
        lines += ["[cohorts.dials]", *_dials(cohort.dials)]
    return "\n".join(lines) + "\n"


def _dials(dials: dict[str, ParameterRange]) -> list[str]:
    return [f"{dial} = {_range(found)}" for dial, found in dials.items()]


def _range(found: ParameterRange) -> str:
    if found.law == "times":
        return f"{{ times = {found.low!r} }}"
    numbers = list(found.values) if found.law == "quantiles" else [found.low, found.high]
    return f"{{ range = {numbers!r}, law = {_value(found.law)} }}"


def _value(value: Any) -> str:
    """JSON of texts, numbers and lists of them is TOML as well."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
