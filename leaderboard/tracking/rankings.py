"""The board, read back from MLflow: entries by primary metric, ranks shared where data can't tell them apart."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from generator.errors import UserError
from leaderboard.records.estimate import Estimate
from leaderboard.records.scorecard import EVALUATOR_VERSION
from leaderboard.records.task_definitions import DEFAULT
from leaderboard.tracking import mlflow_runs
from leaderboard.tracking.board import Board, RankedEntry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from leaderboard.tracking.store import Store

ID_LENGTH = 16
"""Characters of a submission id that name an entry in addresses."""
_PAGE = 1000
_LOG = logging.getLogger(__name__)
_NOT_SHOWN = ("replicates", "strata", "recorder")


def read(store: Store, digest: str, task: str = DEFAULT) -> Board:
    """Board of a dataset and task.

    Parameters
    ----------
    store : Store
        Where it is kept.
    digest : str
        Of the dataset.
    task : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If nothing has been recorded for it.
    """
    boards = _boards(store, mlflow_runs.experiment_name(digest, task), task)
    if not boards:
        raise UserError(f"{store.name} has no entries for {task} on dataset {digest[:12]}; submit one first")
    return boards[0]


def read_all(store: Store, task: str = DEFAULT, first: str = "") -> list[Board]:
    """Boards of a task, one for each dataset that has an entry.

    Parameters
    ----------
    store : Store
        Where they are kept.
    task : str
        Key of `task_definitions.TASKS`.
    first : str
        Digest of the dataset whose board comes first; the others follow by name.
    """
    boards = _boards(store, mlflow_runs.experiment_name("%", task), task)
    return sorted(boards, key=lambda b: (b.digest != first, b.dataset, b.digest))


def _boards(store: Store, pattern: str, task: str) -> list[Board]:
    """Boards whose experiments are called so."""
    if not store.exists:
        return []

    def once() -> list[Board | None]:
        with store.lock():  # another process may be setting up the database
            client = store.client()
            experiments = client.search_experiments(filter_string=f"name LIKE '{pattern}'")
            return [_board(client, e.name, task) for e in experiments]

    return [board for board in store.retry(once) if board]


def _board(client: MlflowClient, experiment: str, task: str) -> Board | None:
    pages = finished_runs(client, experiment)
    entries = ranked(e for page in pages for run in page if (e := entry(run)))
    if not entries:
        return None
    tags = entries[0].tags
    return Board(tags["dataset"], tags["dataset_digest"], EVALUATOR_VERSION, task, entries)


def finished_runs(client: MlflowClient, experiment: str, size: int = _PAGE) -> Iterator[list[Run]]:
    """FINISHED runs of a board, page by page, those that ended last first.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    experiment : str
        Name of the board's experiment.
    size : int
        Runs of a page.
    """
    kept = client.get_experiment_by_name(experiment)
    token: str | None = None
    while kept is not None:
        page = client.search_runs(
            [kept.experiment_id],
            "attributes.status = 'FINISHED'",
            max_results=size,
            order_by=["attributes.end_time DESC"],
            page_token=token,
        )
        yield list(page)
        token = page.token
        if not token:
            return


def entry(run: Run) -> RankedEntry | None:
    """Entry of a run, not yet ranked; None if the run is damaged, which is logged.

    Parameters
    ----------
    run : mlflow.entities.Run
        Finished.
    """
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    try:
        estimate = _estimate(run)
        shown = {k: v for k, v in tags.items() if k not in _NOT_SHOWN}
        when = datetime.fromtimestamp(run.info.end_time / 1000, UTC)
        shown_entry = RankedEntry(
            tags["submission_id"][:ID_LENGTH], run.info.run_id, dict(run.data.metrics), shown, when, estimate
        )
        numbers = (shown_entry.primary, shown_entry.low, shown_entry.high, shown_entry.chance)
        if not all(map(math.isfinite, numbers)) or not len(estimate.replicates):
            raise ValueError("its primary metric is no number")
        _ = shown_entry.name, shown_entry.team, shown_entry.field_groups, tags["dataset"], tags["dataset_digest"]
    except (KeyError, ValueError, TypeError) as error:
        _LOG.warning("run %s is damaged (%r): the board is shown without it", run.info.run_id, error)
        return None
    return shown_entry


def ranked(entries: Iterable[RankedEntry]) -> tuple[RankedEntry, ...]:
    """Best first, each submission once, ranks shared; see `board.RANK_RULE`.

    Parameters
    ----------
    entries : iterable of RankedEntry
        Of one board, in any order.
    """
    once: dict[str, RankedEntry] = {}
    for e in sorted(entries, key=lambda e: (e.when, e.run_id)):
        once.setdefault(e.id, e)  # hosts without a common lock may both have recorded it
    best = sorted(once.values(), key=lambda e: (-e.primary, e.id))
    places = ranks([e.estimate for e in best])
    return tuple(replace(e, rank=rank) for e, rank in zip(best, places, strict=True))


def ranks(estimates: Sequence[Estimate]) -> list[int]:
    """Competition ranks (1, 1, 3) of entries ordered best first; see `board.RANK_RULE`.

    Parameters
    ----------
    estimates : sequence of Estimate
        The primary metric of each entry, with replicates of the same folds.

    Examples
    --------
    Without some fold the second entry is above the first; the third is far below, whatever is left out.

    >>> import numpy as np
    >>> values = (0.8, [0.9, 0.7, 0.8]), (0.77, [0.8, 0.8, 0.7]), (0.1, [0.2, 0.0, 0.1])
    >>> ranks([Estimate(value, np.array(without), (3,)) for value, without in values])
    [1, 1, 3]
    """
    places: list[int] = []
    leader = 0
    for i, estimate in enumerate(estimates):
        low, high = (estimates[leader] - estimate).interval()
        if low > 0 or high < 0:
            leader = i
        places.append(leader + 1)
    return places


def _estimate(run: Run) -> Estimate:
    tags = run.data.tags
    strata = tuple(int(n) for n in json.loads(tags["strata"]))
    replicates = mlflow_runs.unpack(tags["replicates"])
    if sum(strata) != len(replicates):
        raise ValueError(f"{len(replicates)} replicates are not those of strata {strata}")
    return Estimate(run.data.metrics["primary"], replicates, strata)
