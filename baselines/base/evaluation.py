"""What detectors answer, task by task, and the wrapper that holds each of them to the contract."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from baselines.base.detector import Detector, shown
from generator import observed_labels
from generator.dataset import Split
from generator.errors import UserError


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """A question: the method that answers it, and the columns of the answer.

    Attributes
    ----------
    method : str
        Method of `Detector`.
    table, key : str
        The answer has one row for each row of this public table, named by this column.
    value : str
        The other column.
    numeric : bool
        Whether the value must be a finite number; otherwise it is text or null.
    labels : str
        What `fit` is shown: "truth", or "observed" labels in its place.
    """

    method: str
    table: str
    key: str
    value: str
    numeric: bool
    labels: str = "truth"


TASKS: dict[str, AnswerFormat] = {
    "accounts": AnswerFormat("score", "accounts", "account_id", "score", True),
    "observed": AnswerFormat("score", "accounts", "account_id", "score", True, "observed"),
    "campaigns": AnswerFormat("group", "accounts", "account_id", "campaign", False),
    "requests": AnswerFormat("score_requests", "requests", "request_id", "score", True),
    # Asked day after day for a split as of that day, by `replay`.
    "early": AnswerFormat("score", "accounts", "account_id", "score", True),
}


@dataclass(frozen=True)
class Result:
    """Predictions of a detector about a split.

    Attributes
    ----------
    name, task : str
        Name of the detector, and a key of `TASKS`.
    predictions : polars.DataFrame
        Key and value of the task, sorted by key; for "early" with the day in front, sorted by it first.
    seconds : float
        Wall time of fitting and scoring.
    fields : tuple of str
        Columns that it declared.
    """

    name: str
    task: str
    predictions: pl.DataFrame
    seconds: float
    fields: tuple[str, ...] = ()


def run(detector: Detector, train: Split | Sequence[Split], target: Split, task: str = "accounts") -> Result:
    """Fit a detector on one world or several and let it answer about another, showing it only what it declared.

    Parameters
    ----------
    detector : Detector
        Left as it is: a clone is fitted.
    train : Split or sequence of Split
        Worlds with open labels.
    target : Split
        Its labels are hidden, open or not.
    task : str
        Key of `TASKS`.

    Returns
    -------
    Result
        Checked predictions, and the time they took.

    Raises
    ------
    UserError
        If the detector does not answer this task, or breaks the contract; names every fault.

    Examples
    --------
    >>> from baselines.contract import toy_dataset
    >>> from baselines.registry import DETECTORS
    >>> train, target = (toy_dataset.split("train", toy_dataset.world(seed)) for seed in (1, 2))
    >>> run(DETECTORS["volume"](), train, target).predictions.columns
    ['account_id', 'score']
    """
    worlds = [train] if isinstance(train, Split) else train
    began = time.perf_counter()
    fitted = fit(detector, worlds, TASKS[task].labels if task in TASKS else "truth")
    predictions = answer(fitted, target, task)
    return Result(detector.name, task, predictions, time.perf_counter() - began, detector.fields)


def run_each(detector: Detector, train: Split, targets: Iterable[Split]) -> Iterator[Result]:
    """Fit a detector once and score the accounts of several splits.

    Parameters
    ----------
    detector : Detector
        Left as it is: a clone is fitted.
    train : Split
        World with open labels.
    targets : iterable of Split
        Worlds to score; their labels are hidden.

    Yields
    ------
    Result
        One per target; the first one's time holds the fitting.

    Raises
    ------
    UserError
        If the detector breaks the contract; names every fault.
    """
    began = time.perf_counter()
    fitted = fit(detector, [train])
    for target in targets:
        predictions = answer(fitted, target)
        yield Result(detector.name, "accounts", predictions, time.perf_counter() - began, detector.fields)
        began = time.perf_counter()


def fit(detector: Detector, worlds: Iterable[Split], labels: str = "truth") -> Detector:
    """Fit a clone that sees only the columns it declared.

    Parameters
    ----------
    detector : Detector
        Left as it is.
    worlds : iterable of Split
        Worlds with open labels.
    labels : str
        What it is shown of them, see `AnswerFormat`.

    Returns
    -------
    Detector
        The fitted clone.

    Raises
    ------
    UserError
        If it reads text and the dataset was made without.
    """
    known = (observed_labels.in_place_of_truth(w) if labels == "observed" else w for w in worlds)
    return detector.clone().fit(*(shown(detector, world) for world in known))


def answer(fitted: Detector, target: Split, task: str = "accounts") -> pl.DataFrame:
    """Ask a fitted detector about a split of which it sees the declared columns and no label.

    Parameters
    ----------
    fitted : Detector
        As `fit` returns it.
    target : Split
        World to answer about.
    task : str
        Key of `TASKS`.

    Returns
    -------
    polars.DataFrame
        As in `Result.predictions`.

    Raises
    ------
    UserError
        If the detector does not answer this task, or breaks the contract; names every fault.
    """
    if task not in TASKS or task not in fitted.tasks:
        raise UserError(f"detector {fitted.name} does not answer the task {task!r}: {', '.join(fitted.tasks)}")
    if task == "early":
        return replay(fitted, target)
    return _ask(fitted, target, TASKS[task])


def replay(fitted: Detector, target: Split, every: int = 1) -> pl.DataFrame:
    """Score the accounts known on each day by what was known when it ended.

    Parameters
    ----------
    fitted : Detector
        As `fit` returns it.
    target : Split
        World to replay, from its first day to its last.
    every : int
        Days from one answer to the next; the last day always has one.

    Returns
    -------
    polars.DataFrame
        day (counted from 0), account_id, score; sorted by day, then account.

    Raises
    ------
    UserError
        If the detector breaks the contract on some day; names every fault.
    """
    daily = {d: _ask(fitted, target.as_of(d), TASKS["early"]) for d in range(target.days - 1, -1, -every)[::-1]}
    return pl.concat(s.select(pl.lit(day, pl.Int32).alias("day"), pl.all()) for day, s in daily.items())


def check(name: str, frame: pl.DataFrame, target: Split, task: AnswerFormat) -> pl.DataFrame:
    """Hold an answer to the contract, and put it in order.

    Parameters
    ----------
    name : str
        Detector, for the message.
    frame : polars.DataFrame
        What the detector returned.
    target : Split
        World it was asked about.
    task : AnswerFormat
        Entry of `TASKS`.

    Returns
    -------
    polars.DataFrame
        Key and value, cast, sorted by key.

    Raises
    ------
    UserError
        If keys are missing, unknown or repeated, or scores are not finite numbers; names every fault.

    Examples
    --------
    >>> from baselines.contract import toy_dataset
    >>> target = toy_dataset.split("validation", toy_dataset.world(2, accounts=30, campaign=6))
    >>> some = target.accounts.polars().select("account_id", score=0.5).collect()
    >>> check("mine", some, target, TASKS["accounts"]).height
    30
    >>> check("mine", some[:29], target, TASKS["accounts"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    generator.errors.UserError: detector mine broke the contract on 30 accounts: 1 missing (e.g. acc-...); ...
    """
    if not isinstance(frame, pl.DataFrame):
        raise UserError(
            f"detector {name} returned a {type(frame).__name__}; return a DataFrame, as .collect() gives"
        )
    key_type = pl.Int64 if task.table == "requests" else pl.String
    value_type = pl.Float64 if task.numeric else pl.String
    if set(frame.columns) != {task.key, task.value} or (task.numeric and not frame[task.value].dtype.is_numeric()):
        raise UserError(
            f"detector {name} returned {dict(frame.schema)}; return a frame with {task.key} and "
            f"{'a numeric ' * task.numeric}{task.value}, nothing else"
        )
    tidy = frame.select(pl.col(task.key).cast(key_type), pl.col(task.value).cast(value_type)).sort(task.key)
    key_column = target.tables[task.table].polars().select(pl.col(task.key).cast(key_type)).collect()
    expected, keys = key_column.to_series().sort(), tidy[task.key]
    faults = _key_faults(keys, expected)
    if task.numeric:
        faults["without a finite score"] = keys.filter(~tidy[task.value].is_finite().fill_null(False))
    descriptions = [f"{len(ids):,} {fault} (e.g. {ids[0]})" for fault, ids in faults.items() if len(ids)]
    if descriptions:
        raise UserError(
            f"detector {name} broke the contract on {len(expected):,} {task.table}: {'; '.join(descriptions)}; "
            f"{task.method} must return one row with {task.value} for every {task.key}"
        )
    return tidy


def _key_faults(keys: pl.Series, expected: pl.Series) -> dict[str, pl.Series]:
    """Keys that are wrong, by what is wrong with them; both sorted."""
    if keys.equals(expected):  # not looked into then: there may be many millions
        return {}
    return {
        "missing": expected.filter(~expected.is_in(keys.implode())),
        "unknown": keys.filter(~keys.is_in(expected.implode())),
        "repeated": keys.filter(keys.is_duplicated()).unique(maintain_order=True),
    }


def _ask(fitted: Detector, target: Split, task: AnswerFormat) -> pl.DataFrame:
    return check(fitted.name, getattr(fitted, task.method)(shown(fitted, target).without_labels()), target, task)
