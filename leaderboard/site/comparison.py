"""Two entries side by side: which number is whose, and whether the data tell them apart."""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.records.task_definitions import TASKS, BoardColumn
from leaderboard.tracking.board import Board, RankedEntry


class Number(NamedTuple):
    """A number of an entry and the ends of its 95 % interval, where there is one."""

    value: float
    low: float | None
    high: float | None


class Compared(NamedTuple):
    """A column of the board for two entries; `ahead` is 1 for the first, -1 for the second, 0 where undecided."""

    column: BoardColumn
    first: Number
    second: Number
    ahead: int


def difference(a: RankedEntry, b: RankedEntry) -> tuple[float, float, float]:
    """Paired difference of the primary metric, a - b: low end of its 95 % interval, value, high end.

    Parameters
    ----------
    a, b : RankedEntry
        Of one board.
    """
    found = a.estimate - b.estimate
    low, high = found.interval()
    return low, found.value, high


def rows(view: Board, a: RankedEntry, b: RankedEntry) -> list[Compared]:
    """Every number that both have; the primary one is decided by the paired interval, others by their own.

    Parameters
    ----------
    view : Board
        Of both.
    a, b : RankedEntry
        Of that board.
    """
    primary = TASKS[view.task].primary_column
    low, _, high = difference(a, b)
    first = Compared(primary, _number(a, primary), _number(b, primary), (low > 0) - (high < 0))
    others = [c for c in view.columns if c.number in a.numbers and c.number in b.numbers]
    return [
        first,
        *(Compared(c, p, q, _ahead(c, p, q)) for c in others for p, q in [(_number(a, c), _number(b, c))]),
    ]


def _number(entry: RankedEntry, column: BoardColumn) -> Number:
    low, high = (entry.numbers.get(f"{column.number}{end}") for end in ("_low", "_high"))
    return Number(entry.numbers[column.number], low, high)


def _ahead(column: BoardColumn, p: Number, q: Number) -> int:
    if p.low is None or p.high is None or q.low is None or q.high is None:
        return 0
    above = (p.low > q.high) - (q.low > p.high)
    return above if column.higher_is_better else -above
