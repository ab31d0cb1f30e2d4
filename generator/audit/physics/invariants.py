"""The table of invariants, and the gates that a dataset's counts make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from generator.audit.base.gate import Gate, at_most
from generator.audit.physics import account_laws, answer_laws, history_laws, setting_laws
from generator.audit.physics.invariant import Invariant, ViolationCount, count
from generator.audit.physics.views import VIEWS
from generator.dataset import Dataset, Split

Tick = Callable[[int, int], None]
INVARIANTS: tuple[Invariant, ...] = (
    *answer_laws.ANSWERS,
    *setting_laws.SETTINGS,
    *setting_laws.TIMES,
    *history_laws.LOAD,
    *history_laws.TURNS,
    *history_laws.RETRIES,
    *history_laws.QUOTATIONS,
    *account_laws.ACCOUNTS,
    *account_laws.KEYS,
)
_REMEDY = "mend the generator: this can't happen"


def fields(invariant: Invariant) -> list[str]:
    """Columns of the public tables that an invariant reads, as table.column.

    Parameters
    ----------
    invariant : Invariant
        One of the table.
    """
    view = VIEWS[invariant.view]
    read = [
        view.derived[name].split() if name in view.derived else [name if "." in name else f"{view.table}.{name}"]
        for name in invariant.columns
    ]
    return list(dict.fromkeys(name for names in read for name in names))


def violations(split: Split, invariants: Sequence[Invariant] = INVARIANTS) -> list[ViolationCount]:
    """How often a split breaks each invariant. Reads public tables only.

    Parameters
    ----------
    split : Split
        World; its labels are not needed.
    invariants : sequence of Invariant
        Which.
    """
    tallies = dict.fromkeys(invariants, ViolationCount())
    by_view: dict[str, list[Invariant]] = defaultdict(list)
    for invariant in invariants:
        by_view[invariant.view].append(invariant)
    for name, laws in by_view.items():
        for frame in VIEWS[name].frames(split):
            for law, tally in zip(laws, count(frame, VIEWS[name], laws), strict=True):
                tallies[law] += tally
    return list(tallies.values())


def gates(dataset: Dataset, tick: Tick | None = None) -> list[Gate]:
    """One gate for each invariant: no violation in any split.

    Parameters
    ----------
    dataset : Dataset
        Any; labels are not needed.
    tick : callable, optional
        Called with (done, total) after each split.
    """
    counted: dict[str, list[ViolationCount]] = {}
    for done, (name, split) in enumerate(dataset.splits.items(), 1):
        counted[name] = violations(split, INVARIANTS)
        if tick:
            tick(done, len(dataset.splits))
    return [
        _gate(invariant, {name: tallies[i] for name, tallies in counted.items()})
        for i, invariant in enumerate(INVARIANTS)
    ]


def _gate(invariant: Invariant, tallies: dict[str, ViolationCount]) -> Gate:
    total = sum(tallies.values(), ViolationCount())
    first = next((name for name, tally in tallies.items() if tally.violations), "")
    where = f"of {total.checked:,} checked"
    if first:
        where += f"; {first}: " + ", ".join(f"{k} {_text(v)}" for k, v in total.example.items())
    return at_most(f"physics: {invariant.name}", total.violations, 0, f"{_REMEDY}. {invariant.law}", where)


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
