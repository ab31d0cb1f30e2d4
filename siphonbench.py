"""SiphonBench's front door: `load`, `generate`, `verify`, `evaluate`, `submit`, and the command line."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from baselines.detector import Result
    from generator.config import Config
    from generator.dataset import Dataset
    from leaderboard.board import Board
    from leaderboard.scorecard import Scorecard
    from leaderboard.submission import Submission

__all__ = ["evaluate", "generate", "load", "submit", "verify"]

_HERE = Path(__file__).resolve().parent
for _name in ("generator", "baselines", "leaderboard"):
    _spec = importlib.util.find_spec(_name)
    _origin = _spec.origin if _spec else None
    if _origin is None or Path(_origin).resolve() != _HERE / _name / "__init__.py":
        raise ImportError(
            f"siphonbench needs its own package {_name} in {_HERE} but finds {_origin or 'another folder'}: "
            "rename what shadows it, or start in another folder"
        )

from generator.errors import UserError  # noqa: E402 - known to be ours only now

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # mlflow reads it when it is imported

DATA, BOARD = Path("siphonbench-data/nano"), Path("siphonbench-board")


def load(path: str | Path) -> Dataset:
    """Open a dataset folder; tables are read when asked for, and test labels stay masked."""
    from generator import dataset

    return dataset.load(path)


def generate(
    preset: str = "nano",
    seed: int | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    config: str | Path | None = None,
    on_shard: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Generate a dataset and open it.

    Parameters
    ----------
    preset : str
        "nano" or "small".
    seed : int, optional
        Base seed; left out, what the config file says, or 0.
    out : path, optional
        New or empty folder; left out, siphonbench-data/ and the name of the preset.
    workers : int
        Processes; any number gives the same bytes.
    config : path, optional
        TOML file that takes the place of the preset.
    on_shard : callable, optional
        Told (done, total) as work goes on.

    Raises
    ------
    UserError
        If the configuration is faulty or the folder is not free; nothing half-written stays.
    """
    from generator import release

    plan = _plan(preset, seed, config)
    return load(release.generate(plan, Path(out or DATA.parent / plan.name), workers, on_shard))


def verify(path: str | Path) -> list[str]:
    """Recompute every digest of a dataset folder: one sentence per fault, none if all is well."""
    from generator import integrity

    return integrity.verify(Path(path))


def evaluate(dataset: Dataset, predictions: str | Path, split: str = "test") -> Scorecard:
    """Score a submission on the accounts task, with 95 % intervals.

    Parameters
    ----------
    dataset : Dataset
        Its labels are opened here, for the evaluator alone.
    predictions : path
        Folder with predictions.parquet (or .csv) and card.toml, or such a file alone.
    split : str
        "test", or "validation" while developing.

    Raises
    ------
    UserError
        With all faults of the submission at once.
    """
    return _judge(dataset, predictions, split)[1]


def submit(dataset: Dataset, predictions: str | Path, board: str | Path = BOARD) -> Board:
    """Score a submission on test, record it in MLflow, and bring the board and its page up to date."""
    _record(dataset, predictions, Path(board))
    return _publish(Path(board), dataset.digest)


def _plan(preset: str | None, seed: int | None, file: str | Path | None) -> Config:
    from generator import config

    if file:
        return config.from_file(Path(file), seed)
    return config.from_preset(preset or "nano", seed or 0)


def _judge(dataset: Dataset, predictions: str | Path, split: str) -> tuple[Submission, Scorecard]:
    from leaderboard import scorecard, submission

    truth = dataset.reveal(split).labels.polars().collect()
    entry = submission.read(Path(predictions), truth["account_id"])
    return entry, scorecard.score_accounts(entry.predictions, truth, dataset.digest)


def _record(dataset: Dataset, predictions: str | Path, board: Path, seconds: float | None = None) -> None:
    from leaderboard import tracking

    entry, card = _judge(dataset, predictions, "test")
    tracking.record(tracking.Store(board), card, entry, dataset.name, dataset.digest, seconds)


