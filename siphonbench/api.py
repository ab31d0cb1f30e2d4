"""The library: datasets made, opened and checked, submissions scored and put on the board."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from generator.dataset import Dataset
    from leaderboard.records.scorecard import Scorecard
    from leaderboard.records.submission import Submission
    from leaderboard.tracking.rankings import Board

_HERE = Path(__file__).resolve().parents[1]
for _name in ("generator", "baselines", "leaderboard"):
    _spec = importlib.util.find_spec(_name)
    _origin = _spec.origin if _spec else None
    if _origin is None or Path(_origin).resolve() != _HERE / _name / "__init__.py":
        raise ImportError(
            f"siphonbench needs its own package {_name} in {_HERE} but finds {_origin or 'another folder'}: "
            "rename what shadows it, or start in another folder"
        )

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # mlflow reads it when it is imported

DATA, BOARD = Path("siphonbench-data/nano"), Path("siphonbench-board")


def load(path: str | Path, storage_options: dict[str, Any] | None = None) -> Dataset:
    """Open a dataset; tables are read when asked for, and test labels stay masked.

    Parameters
    ----------
    path : path or str
        Folder, or an address such as hf://datasets/OWNER/NAME, s3://BUCKET/NAME or gs://BUCKET/NAME. Files at an
        address are copied when they are needed, to the folder SIPHONBENCH_CACHE (~/.cache/siphonbench).
    storage_options : dict, optional
        For addresses: what fsspec's file system is opened with.

    Raises
    ------
    UserError
        If there is no complete dataset, or the address can't be read.
    """
    from generator import dataset

    return dataset.load(path, storage_options)


def generate(
    preset: str = "nano",
    seed: int | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    config: str | Path | None = None,
    on_shard: Callable[[int, int], None] | None = None,
    resume: bool = False,
    engine: str = "",
    scheduler: str = "",
    storage_options: dict[str, Any] | None = None,
) -> Dataset:
    """Generate a dataset and open it.

    Parameters
    ----------
    preset : str
        "nano", "small", "medium" or "full".
    seed : int, optional
        Base seed; left out, what the config file says, or 0.
    out : path, optional
        New or empty folder, or an address such as s3://BUCKET/NAME; left out, siphonbench-data/ and the name of
        the preset.
    workers : int
        Processes; any number gives the same bytes.
    config : path, optional
        TOML file that takes the place of the preset, or the name of a scenario that comes along: "headline".
    on_shard : callable, optional
        Told (done, total) as work goes on.
    resume : bool
        Go on from what a killed run has left, to the same bytes as if it had not been.
    engine : str
        "serial", "processes" or "dask"; left out, as many processes as `workers`.
    scheduler : str
        Address of Dask's scheduler; left out, Dask starts a cluster here.
    storage_options : dict, optional
        For addresses: what fsspec's file system is opened with.

    Raises
    ------
    UserError
        If the configuration is faulty or the folder is not free; nothing half-written stays.
    """
    from generator.pipeline import engines
    from generator.pipeline import generate as release

    plan, runs = _plan(preset, seed, config), engines.choose(engine, workers, scheduler)
    where = Path(out or DATA.parent / plan.name)
    return load(release.generate(plan, where, workers, on_shard, resume, runs, storage_options), storage_options)


def release(
    out: str | Path,
    preset: str = "nano",
    seed: int | None = None,
    workers: int = 1,
    config: str | Path | None = None,
    on_shard: Callable[[int, int], None] | None = None,
    resume: bool = False,
    engine: str = "",
    scheduler: str = "",
    **options: Any,
) -> Dataset:
    """Write the folder of a dataset as it is uploaded, and open it.

    Parameters
    ----------
    out : path
        New or empty folder.
    preset : str
        "nano", "small", "medium" or "full".
    seed : int, optional
        Base seed; left out, what the config file says, or 0.
    workers : int
        Processes; any number gives the same bytes.
    config : path, optional
        As for `generate`.
    on_shard : callable, optional
        Told (done, total) as work goes on.
    resume : bool
        Go on from what a killed run has left.
    engine : str
        As for `generate`.
    scheduler : str
        As for `generate`.
    **options
        test_truth, published and owner: see `generator.publish.release_folder.write`.

    Raises
    ------
    UserError
        If the configuration is faulty or the folder is not free; nothing half-written stays.
    """
    from generator.pipeline import engines
    from generator.publish import release_folder

    plan, runs = _plan(preset, seed, config), engines.choose(engine, workers, scheduler)
    return load(
        release_folder.write(plan, Path(out), workers, on_shard, resume=resume, with_engine=runs, **options)
    )


def verify(
    path: str | Path,
    storage_options: dict[str, Any] | None = None,
    regenerate: bool = False,
    workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Recompute every digest of a dataset: one sentence per fault, none if all is well.

    Parameters
    ----------
    path : path or str
        As for `load`.
    storage_options : dict, optional
        As for `load`.
    regenerate : bool
        Make the data again from its configuration as well, and compare what the files hold.
    workers : int
        Processes, when making it again.
    on_shard : callable, optional
        Told (done, total), when making it again.

    Raises
    ------
    UserError
        If there is no complete dataset.
    """
    from generator.publish import verify as check

    folder = check.here(path, storage_options)
    faults = check.verify(folder)
    return check.again(folder, workers, on_shard) if regenerate and not faults else faults


