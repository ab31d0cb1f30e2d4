"""All that the hunt found in a dataset: the gates, and a table of the runners-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.hunt import account_features, account_models, binned_features, borders, relational_rules
from generator.audit.hunt.account_models import ModelReach
from generator.audit.hunt.hunted_split import HuntedSplit
from generator.audit.hunt.relational_rules import RuleReach
from generator.audit.shortcuts.aggregates import Aggregates

SHOWN = 15
"""Runners-up of each kind in the table."""


@dataclass(frozen=True)
class Hunt:
    """The hunt through one dataset; each part is searched once, when it is asked for.

    Attributes
    ----------
    splits : sequence of LabelledSplit
        Every split, labels open.
    aggregates : sequence of Aggregates
        Of the same splits.
    """

    splits: Sequence[LabelledSplit]
    aggregates: Sequence[Aggregates]

    @cached_property
    def hunted(self) -> list[HuntedSplit]:
        """The splits as the hunt reads them."""
        return [HuntedSplit(split) for split in self.splits]

    @cached_property
    def rules(self) -> list[RuleReach]:
        """One-rule relational detectors, the best first."""
        return relational_rules.reached(self.hunted)

    @cached_property
    def _accounts(self) -> tuple[list[ModelReach], dict[str, dict[str, float]]]:
        described = account_features.collect(self.hunted, self.aggregates)
        return account_models.reached(described), binned_features.lifts(described)

    @property
    def models(self) -> list[ModelReach]:
        """Boosted trees on accounts alone."""
        return self._accounts[0]

    @property
    def binned(self) -> dict[str, dict[str, float]]:
        """Average precision over prevalence of each binned feature, by split."""
        return self._accounts[1]

    def gates(self) -> list[Gate]:
        """Gates of the hunt."""
        return [
            *account_models.gates(self.models),
            binned_features.gate(self.binned),
            borders.gate(self.hunted),
            relational_rules.gate(self.rules),
        ]

    def table(self) -> list[tuple[str, str, str]]:
        """Runners-up: what was searched, what it reached in each split, and with what."""
        rows = []
        for rule in self.rules[:SHOWN]:
            kind = "rule chosen on the first split" if rule.trained else "rule that nobody trained"
            rows.append((f"{kind}: AP", _by_split(rule.ap), str(rule.rule)))
        for model in self.models:
            most = "; ".join(f"{name} {gain:.3f}" for name, gain in model.gains[:SHOWN])
            chance = _by_split(model.prevalence)
            rows.append((f"trees {model.features}: AP", f"{_by_split(model.ap)} (chance {chance})", most))
        ranked = sorted(self.binned.items(), key=lambda item: -min(item[1].values(), default=0.0))
        rows += [("binned feature: AP / prevalence", _by_split(lifts), name) for name, lifts in ranked[:SHOWN]]
        return rows


def _by_split(values: dict[str, float]) -> str:
    return ", ".join(f"{split} {value:.3f}" for split, value in values.items())
