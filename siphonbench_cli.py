"""The command line of the door: composes what neither arm may know of the other, and alone prints."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import siphonbench
from generator.errors import UserError
from siphonbench import BOARD, DATA

if TYPE_CHECKING:
    from rich.table import Table

    from baselines.detector import Result
    from generator.dataset import Dataset

ENTRIES = BOARD / "entries"


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
            free = f"{shutil.disk_usage(Path.cwd()).free / 1e6:,.0f} MB are free here"
            full = f"{free}; free some, or write to another disk"
            remedy = full if error.errno == errno.ENOSPC else "check the path and its permissions"
            message, code = f"error: {error.filename or Path.cwd()}: {error.strerror or error}; {remedy}", 2
        typer.echo(message, err=True)
        raise typer.Exit(code)


_STYLE: Any = {"rich_markup_mode": None, "no_args_is_help": True, "add_completion": False}
app = typer.Typer(
    cls=_Door,
    pretty_exceptions_enable=False,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
    **_STYLE,
)
_baselines = typer.Typer(help="List or run the built-in detectors.", **_STYLE)

_Data = Annotated[Path, typer.Argument(help="Dataset folder.")]
_On = Annotated[Path, typer.Option("--data", help="Dataset folder.")]
_Board = Annotated[Path, typer.Option("--board", help="Folder of the MLflow store and board.html.")]
_Entry = Annotated[Path, typer.Argument(help="Submission folder, or a predictions file.")]
_Preset = Annotated[str | None, typer.Option(help="nano or small; nano if left out.")]
_Seed = Annotated[int | None, typer.Option(help="Base seed, 0 if left out; same seed, same bytes.")]
_Out = Annotated[Path | None, typer.Option(help="New or empty folder; siphonbench-data/PRESET if left out.")]
_Workers = Annotated[int, typer.Option(min=1, help="Processes; any number gives the same bytes.")]
_Config = Annotated[Path | None, typer.Option(help="TOML file, in place of a preset.")]
_Split = Annotated[str, typer.Option(help="validation or test.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CPUS = os.cpu_count() or 1


@app.command("quickstart", epilog="Example: siphonbench quickstart --seed 7")
def _quickstart(
    preset: _Preset = None,
    seed: _Seed = None,
    out: _Out = None,
    workers: _Workers = _CPUS,
    board: _Board = BOARD,
) -> None:
    """From an empty folder to a ranked board, on nano."""
    from generator import config

    plan = config.from_preset(preset or "nano", seed or 0)
    folder = out or DATA.parent / plan.name
    if (folder / "manifest.json").exists() and _opened(folder).manifest.get("config_digest") == plan.digest:
        typer.echo(f"{folder} is complete already")
    else:
        _generate(preset, seed, folder, workers)
    data = siphonbench.load(folder)
    for result in _results(data, None, "test", seed):
        siphonbench.submit(data, _write(result, board / "entries"), board, result.seconds)
    _show_board(data, board)
    typer.echo(
        f"Next: copy {board / 'entries' / 'volume'}, put your own scores into it, and\n"
        f"  siphonbench submit FOLDER --data {folder} --board {board}\n"
        f"  siphonbench ui --board {board}            MLflow's own pages\n"
        "  siphonbench quickstart --preset small     a larger, harder world"
    )


@app.command("generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2")
def _generate(
    preset: _Preset = None,
    seed: _Seed = None,
    out: _Out = None,
    workers: _Workers = _CPUS,
    config: _Config = None,
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: give one of them")
    with _progress("generating") as tick:
        made = siphonbench.generate(preset or "nano", seed, out, workers, config, tick)
    typer.echo(made)


@app.command("info", epilog="Example: siphonbench info siphonbench-data/nano")
def _info(data: _Data = DATA) -> None:
    """Show a dataset's sizes, prevalence and config."""
    dataset = siphonbench.load(data)
    typer.echo(f"{dataset}\n{json.dumps(dataset.manifest['config'], indent=1)}")


@app.command("verify", epilog="Example: siphonbench verify siphonbench-data/nano")
def _verify(data: _Data = DATA) -> None:
    """Recompute every digest of a dataset."""
    typer.echo(f"{_opened(data).path}: every file is as the manifest says")


@app.command("audit", epilog="Example: siphonbench audit siphonbench-data/nano --json")
def _audit(data: _Data = DATA, seed: _Seed = None, as_json: _Json = False) -> None:
    """Measure the release gates, detectors trained; exit code 1 if one fails."""
    from generator import audit

    dataset = _opened(data)
    gates = audit.audit(dataset, {r.name: r.predictions for r in _results(dataset, None, "test", seed)})
    if as_json:
        typer.echo(json.dumps([asdict(gate) for gate in gates], indent=1))
    else:
        rows = [
            (g.name, f"{g.value:.4g}", g.bound, "passed" if g.passed else f"FAILED: {g.remedy}") for g in gates
        ]
        _show(("gate", "value", "bound", "result"), rows)
    raise typer.Exit(0 if all(gate.passed for gate in gates) else 1)