def evaluate(dataset: Dataset, predictions: str | Path, split: str = "test", task: str = "accounts") -> Scorecard:
    """Score a submission, with 95 % intervals.

    Parameters
    ----------
    dataset : Dataset
        Its labels are opened here, for the evaluator alone.
    predictions : path
        Folder with predictions.parquet (or .csv) and card.toml, or such a file alone.
    split : str
        "test", or "validation" while developing.
    task : str
        "accounts", "campaigns", "requests" or "early".

    Raises
    ------
    UserError
        With all faults of the submission at once.
    """
    return _evaluated(dataset, predictions, split, task)[1]


def submit(
    dataset: Dataset,
    predictions: str | Path,
    folder: str | Path = BOARD,
    seconds: float | None = None,
    task: str = "accounts",
) -> Board:
    """Score a submission on test, record it in MLflow, and bring the board and its page up to date.

    Parameters
    ----------
    dataset : Dataset
        As for `evaluate`.
    predictions : path
        As for `evaluate`.
    folder : path or address
        Holds the MLflow store and board.html, made if missing; or postgresql:// or http:// where the store is.
    seconds : float, optional
        Training and scoring time, to be shown on the board.
    task : str
        As for `evaluate`.

    Raises
    ------
    UserError
        With all faults of the submission at once; nothing is recorded then.
    """
    from leaderboard.tracking import mlflow_runs

    entry, card = _evaluated(dataset, predictions, "test", task)
    mlflow_runs.record(mlflow_runs.Store.at(folder), card, entry, dataset.name, seconds)
    return board(dataset, folder, task)


def board(dataset: Dataset, folder: str | Path = BOARD, task: str = "accounts") -> Board:
    """Read the ranked entries of a task on a dataset back from MLflow, and write their page."""
    from leaderboard.tracking import board_page, mlflow_runs, rankings

    store = mlflow_runs.Store.at(folder)
    current = rankings.read(store, dataset.digest, task)
    board_page.write(current, board_page.path(store.folder, task))
    return current


def load_verified(path: Path) -> Dataset:
    """Open a dataset once every file is what its manifest says.

    Parameters
    ----------
    path : Path
        As for `load`.

    Raises
    ------
    UserError
        If there is no complete dataset, or a file of it is damaged, missing or foreign.
    """
    from generator.errors import UserError

    if faults := verify(path):
        some = "; ".join(faults[:3])
        files = "file" if len(faults) == 1 else "files"
        raise UserError(f"{path} has {len(faults)} damaged {files}: {some}; generate or download it again")
    return load(path)


def _plan(preset: str, seed: int | None, config: str | Path | None) -> Config:
    from generator.config import dataset_config as configs

    return configs.from_file(Path(config), seed) if config else configs.from_preset(preset, seed or 0)


def _evaluated(dataset: Dataset, predictions: str | Path, split: str, task: str) -> tuple[Submission, Scorecard]:
    from leaderboard.tasks import scoring

    entry = scoring.read_submission(dataset.reveal(split), task, Path(predictions))
    return entry, scoring.score_submission(dataset, split, task, entry)
