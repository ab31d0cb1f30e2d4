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
    from leaderboard.tracking.board import Board

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
        Folder, or an address such as hf://datasets/OWNER/NAME or s3://BUCKET/NAME. Files at an address are copied
        when they are needed, to the folder SIPHONBENCH_CACHE (~/.cache/siphonbench).
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
    workers: int | None = 1,
    config: str | Path | None = None,
    on_shard: Callable[[int, int], None] | None = None,
    resume: bool = False,
    engine: str = "",
    scheduler: str = "",
    text: str | None = None,
    storage_options: dict[str, Any] | None = None,
) -> Dataset:
    """Generate a dataset and open it.

    Parameters
    ----------
    preset : str
        "nano", "small", "medium" or "full".
    seed, text : int, str, optional
        Base seed, and whose prompts can be read: "none", "sample" or "all". Left out, what preset or file says.
    out : path, optional
        New or empty folder, or an address such as s3://BUCKET/NAME; siphonbench-data/PRESET if left out.
    workers : int, optional
        Processes; any number gives the same bytes. None: as many as save time.
    config : path, optional
        TOML file that takes the place of the preset, or the name of a scenario that comes along: "headline".
    on_shard, resume : callable, bool, optional
        Told (done, total) as work goes on; whether to go on from what a killed run has left, to the same bytes.
    engine, scheduler : str
        "serial", "processes" or "dask" (left out, as many processes as `workers`), and the address of Dask's
        scheduler (left out, Dask starts a cluster here).
    storage_options : dict, optional
        As for `load`.

    Raises
    ------
    UserError
        If the configuration is faulty or the folder is not free; nothing half-written stays.

    Examples
    --------
    >>> import tempfile, siphonbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = siphonbench.generate("nano", 7, folder)
    ...     same = siphonbench.load(folder).digest == dataset.digest
    ...     faults = siphonbench.verify(folder)
    >>> dataset.name, list(dataset.splits), same, faults
    ('nano-seed7', ['train', 'validation', 'test'], True, [])
    """
    from generator.pipeline import engines
    from generator.pipeline import generate as pipeline

    plan = _plan(preset, seed, config, text)
    workers = workers or engines.worth_starting(plan.accounts * plan.days * len(plan.splits))
    runs = engines.choose(engine, workers, scheduler)
    where = Path(out or DATA.parent / plan.name)
    return load(pipeline.generate(plan, where, workers, on_shard, resume, runs, storage_options), storage_options)


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
    text: str | None = None,
    **options: Any,
) -> Dataset:
    """Write the folder of a dataset as it is uploaded, and open it.

    Parameters
    ----------
    out : path
        New or empty folder.
    preset, seed, workers, config, on_shard, resume, engine, scheduler, text
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

    plan, runs = _plan(preset, seed, config, text), engines.choose(engine, workers, scheduler)
    options |= {"resume": resume, "with_engine": runs}
    return load(release_folder.write(plan, Path(out), workers, on_shard, **options))


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
    path, storage_options
        As for `load`.
    regenerate : bool
        Make the data again from its configuration as well, and compare what the files hold.
    workers, on_shard
        As for `generate`, when making it again.

    Raises
    ------
    UserError
        If there is no complete dataset.
    """
    from generator.publish import verify as check

    faults = check.verify(folder := check.local_copy(path, storage_options))
    return check.regenerate(folder, workers, on_shard) if regenerate and not faults else faults


def evaluate(
    dataset: Dataset | str | Path, predictions: str | Path, split: str = "test", task: str = "accounts"
) -> Scorecard:
    """Score a submission, with 95 % intervals.

    Parameters
    ----------
    dataset : Dataset, path or str
        A dataset, or where it lies, as for `load`. Its labels are opened here, for the evaluator alone.
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

    Examples
    --------
    >>> import tempfile, siphonbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dataset = siphonbench.generate("nano", 7, f"{folder}/data")
    ...     calls = dataset.validation.requests.pandas().groupby("account_id", observed=True).size()
    ...     scores = dataset.validation.accounts.pandas()[["account_id"]]
    ...     scores["score"] = scores["account_id"].map(calls).astype(float).fillna(0)
    ...     scores.to_parquet(f"{folder}/predictions.parquet")
    ...     card = siphonbench.evaluate(dataset, f"{folder}/predictions.parquet", "validation")
    >>> 0 < card.primary.low <= card.primary.value <= card.primary.high < 1
    True
    """
    return _evaluated(_opened(dataset), predictions, split, task)[1]


def submit(
    dataset: Dataset | str | Path,
    predictions: str | Path,
    folder: str | Path = BOARD,
    seconds: float | None = None,
    task: str = "accounts",
) -> Board:
    """Score a submission on test, record it in MLflow, and bring the board and its page up to date.

    Parameters
    ----------
    dataset, predictions, task
        As for `evaluate`.
    folder : path or address
        Holds the MLflow store and board.html, made if missing; or postgresql:// or http:// where the store is.
    seconds : float, optional
        Training and scoring time, to be shown on the board.

    Raises
    ------
    UserError
        With all faults of the submission at once; nothing is recorded then.
    """
    from leaderboard.tracking import mlflow_runs

    dataset = _opened(dataset)
    entry, card = _evaluated(dataset, predictions, "test", task)
    mlflow_runs.record(mlflow_runs.Store.at(folder), card, entry, dataset.name, seconds)
    return board(dataset, folder, task)


def board(dataset: Dataset | str | Path, folder: str | Path = BOARD, task: str = "accounts") -> Board:
    """Read the ranked entries of a task on a dataset back from MLflow, and write their page.

    Parameters
    ----------
    dataset, folder, task
        As for `submit`.
    """
    from leaderboard.site import folder_page
    from leaderboard.tracking import mlflow_runs, rankings

    store, digest = mlflow_runs.Store.at(folder), _opened(dataset).digest
    current = rankings.read(store, digest, task)
    folder_page.write(rankings.read_all(store, task, digest), folder_page.path(store.folder, task))
    return current


def load_verified(path: Path) -> Dataset:
    """Open a dataset once every file is what its manifest says.

    Parameters
    ----------
    path : Path
        Folder.

    Raises
    ------
    UserError
        If there is no complete dataset, or a file of it is damaged, missing or foreign.
    """
    from generator.errors import UserError

    if faults := verify(path):
        which = f"damaged file{'s' * (len(faults) > 1)}: {'; '.join(faults[:3])}"
        raise UserError(f"{path} has {len(faults)} {which}; generate or download it again")
    return load(path)


def _opened(dataset: Dataset | str | Path) -> Dataset:
    return load(dataset) if isinstance(dataset, str | Path) else dataset


def _plan(preset: str, seed: int | None, config: str | Path | None, text: str | None) -> Config:
    from generator.config import dataset_config as configs

    return configs.from_file(Path(config), seed, text) if config else configs.from_preset(preset, seed or 0, text)


def _evaluated(dataset: Dataset, predictions: str | Path, split: str, task: str) -> tuple[Submission, Scorecard]:
    from leaderboard.tasks import scoring

    entry = scoring.read_submission(dataset.reveal(split), task, Path(predictions))
    return entry, scoring.score_submission(dataset, split, task, entry)