app.add_typer(_baselines, name="baselines")


@_baselines.command("list", epilog="Example: siphonbench baselines list")
def _list() -> None:
    """Show the built-in detectors and the field groups that they use."""
    from baselines import DETECTORS
    from generator.schema import field_groups

    rows = [(n, field_groups(d.fields), d.description, d.source) for n, d in DETECTORS.items()]
    _show(("detector", "fields", "what it does", "source"), rows)


@_baselines.command("run", epilog="Example: siphonbench baselines run volume rate-limit --split validation")
def _run(
    names: Annotated[list[str] | None, typer.Argument(help="Detectors; all if left out.")] = None,
    data: _On = DATA,
    split: _Split = "test",
    seed: _Seed = None,
    out: Annotated[Path, typer.Option(help="Gets one submission folder per detector.")] = ENTRIES,
) -> None:
    """Train detectors on train, score a split, and write a submission folder for each."""
    for result in _results(_opened(data), names, split, seed):
        typer.echo(f"{_write(result, out)}  {result.seconds:.1f} s")


@app.command("evaluate", epilog="Example: siphonbench evaluate my-entry --data siphonbench-data/nano")
def _evaluate(entry: _Entry, data: _On = DATA, split: _Split = "test", as_json: _Json = False) -> None:
    """Score a submission with 95 % intervals; nothing is recorded."""
    card = siphonbench.evaluate(_opened(data), entry, split)
    if as_json:
        typer.echo(card.to_json())
        return
    named = [("mean of tiers", "ap", card.primary)]
    named += [(tier, metric, v) for tier, metrics in card.tiers.items() for metric, v in metrics.items()]
    rows = [(t, m, f"{v.value:.4f}", f"{v.low:.4f} to {v.high:.4f}", f"{v.chance:.4f}") for t, m, v in named]
    _show(("tier", "metric", "value", "95 % interval", "chance"), rows)


@app.command("submit", epilog="Example: siphonbench submit my-entry --data siphonbench-data/nano")
def _submit(entry: _Entry, data: _On = DATA, board: _Board = BOARD) -> None:
    """Score a submission on test and put it on the board."""
    dataset = _opened(data)
    siphonbench.submit(dataset, entry, board)
    _show_board(dataset, board)


@app.command("leaderboard", epilog="Example: siphonbench leaderboard --data siphonbench-data/nano")
def _leaderboard(data: _On = DATA, board: _Board = BOARD) -> None:
    """Show the ranked entries on a dataset, and write board.html."""
    _show_board(siphonbench.load(data), board)


@app.command("ui", epilog="Example: siphonbench ui --port 5000")
def _ui(
    board: _Board = BOARD,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of http://127.0.0.1.")] = 5000,
) -> None:
    """Serve MLflow's own pages on the store, until Ctrl-C."""
    from leaderboard import tracking

    if not (board / "mlflow.db").is_file():
        raise UserError(f"--board {board} holds no mlflow.db: submit an entry, or run siphonbench quickstart")
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # a fifth of the memory
    where = ("--backend-store-uri", tracking.Store(board).uri, "--host", "127.0.0.1", "--port", str(port))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *where, "--workers", "1"])  # noqa: S606


def _opened(folder: Path) -> Dataset:
    """The dataset, once every file is what its manifest says."""
    if faults := siphonbench.verify(folder):
        some = "; ".join(faults[:3])
        files = "file" if len(faults) == 1 else "files"
        raise UserError(f"{folder} has {len(faults)} damaged {files}: {some}; generate or download it again")
    return siphonbench.load(folder)


def _results(data: Dataset, names: list[str] | None, split: str, seed: int | None) -> Iterator[Result]:
    """What built-in detectors say about a split, with a progress bar."""
    from baselines import DETECTORS, run

    chosen, target = names or list(DETECTORS), data.reveal(split).without_labels()
    with _progress("training and scoring") as tick:
        tick(0, len(chosen))
        for done, result in enumerate(run.run_all(chosen, data.reveal("train"), target, seed or 0), 1):
            yield result
            tick(done, len(chosen))


def _write(result: Result, out: Path) -> Path:
    from baselines import DETECTORS
    from generator.schema import field_groups
    from leaderboard import submission

    used = field_groups(DETECTORS[result.name].fields)
    card = submission.Card(name=result.name, team="SiphonBench baselines", field_groups=used)
    return submission.write(out / result.name, result.predictions, card)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    _print(table)


def _show_board(data: Dataset, folder: Path) -> None:
    from leaderboard import board

    _print(board.table(siphonbench.board(data, folder)))
    typer.echo(f"Page: {folder / 'board.html'}, MLflow store: {folder / 'mlflow.db'}")


def _print(table: Table) -> None:
    from rich.console import Console

    # A file or pipe has no width to fit: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
