"""Columns of a board: what each task shows, and how rows are sorted and filtered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from leaderboard.tracking.board import Board, RankedEntry

PER_PAGE = 100
GROUPS = {"M": "metadata", "L": "links", "C": "content", "X": "text"}


@dataclass(frozen=True)
class Query:
    """How a reader wants a board.

    Attributes
    ----------
    sort : str
        Metric, or "name", "team", "when"; "rank" without.
    ascending : bool
        Order.
    groups : str
        Only entries that use none but these field groups, e.g. "ML".
    text : str
        Only entries whose name or team holds it.
    mark : str
        "reproduced" for those only.
    page : int
        From 1.
    """

    sort: str = "rank"
    ascending: bool = True
    groups: str = ""
    text: str = ""
    mark: str = ""
    page: int = 1

    def address(self, **changes: object) -> str:
        """Query string of this one with changes.

        Parameters
        ----------
        **changes
            By the name that the address uses: sort, order, groups, text, mark, page.
        """
        values = {
            "sort": self.sort,
            "order": "asc" if self.ascending else "desc",
            "groups": self.groups,
            "text": self.text,
            "mark": self.mark,
            "page": self.page,
        } | changes
        usual = {"sort": "rank", "order": "asc", "groups": "", "text": "", "mark": "", "page": 1}
        return urlencode({k: v for k, v in values.items() if v != usual[k]}) or "sort=rank"


def select(board: Board, query: Query) -> list[RankedEntry]:
    """Entries that a reader asked for, all pages of them.

    Parameters
    ----------
    board : Board
        Of one dataset and task.
    query : Query
        Filters and order.
    """
    rows = [e for e in board.entries if _wanted(e, query)]
    if query.sort == "rank":
        return rows if query.ascending else rows[::-1]
    missing = [e for e in rows if _value(e, query.sort) is None]
    known = [e for e in rows if _value(e, query.sort) is not None]
    return sorted(known, key=lambda e: _key(e, query.sort), reverse=not query.ascending) + missing


def page(rows: Sequence[RankedEntry], number: int) -> Sequence[RankedEntry]:
    """One page of rows, from 1.

    Parameters
    ----------
    rows : sequence of RankedEntry
        All of them.
    number : int
        Which page.
    """
    return rows[(number - 1) * PER_PAGE : number * PER_PAGE]


def _wanted(e: RankedEntry, query: Query) -> bool:
    text = query.text.casefold()
    return (
        (not query.groups or set(e.field_groups) - {"+", "-"} <= set(query.groups))
        and (not text or text in e.name.casefold() or text in e.team.casefold())
        and (not query.mark or e.mark == query.mark)
    )


_TEXTS: dict[str, Callable[[RankedEntry], str]] = {
    "name": lambda e: e.name.casefold(),
    "team": lambda e: e.team.casefold(),
    "fields": lambda e: e.field_groups,
}


def _value(e: RankedEntry, sort: str) -> Any:
    if sort in _TEXTS:
        return _TEXTS[sort](e)
    return e.when if sort == "when" else e.numbers.get(sort)


def _key(e: RankedEntry, sort: str) -> tuple[Any, str]:
    return _value(e, sort), e.id
