"""The command line: composes what neither arm may know of the other, and alone prints."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import siphonbench
from generator.errors import UserError
from siphonbench import BOARD, DATA

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.board import Board

PREDICTIONS = BOARD / "predictions"


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
            free = shutil.disk_usage(Path.cwd()).free / 1e6
            full = f"{free:,.0f} MB are free here; free some, or write to another disk"
            remedy = full if error.errno == errno.ENOSPC else "check the path and its permissions"
            message, code = f"error: {error.filename or Path.cwd()}: {error.strerror or error}: {remedy}", 2
        typer.echo(message, err=True)
        raise typer.Exit(code)


_STYLE: Any = {"rich_markup_mode": None, "no_args_is_help": True, "add_completion": False}
app = typer.Typer(
    cls=_Door,
    pretty_exceptions_enable=False,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
    **_STYLE,
)
_detectors = typer.Typer(help="List or run the built-in detectors.", **_STYLE)
app.add_typer(_detectors, name="baselines")

_Data = Annotated[Path, typer.Argument(help="Dataset folder.")]
_On = Annotated[Path, typer.Option("--data", help="Dataset folder.")]
_Board = Annotated[Path, typer.Option("--board", help="Folder of the MLflow store and board.html.")]
_Entry = Annotated[Path, typer.Argument(help="Submission folder, or a predictions file.")]
_Preset = Annotated[str | None, typer.Option(help="nano or small; nano if left out.")]
_Seed = Annotated[int | None, typer.Option(help="Base seed, 0 if left out; same seed, same bytes.")]
_Out = Annotated[Path | None, typer.Option(help="New or empty folder.")]
_Workers = Annotated[int, typer.Option(min=1, help="Processes; any number gives the same bytes.")]
_Config = Annotated[Path | None, typer.Option(help="TOML file, in place of a preset.")]
_Split = Annotated[str, typer.Option(help="validation or test.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CPUS = os.cpu_count() or 1


def _intact(folder: Path) -> Dataset:
    if faults := verify(folder):
        some = "; ".join(faults[:3])
        raise UserError(f"{folder} is damaged, {len(faults)} faults: {some}; generate or download it again")
    return load(folder)


def _entries(
    data: Dataset, names: list[str] | None, split: str, seed: int | None, out: Path
) -> Iterator[tuple[Path, float]]:
    """Submission folders of built-in detectors, and the seconds that each took."""
    from baselines import DETECTORS, run
    from generator.schema import field_groups
    from leaderboard import submission

    chosen, target = names or list(DETECTORS), data.reveal(split).without_labels()
    with _progress("training and scoring") as tick:
        for done, result in enumerate(run.run_all(chosen, data.reveal("train"), target, seed or 0), 1):
            used = field_groups(DETECTORS[result.name].fields)
            card = submission.Card(name=result.name, team="SiphonBench baselines", field_groups=used)
            yield submission.write(out / result.name, result.predictions, card), result.seconds
            tick(done, len(chosen))


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _show_board(folder: Path, current: Board) -> None:
    from rich.console import Console

    from leaderboard import board

    Console().print(board.table(current))
    typer.echo(f"page: {folder / 'board.html'}   MLflow store: {folder / 'mlflow.db'}")


@app.command("generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2")
def _generate(
    preset: _Preset = None, seed: _Seed = None, out: _Out = None, workers: _Workers = _CPUS, config: _Config = None
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: give one of them")
    with _progress("generating") as tick:
        made = generate(preset or "nano", seed, out, workers, config, tick)
    typer.echo(made)


@app.command("info", epilog="Example: siphonbench info siphonbench-data/nano")
def _info(data: _Data = DATA) -> None:
    """Show a dataset's sizes, prevalence and config."""
    dataset = load(data)
    typer.echo(f"{dataset}\n{json.dumps(dataset.manifest['config'], indent=1)}")


@app.command("verify", epilog="Example: siphonbench verify siphonbench-data/nano")
def _verify(data: _Data = DATA) -> None:
    """Recompute every digest of a dataset."""
    typer.echo(f"{_intact(data).path}: every file is as the manifest says")


