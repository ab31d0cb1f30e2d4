"""MLflow as the logbook of submissions: one FINISHED run per entry, written once, whoever retries."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.errors import UserError
from leaderboard.records import card as cards
from leaderboard.records import scorecard
from leaderboard.tracking import artifacts, plots
from leaderboard.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from leaderboard.records.scorecard import Scorecard
    from leaderboard.records.submission import Submission

__all__ = ["Store", "claim", "experiment_name", "make_experiment", "mark", "pack", "record", "settle", "unpack"]

_STALE_SECONDS = 3600
_MOST_REPLICATES = 1000  # 4 bytes each, base85: 5,000 characters, and a tag holds 8,000


def experiment_name(digest: str, task: str, evaluator: str = scorecard.EVALUATOR_VERSION) -> str:
    """Experiment of a board: results with unlike keys never share one.

    Parameters
    ----------
    digest, task, evaluator : str
        What makes results comparable.
    """
    return f"siphonbench/{task}/{digest[:16]}/evaluator-{evaluator}"


def record(
    store: Store, card: Scorecard, entry: Submission, dataset_name: str, seconds: float | None = None
) -> str:
    """Record one scored submission and return its run id.

    The same submission on the same dataset is recorded once. The run is FINISHED last of all, and boards read
    FINISHED runs only, so that an interrupted one never shows.

    Parameters
    ----------
    store : Store
        Where to.
    card, entry : Scorecard, Submission
        What was scored, and what was submitted.
    dataset_name : str
        Name for people; the digest is in the scorecard.
    seconds : float, optional
        Training and scoring time of the detector.
    """
    key = "|".join((entry.digest, card.dataset, card.task, card.evaluator))
    submission_id = hashlib.sha256(key.encode()).hexdigest()

    def once() -> str:
        with store.lock():
            client = store.client()
            experiment = make_experiment(client, store, experiment_name(card.dataset, card.task, card.evaluator))
            if known := claim(client, store, experiment, submission_id):
                return known
            run_id = _create(client, store, experiment, card, entry, submission_id, dataset_name)
            _log(client, run_id, card, entry, dataset_name, seconds)
            client.set_terminated(run_id, "FINISHED")
            return settle(client, experiment, submission_id)

    return store.retry(once)


def claim(client: MlflowClient, store: Store, experiment: str, submission_id: str) -> str | None:
    """Run of a submission that is recorded already; None if it may be recorded now, over what was cut off.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    store : Store
        Whose lock is held.
    experiment : str
        Its id.
    submission_id : str
        SHA-256 of what was submitted.
    """
    runs = client.search_runs([experiment], f"tags.submission_id = '{submission_id}'")
    for run in runs:
        if run.info.status == "FINISHED":
            return settle(client, experiment, submission_id)
    for run in runs:
        # We hold the lock: what ran under it is dead. On a server, another host may be recording.
        if not store.served or run.data.tags.get("recorder") == store.recorder:
            client.delete_run(run.info.run_id)
    return None


def settle(client: MlflowClient, experiment: str, submission_id: str) -> str:
    """The one run of a submission: hosts without a common lock may both have finished it; the first one stays.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    experiment : str
        Its id.
    submission_id : str
        SHA-256 of what was submitted.
    """
    wanted = f"tags.submission_id = '{submission_id}' and attributes.status = 'FINISHED'"
    first, *others = sorted(
        client.search_runs([experiment], wanted), key=lambda r: (r.info.end_time, r.info.run_id)
    )
    for run in others:
        client.delete_run(run.info.run_id)
    return str(first.info.run_id)


def mark(store: Store, entry: str, note: str) -> str:
    """Say of an entry that the operator has reproduced it; its name.

    Parameters
    ----------
    store : Store
        Where it is recorded.
    entry : str
        Id of the entry, or the start of it.
    note : str
        How it was reproduced.

    Raises
    ------
    UserError
        If there is not exactly one such entry.
    """
    runs = []
    if store.exists and len(entry) >= 8 and entry.isalnum():
        client = store.client()
        experiments = [
            e.experiment_id for e in client.search_experiments(filter_string="name LIKE 'siphonbench/%'")
        ]
        wanted = f"tags.submission_id LIKE '{entry}%' and attributes.status = 'FINISHED'"
        runs = client.search_runs(experiments, wanted) if experiments else []
    if len(runs) != 1:
        raise UserError(f"{store.name} has {len(runs)} entries {entry[:40]!r}: give the id in the entry's address")
    client.set_tag(runs[0].info.run_id, "reproduced", note[:500])
    return str(runs[0].data.tags["card.name"])


def pack(values: tuple[float, ...]) -> str:
    """Replicates of the primary metric as text that fits a tag.

    Parameters
    ----------
    values : tuple of float
        Without each fold.
    """
    return base64.b85encode(np.asarray(values[:_MOST_REPLICATES], "<f4").tobytes()).decode()


def unpack(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Replicates from their text.

    Parameters
    ----------
    text : str
        What `pack` made.
    """
    return np.frombuffer(base64.b85decode(text), "<f4").astype(np.float64)


