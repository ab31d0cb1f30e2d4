"""A board and its entries, as they are shown."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from leaderboard.records.estimate import Estimate
from leaderboard.records.task_definitions import TASKS, BoardColumn

RANK_RULE = (
    "Entries share a rank with the best of their group when the 95 % interval of their paired difference (a "
    "jackknife over campaigns and cohorts) contains zero."
)
UNVERIFIED = (
    "Anybody can make the test labels of {dataset} again from its name: entries here are unverified until the "
    "operator has reproduced them, and prove no claim. For a claim, enter a sealed season (siphonbench season), "
    "whose world comes from a secret."
)
_FROM_SEED = re.compile(r".+-seed\d+", re.DOTALL)


def labels_are_public(dataset: str) -> bool:
    """Whether a dataset is named after the configuration and seed that make it, test labels included.

    Parameters
    ----------
    dataset : str
        Its name.

    Examples
    --------
    >>> labels_are_public("nano-seed7"), labels_are_public("spring")
    (True, False)
    """
    return _FROM_SEED.fullmatch(dataset) is not None


def warning(dataset: str) -> str:
    """What a reader of a board is told about its entries; "" where the labels are secret.

    Parameters
    ----------
    dataset : str
        Its name.
    """
    return UNVERIFIED.format(dataset=dataset) if labels_are_public(dataset) else ""


@dataclass(frozen=True)
class RankedEntry:
    """One entry of a board: what its run says of it.

    Attributes
    ----------
    id : str
        Names it in addresses: the start of its submission id, the same in every store.
    run_id : str
        MLflow's id, for the operator.
    numbers : dict of str to float
        Every number of the scorecard by name, see `Scorecard.flat`, and "seconds" where they are known.
    tags : dict of str to str
        Card and origin.
    when : datetime
        When it was recorded, UTC.
    estimate : Estimate
        The primary metric, to be compared in pairs.
    rank : int
        From 1; 0 while it isn't ranked.
    """

    id: str
    run_id: str
    numbers: dict[str, float]
    tags: dict[str, str]
    when: datetime
    estimate: Estimate = field(repr=False, compare=False)
    rank: int = 0

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.tags["card.name"]

    @property
    def team(self) -> str:
        """Who sent it."""
        return self.tags["card.team"]

    @property
    def field_groups(self) -> str:
        """Field groups that it uses, e.g. "M+L"."""
        return self.tags["card.field_groups"]

    @property
    def code_url(self) -> str:
        """Address of its code, or ""."""
        return self.tags.get("card.code_url", "")

    @property
    def primary(self) -> float:
        """What it is ranked by."""
        return self.numbers["primary"]

    @property
    def low(self) -> float:
        """Low end of the 95 % interval of the primary metric."""
        return self.numbers["primary_low"]

    @property
    def high(self) -> float:
        """High end of it."""
        return self.numbers["primary_high"]

    @property
    def chance(self) -> float:
        """What an answer that tells nothing gets."""
        return self.numbers["primary_chance"]

    @property
    def seconds(self) -> float | None:
        """Training and scoring time, where it is known."""
        return self.numbers.get("seconds")

    def cell(self, column: BoardColumn) -> str:
        """What stands in a column of the board, "–" where the entry has nothing to say there.

        Parameters
        ----------
        column : BoardColumn
            Of its task.
        """
        number = self.numbers.get(column.number)
        return "–" if number is None else f"{self.tags.get(column.tag, '')} {number:.3f}".strip()

    @property
    def mark(self) -> str:
        """How far it is to be believed: "reproduced" from its code by the operator, "reported" by its team, or
        "unverified" where its team may have had the labels.
        """
        if self.tags.get("reproduced"):
            return "reproduced"
        return "unverified" if labels_are_public(self.tags["dataset"]) else "reported"


@dataclass(frozen=True)
class Board:
    """All entries with one key (dataset, evaluator, task), best first.

    Attributes
    ----------
    dataset : str
        Name for people; "" on an empty board.
    digest : str
        Of the dataset.
    evaluator : str
        Version of the evaluator.
    task : str
        Key of `task_definitions.TASKS`.
    entries : tuple of RankedEntry
        Best first.
    """

    dataset: str
    digest: str
    evaluator: str
    task: str
    entries: tuple[RankedEntry, ...]

    @cached_property
    def by_id(self) -> dict[str, int]:
        """Place of each entry, from 0."""
        return {e.id: i for i, e in enumerate(self.entries)}

    @cached_property
    def columns(self) -> tuple[BoardColumn, ...]:
        """What the board shows beside the primary metric: the columns of the task that some entry has."""
        known = {number for e in self.entries for number in e.numbers}
        return tuple(c for c in TASKS[self.task].columns if c.number in known)

    @property
    def timed(self) -> bool:
        """Whether it is known of any entry how long it took."""
        return any(e.seconds is not None for e in self.entries)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the entries; several of one name are numbered in the order in which they came."""
        total = Counter(e.name for e in self.entries)
        count: Counter[str] = Counter()
        labels = {}
        for i, e in sorted(enumerate(self.entries), key=lambda at: (at[1].when, at[1].run_id)):
            count[e.name] += 1
            labels[i] = f"{e.name} #{count[e.name]}" if total[e.name] > 1 else e.name
        return tuple(labels[i] for i in range(len(labels)))
