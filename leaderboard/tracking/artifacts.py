"""Files of recorded entries, found relative to the store: its folder may have moved since they were written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from generator.errors import UserError
from leaderboard.tracking import database

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from leaderboard.tracking.store import Store

SCORECARD = "scorecard.json"


def read(store: Store, client: MlflowClient, run: Run) -> dict[str, bytes]:
    """Files of a run by name.

    Parameters
    ----------
    store : Store
        Where the run is.
    client : MlflowClient
        Of the store.
    run : mlflow.entities.Run
        Of an entry.

    Raises
    ------
    UserError
        If its scorecard is not there.
    """
    from mlflow.exceptions import MlflowException

    beside = store.artifacts / run.info.run_id / "artifacts"
    if not store.served and beside.is_dir():
        files = {f.name: f.read_bytes() for f in sorted(beside.iterdir()) if f.is_file()}
    else:
        try:
            with tempfile.TemporaryDirectory() as folder:
                names = [f.path for f in client.list_artifacts(run.info.run_id) if not f.is_dir]
                files = {
                    n: Path(client.download_artifacts(run.info.run_id, n, folder)).read_bytes() for n in names
                }
        except (MlflowException, OSError):
            files = {}
    if SCORECARD not in files:
        raise UserError(
            f"entry {run.data.tags.get('card.name', run.info.run_id)!r} lacks its {SCORECARD}, in {store.name} or "
            f"{beside}: bring back the store's folder of artifacts"
        )
    return files


def relocate(store: Store, experiment: str, before: str) -> None:
    """Tell MLflow where the artifacts of an experiment are, after the store's folder has moved.

    Parameters
    ----------
    store : Store
        In a folder, whose lock is held.
    experiment : str
        Its id.
    before : str
        Address at which MLflow has them.
    """
    values = {"id": experiment, "old": before, "new": store.artifacts.as_uri()}
    move = (
        "UPDATE runs SET artifact_uri = :new || substr(artifact_uri, length(:old) + 1) WHERE experiment_id = :id"
    )
    with database.engine(store.uri).begin() as connection:
        connection.execute(sa.text(f"{move} AND substr(artifact_uri, 1, length(:old)) = :old"), values)
        connection.execute(
            sa.text("UPDATE experiments SET artifact_location = :new WHERE experiment_id = :id"), values
        )
