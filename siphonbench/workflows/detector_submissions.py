"""Detectors' answers as submission folders, each with the card of its author."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.base.evaluation import Result
    from generator.dataset import Dataset
    from leaderboard.records.card import Card
    from leaderboard.records.scorecard import Scorecard


def folder_name(detector: str, task: str) -> str:
    """Name the folder of a detector's submission for a task.

    Parameters
    ----------
    detector, task : str
        Their names.

    Examples
    --------
    >>> folder_name("volume", "accounts"), folder_name("volume", "early")
    ('volume', 'volume.early')
    """
    from leaderboard.records.task_definitions import DEFAULT

    return detector if task == DEFAULT else f"{detector}.{task}"


def answers(
    data: Dataset, names: list[str] | None, split: str, seed: int | None, tick: Callable[[int, int], None]
) -> Iterator[Result]:
    """Train detectors on train, one after the other in this process, and let them score a split.

    Parameters
    ----------
    data : Dataset
        To learn from and to score.
    names : list of str, optional
        Detectors; all that are built in or installed, and score accounts, if left out.
    split : str
        To score.
    seed : int, optional
        Of the detectors; 0 if left out.
    tick : callable
        Told (done, total).

    Yields
    ------
    Result
        Scores of a detector on the task *accounts*.
    """
    from baselines import plugins, run

    chosen, target = names or [*plugins.everything("accounts")], data.reveal(split).without_labels()
    tick(0, len(chosen))
    for done, result in enumerate(run.run_all(chosen, data.reveal("train"), target, seed or 0), 1):
        yield result
        tick(done, len(chosen))


def recorded(results: Iterable[Result], data: Dataset, board: Path) -> Iterator[tuple[str, Scorecard]]:
    """Score on test what detectors answered and record it in MLflow; the board's page is left to the caller.

    Parameters
    ----------
    results : iterable of Result
        About test, from `answers`.
    data : Dataset
        Its labels are opened here, once for all results.
    board : Path
        Folder of the store; the submissions are kept in it.

    Yields
    ------
    tuple of str and Scorecard
        Name of a detector, and what it reached, when it is on the board.
    """
    from leaderboard.tasks import scoring
    from leaderboard.tracking import mlflow_runs

    store, test = mlflow_runs.Store.at(board), data.reveal("test")
    truth = scoring.truth(test)
    for result in results:
        entry = scoring.read_submission(test, result.task, write(result, board / "entries"))
        card = scoring.score(result.task, entry.predictions, truth, data.digest)
        mlflow_runs.record(store, card, entry, data.name, result.seconds)
        yield result.name, card


def write(result: Result, out: Path) -> Path:
    """Write what a detector answered as a submission folder.

    Parameters
    ----------
    result : Result
        From `answers`.
    out : Path
        Folder that holds the new one.

    Returns
    -------
    Path
        The submission.
    """
    from leaderboard.records import submission

    return submission.write(out / result.name, result.predictions, card(result.name, result.fields))


def card(name: str, fields: Iterable[str], task: str = "accounts") -> Card:
    """Card of a detector's submission.

    Parameters
    ----------
    name : str
        Of the detector.
    fields : iterable of str
        Columns that it declares.
    task : str
        What it answered.
    """
    from baselines.registry import DETECTORS
    from generator.schema import field_groups
    from leaderboard.records.card import Card
    from leaderboard.records.task_definitions import TASKS

    team = "SiphonBench baselines" if name in DETECTORS else "not named"
    return Card(name=name, team=team, field_groups=field_groups(fields), labels=TASKS[task].labels)


def author_card(folder: Path, name: str, fields: Iterable[str], task: str = "accounts") -> Card:
    """Card of a detector's submission, with what its author wrote on the one that is there.

    Parameters
    ----------
    folder : Path
        Submission, or where it will be.
    name, fields, task
        As for `card`.
    """
    from leaderboard.records import card as cards

    faults: list[str] = []
    new, file = card(name, fields, task), folder / cards.FILE
    old = cards.read(file, faults) if file.is_file() else new
    return new if faults else replace(old, field_groups=new.field_groups, labels=new.labels)


def digest(folder: Path) -> str:
    """SHA-256 of a submission's predictions.

    Parameters
    ----------
    folder : Path
        Submission.
    """
    return hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
