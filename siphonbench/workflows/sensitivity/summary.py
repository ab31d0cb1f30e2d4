"""What a study says: how far each setting moves every detector, and whether their order holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from generator.errors import UserError
from leaderboard.records import estimate
from leaderboard.records.estimate import Estimate
from siphonbench.workflows.sensitivity.design import BASE, JOINT, Design
from siphonbench.workflows.sensitivity.rows import WorldRow
from siphonbench.workflows.series import agreement

FIRST = 3
"""Detectors whose places a conclusion is about."""
HOLDS = 0.8
"""Share of settings in which they must keep them, for the order to be called one that holds (a)."""


@dataclass(frozen=True)
class Shift:
    """How far a setting moves a detector's average precision.

    Attributes
    ----------
    value, published, change : float
        In this setting, as published, and the difference.
    low, high : float
        95 % interval of the difference. It takes the campaigns of both worlds as drawn apart; they share a seed,
        so that it is too wide rather than too narrow.
    """

    value: float
    published: float
    change: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class SettingOutcome:
    """What came of a setting.

    Attributes
    ----------
    setting : str
        Key of `Design.settings`.
    levels : dict of str to float
        Level by group.
    seeds : tuple of int
        Seeds of which both this world and the published one are made.
    shifts : dict of str to Shift
        By detector, best first in this setting.
    tau : float or None
        Kendall's tau of their order here with that as published; None where all are equal.
    kept : bool
        Whether the first detectors keep their places.
    """

    setting: str
    levels: dict[str, float]
    seeds: tuple[int, ...]
    shifts: dict[str, Shift]
    tau: float | None
    kept: bool


@dataclass(frozen=True)
class StudySummary:
    """What a study says so far.

    Attributes
    ----------
    design : Design
        Of the study.
    order : tuple of str
        Detectors as published, best first.
    outcomes : tuple of SettingOutcome
        One for each setting that is made, in the order of the design.
    noise : float or None
        Kendall's tau between the orders of two seeds of the published world, mean over pairs: chance alone.
    missing : int
        Worlds that are not made yet.
    """

    design: Design
    order: tuple[str, ...]
    outcomes: tuple[SettingOutcome, ...]
    noise: float | None
    missing: int

    @property
    def kept(self) -> float:
        """Share of settings in which the first detectors keep their places."""
        return sum(o.kept for o in self.outcomes) / len(self.outcomes)

    def of(self, group: str) -> dict[str, SettingOutcome]:
        """Outcomes of a group that is moved alone, by "low" and "high".

        Parameters
        ----------
        group : str
            Key of `Design.groups`.
        """
        found = {o.setting: o for o in self.outcomes}
        return {end: found[f"{group}-{end}"] for end in ("low", "high") if f"{group}-{end}" in found}

    @property
    def joint(self) -> tuple[SettingOutcome, ...]:
        """Outcomes of the settings in which all groups are moved."""
        return tuple(o for o in self.outcomes if o.setting.startswith(f"{JOINT}-"))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"design": self.design.as_dict(), "kept": self.kept, "words": words(self)}


def summarise(design: Design, rows: Sequence[WorldRow]) -> StudySummary:
    """Compare every setting with the published world, seed by seed.

    Parameters
    ----------
    design : Design
        Of the study.
    rows : sequence of WorldRow
        Those that are made.

    Raises
    ------
    UserError
        If there is nothing to compare yet.
    """
    by_world = {(r.setting, r.seed): r for r in rows}
    published = [by_world[BASE, seed] for seed in design.seeds if (BASE, seed) in by_world]
    outcomes = []
    for setting in design.settings:
        pairs = [(by_world[setting, b.seed], b) for b in published if (setting, b.seed) in by_world]
        if setting != BASE and pairs:
            outcomes.append(_outcome(design, setting, pairs))
    if not outcomes:
        raise UserError(
            f"none of {len(design.settings) - 1} settings is made beside the published world: go on with the same "
            "command, or wait for the process that is at it"
        )
    orders = [
        [(row.reached[d].value, other.reached[d].value) for d in design.detectors]
        for row, other in combinations(published, 2)
    ]
    taus = [tau for tau in map(agreement, orders) if tau is not None]
    return StudySummary(
        design,
        _order(design, published),
        tuple(outcomes),
        sum(taus) / len(taus) if taus else None,
        len(design.worlds) - len(rows),
    )


def words(summary: StudySummary) -> str:
    """What holds and what doesn't, and which dial decides.

    Parameters
    ----------
    summary : StudySummary
        With at least one outcome.
    """
    first, n = summary.order[:FIRST], len(summary.outcomes)
    kept = sum(o.kept for o in summary.outcomes)
    verdict = "their order holds" if summary.kept >= HOLDS else "their order does not hold"
    sentences = [
        f"As published, {_listed(first)} are first; they keep their places in {kept} of {n} settings "
        f"({summary.kept:.0%}): {verdict} by the rule of {HOLDS:.0%}."
    ]
    if (deciding := _deciding(summary)) is not None:
        sentences.append(
            f"The order hangs most on {_named(summary, deciding)}: Kendall's tau with the published order is "
            f"{deciding.tau:.2f} there, and {_listed(tuple(deciding.shifts)[:FIRST])} are first."
        )
    shifts = [(abs(s.change), d, s, o) for o in summary.outcomes for d, s in o.shifts.items()]
    _, detector, shift, outcome = max(shifts, key=lambda at: at[0])
    sentences.append(
        f"The largest change is that of {detector} with {_named(summary, outcome)}: {shift.published:.3f} becomes "
        f"{shift.value:.3f} (95 % of the change {shift.low:+.3f} to {shift.high:+.3f}). Of {len(shifts)} changes, "
        f"{sum(s.decided for _, _, s, _ in shifts)} are told from zero, where one in twenty would be by chance."
    )
    if summary.noise is not None:
        sentences.append(f"Between two seeds of the published world alone tau is {summary.noise:.2f} in the mean.")
    if summary.missing:
        sentences.append(f"{summary.missing} of {len(summary.design.worlds)} worlds are not made yet.")
    return " ".join(sentences)


def _outcome(design: Design, setting: str, pairs: Sequence[tuple[WorldRow, WorldRow]]) -> SettingOutcome:
    """A setting's worlds beside the published worlds of the same seeds."""
    moved, published = [a for a, _ in pairs], [b for _, b in pairs]
    here, there = _order(design, moved), _order(design, published)
    shifts = {}
    for name in here:
        a, b = (sum(row.reached[name].value for row in rows) / len(rows) for rows in (moved, published))
        change = estimate.mean([_difference(row, other, name) for row, other in pairs])
        shifts[name] = Shift(a, b, change.value, *change.interval())
    tau = agreement([(s.value, s.published) for s in shifts.values()])
    seeds = tuple(row.seed for row in published)
    return SettingOutcome(setting, design.settings[setting], seeds, shifts, tau, here[:FIRST] == there[:FIRST])


def _difference(row: WorldRow, published: WorldRow, detector: str) -> Estimate:
    """Paired where both are of one world, as with other labels to learn from."""
    a, b = row.reached[detector], published.reached[detector]
    return a - b if row.digest == published.digest else estimate.apart(a, b)


def _order(design: Design, rows: Sequence[WorldRow]) -> tuple[str, ...]:
    """Detectors by their mean, best first."""
    return tuple(sorted(design.detectors, key=lambda d: (-sum(r.reached[d].value for r in rows), d)))


def _deciding(summary: StudySummary) -> SettingOutcome | None:
    """Of the groups that are moved alone and change the first places, the setting with the least tau."""
    alone = [o for g in summary.design.groups for o in summary.of(g).values() if not o.kept and o.tau is not None]
    return min(alone, key=lambda o: o.tau or 0.0, default=None)


def _named(summary: StudySummary, outcome: SettingOutcome) -> str:
    if outcome.setting.startswith(f"{JOINT}-"):
        return f"all groups moved together ({outcome.setting})"
    (name, level), *_ = outcome.levels.items()
    return f'"{name}" at the level {level:g} (1 is as published; higher: {summary.design.groups[name].title})'


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
