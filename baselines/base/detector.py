"""The detector protocol: what everybody who wants to be run must have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from baselines.base.search_space import Ranges
from generator.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Split


@dataclass
class Detector(ABC):
    """Something that learns from one world and gives every account of another a score.

    Subclasses are dataclasses: constructor arguments are the parameters, everything learnt is a field with
    ``init=False``, so that `clone` gives an unfitted twin.

    Parameters
    ----------
    seed : int
        Seed of all randomness; the same seed and data give the same scores.

    Attributes
    ----------
    name, description, source : str
        Key in the registry, one line for a reader, and where the idea comes from.
    fields : tuple of str
        Public columns used, as table.column; `evaluation.run` hides all others.
    tasks : tuple of str
        Keys of `evaluation.TASKS` that it answers, each by the method named there.
    upper_bound : bool
        Whether it is told part of the truth when it scores: no entry of a board, but a bound on what entries can
        reach.
    floor : bool
        Whether it knows nothing worth knowing: nobody demands that it scores a blatant campaign higher.
    draws : bool
        Whether it draws a number for each id, so that other ids get other scores.
    ranges : mapping of str to search_space.SearchRange
        Parameters that can be tuned, and values they may have.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    source: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "early", "observed")
    upper_bound: ClassVar[bool] = False
    floor: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    ranges: ClassVar[Ranges] = {}

    seed: int = 0

    @abstractmethod
    def fit(self, *worlds: Split) -> Self:
        """Learn from one world with open labels, or several that share no account.

        Parameters
        ----------
        *worlds : Split
            Training worlds; only the declared columns are there.

        Returns
        -------
        Detector
            The detector itself.

        Raises
        ------
        UserError
            If there is nothing to learn from, e.g. no extraction account.
        """

    @abstractmethod
    def score(self, split: Split) -> pl.DataFrame:
        """Score every account; a higher score means more likely extraction.

        Parameters
        ----------
        split : Split
            World to score, without labels. For the task "early" it is what was known when a day ended
            (`Split.as_of`), day after day.

        Returns
        -------
        polars.DataFrame
            One row (account_id, score) for every account; scores are finite.
        """

    def group(self, split: Split) -> pl.DataFrame:
        """Sort accounts into campaigns, for the task "campaigns".

        Parameters
        ----------
        split : Split
            World to answer about, without labels.

        Returns
        -------
        polars.DataFrame
            One row (account_id, campaign) for every account; null: in no campaign.
        """
        raise NotImplementedError(f"detector {self.name} declares the task campaigns and has no group")

    def score_requests(self, split: Split) -> pl.DataFrame:
        """Score every request, for the task "requests"; higher means more likely part of an extraction.

        Parameters
        ----------
        split : Split
            World to score, without labels.

        Returns
        -------
        polars.DataFrame
            One row (request_id, score) for every request; scores are finite.
        """
        raise NotImplementedError(f"detector {self.name} declares the task requests and has no score_requests")

    def state(self) -> dict[str, Any]:
        """What was learnt, so that a fitted detector can be kept as a file.

        Returns
        -------
        dict of str to object
            The fields with ``init=False``. Their values can be kept if they are None, truth values, finite
            numbers, text, NumPy arrays of numbers, XGBoost models of two classes, or lists and dictionaries of
            such; whoever learns something else overrides this and `restore`.
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.init}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Take over what another of this class, with the same parameters, has learnt.

        Parameters
        ----------
        state : mapping of str to object
            As `state` gave it; a tuple may have become a list.

        Returns
        -------
        Detector
            The detector itself.

        Raises
        ------
        UserError
            If it is the state of another class.
        """
        if missing := {f.name for f in fields(self) if not f.init} ^ set(state):
            raise UserError(f"detector {self.name} has learnt other things: {', '.join(sorted(missing))[:80]}")
        for name, value in state.items():
            setattr(self, name, value)
        return self

    def clone(self) -> Self:
        """An unfitted detector with the same parameters."""
        return replace(self)


def accounts(split: Split) -> pl.Series:
    """Ids of all accounts of a split.

    Parameters
    ----------
    split : Split
        Any world.

    Returns
    -------
    polars.Series
        account_id (String), sorted.
    """
    import polars as pl

    ids = split.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
    return ids.to_series().sort()


def shown(detector: Detector, world: Split) -> Split:
    """A split as a detector sees it: only the columns that it declared.

    Parameters
    ----------
    detector : Detector
        Who will look.
    world : Split
        Its labels stay as they are, open or not.

    Returns
    -------
    Split
        What it is shown.

    Raises
    ------
    UserError
        If it reads text and the dataset was made without, or if nobody recorded anything that it reads.
    """
    if why := world.lacking(detector.fields):
        raise UserError(f"detector {detector.name} reads text, and {why}")
    from generator import schema  # here: who declares a detector need not read the tables of the schema

    features = {field for field in detector.fields if schema.column(field).group != "K"}
    if features and features <= world.missing:
        raise UserError(
            f"detector {detector.name} reads nothing but what nobody recorded in {world.name}: "
            f"{', '.join(sorted(features))}"
        )
    return world.restrict(detector.fields)