@_detectors.command("list", epilog="Example: siphonbench baselines list")
def _list() -> None:
    """Show the built-in detectors and the field groups that they use."""
    from baselines import DETECTORS
    from generator.schema import field_groups

    rows = [(n, field_groups(d.fields), d.description, d.source) for n, d in DETECTORS.items()]
    _show(("detector", "fields", "what it does", "source"), rows)


@_detectors.command(
    "run", epilog="Example: siphonbench baselines run volume xgboost --split validation --out mine"
)
def _run(
    names: Annotated[list[str] | None, typer.Argument(help="Detectors; all if left out.")] = None,
    data: _On = DATA,
    split: _Split = "test",
    seed: _Seed = None,
    out: Annotated[Path, typer.Option(help="Folder of the submission folders.")] = PREDICTIONS,
) -> None:
    """Train detectors on train, score a split, and write a submission folder for each."""
    for folder, seconds in _entries(_intact(data), names, split, seed, out):
        typer.echo(f"{folder}  {seconds:.1f} s")


@app.command("evaluate", epilog="Example: siphonbench evaluate my-entry --data siphonbench-data/nano")
def _evaluate(predictions: _Entry, data: _On = DATA, split: _Split = "test", as_json: _Json = False) -> None:
    """Score a submission, with 95 % intervals; nothing is recorded."""
    card = evaluate(_intact(data), predictions, split)
    if as_json:
        return typer.echo(card.to_json())
    named = [("mean of tiers", "ap", card.primary)]
    named += [(tier, metric, v) for tier, metrics in card.tiers.items() for metric, v in metrics.items()]
    rows = [(t, m, f"{v.value:.4f}", f"{v.low:.4f} to {v.high:.4f}", f"{v.chance:.4f}") for t, m, v in named]
    _show(("tier", "metric", "value", "95 % interval", "chance"), rows)


@app.command("submit", epilog="Example: siphonbench submit my-entry --data siphonbench-data/nano")
def _submit(predictions: _Entry, data: _On = DATA, board: _Board = BOARD) -> None:
    """Score a submission on test and put it on the board."""
    _show_board(board, submit(_intact(data), predictions, board))


@app.command("leaderboard", epilog="Example: siphonbench leaderboard --board siphonbench-board")
def _leaderboard(data: _On = DATA, board: _Board = BOARD) -> None:
    """Show the ranked entries on a dataset, and write board.html again."""
    _show_board(board, _publish(board, load(data).digest))


@app.command("ui", epilog="Example: siphonbench ui --port 5000")
def _ui(board: _Board = BOARD, port: Annotated[int, typer.Option(min=1, max=65535)] = 5000) -> None:
    """Open MLflow's own pages on the store (Ctrl-C ends it)."""
    from leaderboard import tracking

    if not (board / "mlflow.db").is_file():
        raise UserError(
            f"--board {board} holds no mlflow.db: submit an entry first, or run siphonbench quickstart"
        )
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # a quarter of the memory
    where = ("--backend-store-uri", tracking.Store(board).uri, "--host", "127.0.0.1", "--port", str(port))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *where, "--workers", "1"])  # noqa: S606


@app.command("quickstart", epilog="Example: siphonbench quickstart --seed 7")
def _quickstart(
    preset: _Preset = None,
    seed: _Seed = None,
    out: _Out = None,
    workers: _Workers = _CPUS,
    board: _Board = BOARD,
) -> None:
    """Generate nano, train every baseline, rank them: from an empty folder to a board."""
    plan = _plan(preset, seed, None)
    folder = out or DATA.parent / plan.name
    if (folder / "manifest.json").is_file() and load(folder).manifest.get("config_digest") == plan.digest:
        typer.echo(f"{folder} is complete already")
    else:
        _generate(preset, seed, folder, workers)
    data = _intact(folder)
    for entry, seconds in _entries(data, None, "test", seed, board / "predictions"):
        _record(data, entry, board, seconds)
    _show_board(board, _publish(board, data.digest))
    typer.echo(
        f"next: look at {PREDICTIONS / 'volume'}, make such a folder with your own scores, then\n"
        f"  siphonbench submit FOLDER --data {folder}\n  siphonbench ui    (MLflow's own pages)\n"
        "  siphonbench generate --preset small    (a harder, larger world)"
    )


