"""All results of one entry: the same shape for every task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from generator.schema import TIERS
from leaderboard.records.estimate import Estimate
from leaderboard.records.task_definitions import TASKS

EVALUATOR_VERSION = "0.2"
"""Numbered as the package and its data: 0.2 is the first by which accounts that never served are not scored."""


@dataclass(frozen=True)
class Value:
    """A metric's value, what chance gets, and its 95 % interval."""

    value: float
    chance: float
    low: float
    high: float


Line = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Scorecard:
    """All results of one entry on one dataset.

    Attributes
    ----------
    task, evaluator, dataset : str
        Key of `task_definitions.TASKS`, version of the evaluator, digest of the dataset: unlike ones never meet.
    counts : dict of str to int
        What was scored, e.g. "accounts" and "extraction".
    primary : Value
        The metric that ranks entries.
    tables : dict of str to dict of str to Value
        Metrics by slice: "overall", evasion tiers, archetypes.
    false_positives : dict of str to Value
        Share of each benign archetype flagged at the task's budget; the chance is the budget. Their intervals take
        the threshold as given.
    curves : dict of str to dict of str to (x, y)
        Lines by panel of `plots.PANELS` and name.
    replicates, strata : tuple of float, tuple of int
        The primary metric without each fold, for paired comparison, see `estimate.Estimate`.
    against_grey : dict of str to Value
        Average precision of the positives against the accounts of one grey archetype alone, which no other number
        holds: whether extraction is told from other abuse. Of intervals, only campaigns are left out.
    grey_flagged : float or None
        Share of grey accounts flagged at the same budget; None without grey accounts.
    sleepers_flagged : float or None
        The same of extraction accounts that did not serve, `counts["sleepers"]` in number.
    ceiling : float or None
        Primary metric of an omniscient answer; None where the task has no such answer.
    """

    task: str
    dataset: str
    counts: dict[str, int]
    primary: Value
    tables: dict[str, dict[str, Value]]
    replicates: tuple[float, ...] = field(repr=False)
    strata: tuple[int, ...] = ()
    false_positives: dict[str, Value] = field(default_factory=dict)
    curves: dict[str, dict[str, Line]] = field(default_factory=dict, repr=False)
    against_grey: dict[str, Value] = field(default_factory=dict)
    grey_flagged: float | None = None
    sleepers_flagged: float | None = None
    ceiling: float | None = None
    evaluator: str = EVALUATOR_VERSION

    @property
    def estimate(self) -> Estimate:
        """The primary metric, to be compared in pairs."""
        return Estimate(self.primary.value, np.asarray(self.replicates), self.strata)

    @property
    def tiers(self) -> dict[str, dict[str, Value]]:
        """Tables of the evasion tiers present."""
        return {t: self.tables[t] for t in TIERS if t in self.tables}

    @property
    def headroom(self) -> float | None:
        """Share of the way from chance to the ceiling that the entry leaves: 0 for a perfect one, 1 for chance."""
        if self.ceiling is None:
            return None
        return (self.ceiling - self.primary.value) / (self.ceiling - self.primary.chance)

    @property
    def worst_tier(self) -> str:
        """Tier with the lowest value of the metric that ranks entries."""
        metric = TASKS[self.task].primary
        return min(self.tiers, key=lambda t: self.tiers[t][metric].value)

    @property
    def worst_archetype(self) -> str:
        """Benign archetype that is falsely flagged most often; "" where the task has none."""
        return max(self.false_positives, key=lambda k: self.false_positives[k].value, default="")

    @property
    def worst_archetype_flagged(self) -> float | None:
        """Share of the worst archetype that is flagged; None where the task has none."""
        return self.false_positives[self.worst_archetype].value if self.false_positives else None

    def to_json(self) -> str:
        """The whole card as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Scorecard:
        """Scorecard from what `to_json` wrote.

        Parameters
        ----------
        text : str
            JSON.
        """
        d: dict[str, Any] = json.loads(text)
        d["primary"] = Value(**d["primary"])
        d["tables"] = {name: _values(table) for name, table in d["tables"].items()}
        d["false_positives"] = _values(d["false_positives"])
        d["against_grey"] = _values(d.get("against_grey", {}))
        d["curves"] = {
            panel: {name: (tuple(x), tuple(y)) for name, (x, y) in lines.items()}
            for panel, lines in d["curves"].items()
        }
        return cls(**d | {name: tuple(d[name]) for name in ("replicates", "strata")})

    def flat(self) -> dict[str, float]:
        """Every number by name: "evasive/ap", its "evasive/ap_low", "_high", "_chance"; "fpr/B3"; "headroom"."""
        numbers = _flat({"primary": self.primary})
        for name, table in self.tables.items():
            numbers |= _flat({f"{name}/{metric}": v for metric, v in table.items()})
        numbers |= {f"fpr/{a}": v.value for a, v in self.false_positives.items()}
        numbers |= _flat({f"against_grey/{a}": v for a, v in self.against_grey.items()})
        names = ("grey_flagged", "sleepers_flagged", "ceiling", "headroom", "worst_archetype_flagged")
        single = {name: getattr(self, name) for name in names}
        return numbers | {name: number for name, number in single.items() if number is not None}


def _values(table: Mapping[str, Any]) -> dict[str, Value]:
    return {name: Value(**v) for name, v in table.items()}


def _flat(values: Mapping[str, Value]) -> dict[str, float]:
    endings = {"": "value", "_low": "low", "_high": "high", "_chance": "chance"}
    return {f"{name}{end}": getattr(v, what) for name, v in values.items() for end, what in endings.items()}