def _publish(folder: Path, digest: str | None) -> Board:
    from leaderboard import board, page, tracking

    current = board.read(tracking.Store(folder), digest)
    page.write(current, folder / "board.html")
    return current


# ---------------------------------------------------------------------------------------- command line


class _Door(TyperGroup):
    """What a user can mend becomes one sentence; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            message, code = f"error: {error}", 2
        except KeyboardInterrupt:
            message, code = "stopped; nothing half-written is left", 130
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output left, as `head` does
                raise
            free = shutil.disk_usage(Path.cwd()).free
            full = f"{free / 1e6:,.0f} MB are free; free some, or name another disk with --out"
            remedy = full if error.errno == errno.ENOSPC else "check the path and its permissions"
            message, code = f"error: {error.strerror or error}: {error.filename or Path.cwd()}: {remedy}", 2
        typer.echo(message, err=True)
        raise typer.Exit(code)


app = typer.Typer(
    cls=_Door,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
)
detectors = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="List or run the built-in detectors.")
app.add_typer(detectors, name="baselines")

_Data = Annotated[Path, typer.Argument(help="Dataset folder.")]
_On = Annotated[Path, typer.Option("--data", help="Dataset folder.")]
_Board = Annotated[Path, typer.Option("--board", help="Folder of the MLflow store and board.html.")]
_Predictions = Annotated[Path, typer.Argument(help="Submission folder, or a predictions file.")]
_Preset = Annotated[str | None, typer.Option(help="nano or small.")]
_Seed = Annotated[int | None, typer.Option(help="Base seed, 0 or more; same seed, same bytes.")]
_Out = Annotated[Path | None, typer.Option(help="New or empty folder.")]
_Workers = Annotated[int, typer.Option(min=1, help="Processes; any number gives the same bytes.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CPUS = os.cpu_count() or 1


@contextmanager
def _progress(total: int | None = None) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on stderr, told (what, done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _show(*parts: object) -> None:
    from rich.console import Console

    Console().print(*parts, sep="\n")


def _checked(path: Path) -> Dataset:
    """A dataset whose files are those that its manifest lists."""
    if faults := verify(path):
        raise UserError(
            f"{path} is damaged: {len(faults)} fault{'s' * (len(faults) > 1)}, {'; '.join(faults[:5])}; "
            "generate or download it again"
        )
    return load(path)


def _results(data: Dataset, names: list[str] | None, split: str, seed: int) -> Iterator[Result]:
    """Built-in detectors, one after the other, with a progress bar."""
    from baselines import DETECTORS, run

    chosen = names or list(DETECTORS)
    with _progress("training detectors") as tick:
        for done, result in enumerate(run.run_all(chosen, data.train, data.splits[split], seed), 1):
            tick(done, len(chosen))
            yield result


def _write(result: Result, folder: Path) -> Path: ...


@app.command("generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2")
def _generate(
    preset: _Preset = None,
    seed: _Seed = None,
    out: _Out = None,
    workers: _Workers = _CPUS,
    config: Annotated[Path | None, typer.Option(help="TOML file instead of a preset.")] = None,
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: choose one")
    with _progress("generating shards") as tick:
        data = generate(preset or "nano", seed, out, workers, config, tick)
    typer.echo(data)


@app.command("info", epilog="Example: siphonbench info siphonbench-data/nano")
def _info(data: _Data = DATA) -> None:
    """Show a dataset's config, sizes and prevalence."""
    dataset = load(data)
    typer.echo(dataset)
    typer.echo(json.dumps(dataset.manifest["config"], indent=1))


@app.command("verify", epilog="Example: siphonbench verify siphonbench-data/nano")
def _verify(data: _Data = DATA) -> None:
    """Recompute every digest of a dataset."""
    typer.echo(f"{_checked(data).path}: all files are as the manifest says")


@app.command("leaderboard", epilog="Example: siphonbench leaderboard --board siphonbench-board")
def _leaderboard(board: _Board = BOARD, data: Annotated[Path | None, typer.Option("--data", help="...")] = None) -> None:
    ...
