"""MLflow as the logbook of submissions: one FINISHED run per entry, written once, whoever retries."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard import plots, scorecard, submission

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from leaderboard.scorecard import Scorecard
    from leaderboard.submission import Submission

_STALE_SECONDS = 3600
_KEPT_RESAMPLES = 1000  # 4 bytes each, base85: 5,000 characters, and a tag holds 8,000


@dataclass(frozen=True)
class Store:
    """Where a board lives: an SQLite file and a folder of artifacts beside it.

    Attributes
    ----------
    folder : Path
        Made on first use.
    """

    folder: Path

    @property
    def uri(self) -> str:
        """MLflow tracking address."""
        return f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Folder of the artifacts."""
        return self.folder.resolve() / "artifacts"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one process at a time: an empty database must not be set up by two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def client(self) -> MlflowClient:
        """MLflow client on this store; never the fluent interface, which records user and script names."""
        # Telemetry is on unless this stands before the import.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow import MlflowClient

        # Only now: importing mlflow sets its own levels.
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        return MlflowClient(tracking_uri=self.uri)


def experiment_name(digest: str, task: str, evaluator: str = scorecard.EVALUATOR_VERSION) -> str:
    """Experiment of a board: results with unlike keys never share one."""
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
    with store.lock():
        client = store.client()
        experiment = _experiment(client, store, card)
        known = client.search_runs([experiment], f"tags.submission_id = '{submission_id}'")
        for run in known:
            if run.info.status == "FINISHED":
                return str(run.info.run_id)
            client.delete_run(run.info.run_id)
        run_id = _create(client, experiment, card, entry, submission_id, dataset_name)
        _log(client, run_id, card, entry, dataset_name, seconds)
        client.set_terminated(run_id, "FINISHED")
    return run_id


def pack(values: tuple[float, ...]) -> str:
    """Resamples of the primary metric as text that fits a tag."""
    return base64.b85encode(np.asarray(values[:_KEPT_RESAMPLES], "<f4").tobytes()).decode()


def unpack(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Resamples from their text."""
    return np.frombuffer(base64.b85decode(text), "<f4").astype(np.float64)


def _experiment(client: MlflowClient, store: Store, card: Scorecard) -> str:
    name = experiment_name(card.dataset, card.task, card.evaluator)
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=store.artifacts.as_uri()))
    stale = (time.time() - _STALE_SECONDS) * 1000
    for run in client.search_runs(
        [found.experiment_id], f"attributes.status = 'RUNNING' and start_time < {stale:.0f}"
    ):
        client.set_terminated(run.info.run_id, "KILLED")
    return str(found.experiment_id)


def _create(
    client: MlflowClient, experiment: str, card: Scorecard, entry: Submission, submission_id: str, dataset: str
) -> str:
    run = client.create_run(
        experiment,
        run_name=entry.card.name,
        tags={
            "submission_id": submission_id,
            "dataset": dataset,
            "dataset_digest": card.dataset,
            "evaluator": card.evaluator,
            "task": card.task,
            "worst_archetype": card.worst_archetype,
            "resampled": pack(card.resampled),
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
        (root / "scorecard.json").write_text(card.to_json(), "utf-8")
        (root / "card.toml").write_text(submission.card_toml(entry.card), "utf-8")
        plots.write(card, root)
        client.log_artifacts(run_id, folder)
