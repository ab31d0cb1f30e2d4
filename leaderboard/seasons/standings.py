"""Who stands where: by feedback while a season goes on, by the part that counts once it is closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Standing:
    """A team's place; equal scores share a rank."""

    rank: int
    team: str
    score: float
    attempts: int


def table(rows: Iterable[Any], decimals: int, closed: bool = False) -> list[Standing]:
    """Place of each team, best first.

    Parameters
    ----------
    rows : iterable of sqlalchemy.Row
        Attempts at one task with scores, in the order of the chain.
    decimals : int
        That scores are rounded to.
    closed : bool
        Whether the score on the part that counts is told, where there is one.
    """
    rows = list(rows)
    attempts = Counter(row.team for row in rows)
    scores = {
        team: round(row.counting if closed and row.counting is not None else row.score, decimals)
        for team, row in chosen(rows, decimals).items()
    }
    ordered = sorted(scores, key=lambda team: (-scores[team], team))
    ranks = {score: 1 + sum(other > score for other in scores.values()) for score in scores.values()}
    return [Standing(ranks[scores[team]], team, scores[team], attempts[team]) for team in ordered]


def chosen(rows: Iterable[Any], decimals: int) -> dict[str, Any]:
    """The attempt that stands for each team: best by rounded feedback, the latest among equals.

    The choice looks at feedback alone: the best of many attempts on the part that counts would be a lucky one.

    Parameters
    ----------
    rows : iterable of sqlalchemy.Row
        As for `table`.
    decimals : int
        That scores are rounded to.

    Returns
    -------
    dict
        Row by team.
    """
    best: dict[str, Any] = {}
    for row in rows:
        if row.team not in best or round(row.score, decimals) >= round(best[row.team].score, decimals):
            best[row.team] = row
    return best
