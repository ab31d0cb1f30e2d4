"""A configuration written out in full, as the TOML file that makes the same dataset again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import tomli_w

from generator.config import distributions
from generator.config.dataset_config import Config
from generator.config.parameters import ParameterRange

_HEAD = "# Makes this dataset again: siphonbench generate --config config.toml --out again\n"


def toml(config: Config) -> str:
    """TOML of a configuration; reading it back gives the same digest.

    Parameters
    ----------
    config : Config
        What a dataset was made from.
    """
    cohorts = [asdict(cohort) | {"dials": _dials(cohort.dials)} for cohort in config.cohorts]
    overlay = {name: _dials(dials) for name, dials in config.overlay.items()}
    return _HEAD + tomli_w.dumps(config.as_dict() | {"cohorts": cohorts, "overlay": overlay})


def _dials(dials: dict[str, ParameterRange]) -> dict[str, Any]:
    return {dial: _written(law) for dial, law in dials.items()}


def _written(law: ParameterRange) -> dict[str, Any]:
    if law.law == distributions.TIMES:
        return {distributions.TIMES: law.low}
    return {"range": list(law.values) if law.law == "quantiles" else [law.low, law.high], "law": law.law}
