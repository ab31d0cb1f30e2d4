"""The search over one-rule detectors of every key, and the gate on the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.audit.base.gate import Gate, at_most
from generator.audit.hunt import group_statistics, keys, rules
from generator.audit.hunt.hunted_split import HuntedSplit
from generator.audit.hunt.rules import Rule

LIMIT = 0.26
"""Average precision that one rule may reach, mean over tiers, whatever detectors reach (a).

`detector_gates` allows a share of the best honest baseline, which must leave headroom itself.
"""
_REMEDY = "let benign groups of that key share what the rule names, in generator/archetypes"


@dataclass(frozen=True)
class RuleReach:
    """What one rule reached.

    Attributes
    ----------
    rule : Rule
        The best of its key on the first split, or one that nobody trained.
    trained : bool
        Whether labels of the first split chose it.
    ap : dict of str to float
        Average precision, mean over tiers, by split.
    """

    rule: Rule
    trained: bool
    ap: dict[str, float]

    @property
    def judged(self) -> float:
        """Mean over the splits whose labels did not choose it."""
        splits = list(self.ap.values())
        fair = splits[1:] or splits
        return sum(fair) / len(fair)


def reached(splits: Sequence[HuntedSplit]) -> list[RuleReach]:
    """The best rule of each key on the first split, and the reviewed rule, on each split; the best first.

    Parameters
    ----------
    splits : sequence of HuntedSplit
        Every split of a dataset.
    """
    members = [group_statistics.members(split) for split in splits]
    found = []
    for key in keys.KEYS:
        held = [keys.holdings(split, key) for split in splits]
        described = [group_statistics.described(h, m) for h, m in zip(held, members, strict=True)]
        rows = [h["row"].to_numpy() for h in held]
        best = rules.search(splits[0], key, rows[0], described[0])[:1]
        for rule, trained in [(rules.reviewed(key, splits[0].days), False), *((r, True) for r in best)]:
            ap = {
                split.name: split.mean_ap(rule.scores(row, values, len(split.labelled.truth)))
                for split, row, values in zip(splits, rows, described, strict=True)
                if split.tiers
            }
            found.append(RuleReach(rule, trained, ap))
    return sorted(found, key=lambda r: -r.judged)


def gate(reaches: Sequence[RuleReach]) -> Gate:
    """Judge the best rule; what it reaches beside detectors is judged with them.

    Parameters
    ----------
    reaches : sequence of RuleReach
        As `reached` gives them.
    """
    runners_up = "; ".join(f"{reach.judged:.3f} {reach.rule}" for reach in reaches[:5])
    name = f"best one-rule relational detector of {len(reaches)}: AP, mean over tiers"
    return at_most(name, reaches[0].judged if reaches else 0.0, LIMIT, _REMEDY, runners_up)