def make_experiment(client: MlflowClient, store: Store, name: str) -> str:
    """Experiment of a board; runs in it that nobody goes on with are swept.

    Parameters
    ----------
    client : MlflowClient
        Of the store.
    store : Store
        Whose lock is held.
    name : str
        See `experiment_name`.
    """
    from mlflow.exceptions import MlflowException

    kept = client.get_experiment_by_name(name)
    if kept is None:
        try:
            return str(client.create_experiment(name, **store.location()))
        except MlflowException as error:
            kept = client.get_experiment_by_name(name)  # another host may have been quicker
            if kept is None:
                raise error
    if not store.tracking and kept.artifact_location != store.artifacts.as_uri():
        artifacts.relocate(store, str(kept.experiment_id), str(kept.artifact_location))
    stale = (time.time() - _STALE_SECONDS) * 1000
    for run in client.search_runs(
        [kept.experiment_id], f"attributes.status = 'RUNNING' and start_time < {stale:.0f}"
    ):
        client.set_terminated(run.info.run_id, "KILLED")
    return str(kept.experiment_id)


def _create(
    client: MlflowClient,
    store: Store,
    experiment: str,
    card: Scorecard,
    entry: Submission,
    submission_id: str,
    dataset: str,
) -> str:
    run = client.create_run(
        experiment,
        run_name=entry.card.name,
        tags={
            "submission_id": submission_id,
            "recorder": store.recorder,
            "dataset": dataset,
            "dataset_digest": card.dataset,
            "evaluator": card.evaluator,
            "task": card.task,
            "worst_archetype": card.worst_archetype,
            "replicates": pack(card.replicates),
            "strata": json.dumps(card.strata),
            **{f"card.{k}": str(v) for k, v in asdict(entry.card).items()},
        },
    )
    return str(run.info.run_id)


def _log(
    client: MlflowClient, run_id: str, card: Scorecard, entry: Submission, dataset: str, seconds: float | None
) -> None:
    from mlflow.entities import Dataset, DatasetInput, Metric, Param

    now = int(time.time() * 1000)
    numbers = card.flat() | ({} if seconds is None else {"seconds": seconds})
    params = asdict(entry.card) | {"version": version("siphonbench"), "evaluator": card.evaluator}
    client.log_batch(
        run_id,
        metrics=[Metric(k, v, now, 0) for k, v in numbers.items()],
        params=[Param(k, str(v)) for k, v in params.items()],
    )
    source = json.dumps({"url": f"siphonbench:{dataset}"})
    described = Dataset(dataset, card.dataset[:32], "code", source)
    client.log_inputs(run_id, [DatasetInput(described, [])])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / artifacts.SCORECARD).write_text(card.to_json(), "utf-8")
        (root / cards.FILE).write_text(cards.toml(entry.card), "utf-8")
        plots.write(card, root)
        client.log_artifacts(run_id, folder)
