"""What a task asks and what its numbers mean; the table of all tasks, each of which is one file of `tasks`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

_ENTRIES = {
    "accounts": "leaderboard.tasks.accounts:TASK",
    "observed": "leaderboard.tasks.observed:TASK",
    "campaigns": "leaderboard.tasks.campaigns:TASK",
    "requests": "leaderboard.tasks.requests:TASK",
    "early": "leaderboard.tasks.early:TASK",
}
DEFAULT = "accounts"
"""The task that is meant where none is named."""


@dataclass(frozen=True)
class Metric:
    """What a number means.

    Attributes
    ----------
    title : str
        For a reader.
    chance : str
        What an answer that tells nothing gets; a scorecard has the number.
    ties : str
        What happens to rows with equal values.
    higher_is_better : bool
        Direction.
    range : (float, float)
        Least and most that it can be.
    """

    title: str
    chance: str
    ties: str
    higher_is_better: bool = True
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """A column of the board: the number's name in `Scorecard.flat`, what stands above it, and its direction.

    Where `tag` names a tag of entries, its text stands before the number: whose number it is.
    """

    number: str
    title: str
    short: str
    higher_is_better: bool = True
    tag: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A question and how answers are scored.

    Attributes
    ----------
    question : str
        One line.
    keys : dict of str to str
        Columns that name a row of a submission, and their type: "string" or "integer".
    value, kind : str
        The other column, and its type: "number" (finite) or "label" (text, or empty: none).
    rows : str
        What a row is about, in the plural.
    counted : str
        Table of the split whose rows are at most as many as a submission's: "accounts" or "requests".
    primary : str
        Key of the metric that ranks entries, in `metrics`.
    title, short : str
        Its name on a board.
    metrics : mapping of str to Metric
        All metrics.
    columns : tuple of BoardColumn
        What a board shows beside the primary metric, where an entry has it.
    replayed : bool
        Whether the evaluator asks a detector day after day, so that no file can be submitted.
    labels : str
        Which labels an entry may have learnt from, as cards say it; "truth": any.
    example : tuple of tuple
        Some rows of an answer: keys, then the value.
    note : str
        What is special about its rows, said on the page of formats and beside every fault of a file.
    """

    question: str
    keys: dict[str, str]
    value: str
    kind: str
    rows: str
    counted: str
    primary: str
    title: str
    short: str
    metrics: Mapping[str, Metric]
    columns: tuple[BoardColumn, ...]
    replayed: bool = False
    labels: str = "truth"
    example: tuple[tuple[str | int | float | None, ...], ...] = ()
    note: str = ""

    @property
    def primary_column(self) -> BoardColumn:
        """The column that ranks a board."""
        return BoardColumn("primary", self.title, self.short)


class _Registry(Mapping[str, Any]):
    """Tasks by name; the module of each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        return EntryPoint(name, _ENTRIES[name], "siphonbench.tasks").load()

    def __iter__(self) -> Iterator[str]:
        return iter(_ENTRIES)

    def __len__(self) -> int:
        return len(_ENTRIES)

    def __contains__(self, name: object) -> bool:
        return name in _ENTRIES


TASKS: Mapping[str, Task] = _Registry()
"""All tasks; `leaderboard.tasks.scoring` has what else belongs to one."""


def submitted() -> tuple[str, ...]:
    """Tasks that a file alone can answer: *early* is asked day by day, *observed* needs a card beside the file.

    Examples
    --------
    >>> submitted()
    ('accounts', 'campaigns', 'requests')
    """
    return tuple(name for name, task in TASKS.items() if not task.replayed and task.labels == "truth")
