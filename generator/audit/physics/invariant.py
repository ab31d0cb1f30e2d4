"""What an invariant is, what it is checked on, and how often rows break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from generator.dataset import Split


@dataclass(frozen=True)
class View:
    """Rows that invariants are checked on: those of a table, with what other rows say about them beside.

    Attributes
    ----------
    table : str
        Table whose columns keep their names; columns of other tables are called table.column.
    frames : callable
        Yields the rows of a split in frames that fit into memory.
    keys : tuple of str
        Columns that name a row in an example.
    derived : mapping of str to str
        Columns that the view adds, and the fields (table.column, separated by spaces) that they come from.
    """

    table: str
    frames: Callable[[Split], Iterator[pl.DataFrame]]
    keys: tuple[str, ...]
    derived: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Invariant:
    """What must hold in each row of a view.

    Attributes
    ----------
    name : str
        A few words.
    law : str
        What must hold, as a sentence.
    view : str
        Key of `views.VIEWS`.
    holds : polars.Expr
        True in every row, or the row is a violation; null counts as false.
    where : polars.Expr, optional
        Rows that the law is about; all if left out, and null counts as false.
    """

    name: str
    law: str
    view: str
    holds: pl.Expr
    where: pl.Expr | None = None

    @property
    def columns(self) -> list[str]:
        """Columns of the view that it reads."""
        parts = [self.holds] if self.where is None else [self.where, self.holds]
        return list(dict.fromkeys(name for part in parts for name in part.meta.root_names()))

    @property
    def broken(self) -> pl.Expr:
        """Whether a row is a violation."""
        broken = ~self.holds.fill_null(value=False)
        return broken if self.where is None else self.where.fill_null(value=False) & broken


@dataclass(frozen=True)
class ViolationCount:
    """How often an invariant is broken.

    Attributes
    ----------
    checked, violations : int
        Rows that the law is about, and those that break it.
    example : dict
        Ids and values of one of them; empty if there is none.
    """

    checked: int = 0
    violations: int = 0
    example: dict[str, Any] = field(default_factory=dict)

    def __add__(self, other: ViolationCount) -> ViolationCount:
        return ViolationCount(
            self.checked + other.checked, self.violations + other.violations, self.example or other.example
        )


def count(frame: pl.DataFrame, view: View, invariants: Sequence[Invariant]) -> list[ViolationCount]:
    """How often some rows break each of some invariants.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the view.
    view : View
        Where they come from.
    invariants : sequence of Invariant
        Invariants of this view.
    """
    measured = frame.select(
        *(
            (pl.len() if law.where is None else law.where.sum()).cast(pl.Int64).alias(f"checked {i}")
            for i, law in enumerate(invariants)
        ),
        *(law.broken.sum().cast(pl.Int64).alias(f"broken {i}") for i, law in enumerate(invariants)),
    ).row(0, named=True)
    tallies = []
    for i, law in enumerate(invariants):
        checked, broken = measured[f"checked {i}"] or 0, measured[f"broken {i}"] or 0
        tallies.append(ViolationCount(checked, broken, _example(frame, view, law) if broken else {}))
    return tallies


def _example(frame: pl.DataFrame, view: View, law: Invariant) -> dict[str, Any]:
    shown = list(dict.fromkeys([*view.keys, *law.columns]))
    return frame.filter(law.broken).select(shown).row(0, named=True)
