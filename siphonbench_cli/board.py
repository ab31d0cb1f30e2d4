"""From predictions to a place on the board."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import siphonbench
from generator.errors import UserError
from siphonbench import BOARD, DATA
from siphonbench_cli import baselines_ledger as ledger
from siphonbench_cli import root
from siphonbench_cli.data import make

if TYPE_CHECKING:
    from generator.dataset import Dataset


@root.app.command("quickstart", epilog="Example: siphonbench quickstart --seed 7")
def _quickstart(
    preset: root.Preset = None,
    seed: root.Seed = None,
    out: root.Out = None,
    workers: root.Workers = root.CPUS,
    board: root.Board = BOARD,
) -> None:
    """From an empty folder to a ranked board, on nano."""
    from generator import config

    plan = config.from_preset(preset or "nano", seed or 0)
    folder = out or DATA.parent / plan.name
    if (folder / "manifest.json").exists() and root.opened(folder).manifest.get("config_digest") == plan.digest:
        typer.echo(f"{folder} is complete already")
    else:
        make(preset, seed, folder, workers)
    data = siphonbench.load(folder)
    for result in root.results(data, None, "test", seed):
        siphonbench.submit(data, root.write(result, board / "entries"), board, result.seconds)
    show_board(data, board)
    typer.echo(
        f"Next: copy {board / 'entries' / 'volume'}, put your own scores into it, and\n"
        f"  siphonbench submit FOLDER --data {folder} --board {board}\n"
        f"  siphonbench ui --board {board}            MLflow's own pages\n"
        "  siphonbench quickstart --preset small     a larger, harder world"
    )


@root.app.command("evaluate", epilog="Example: siphonbench evaluate my-entry --data siphonbench-data/nano")
def _evaluate(
    entry: root.Entry,
    data: root.On = DATA,
    split: root.Split = "test",
    task: root.Task = "accounts",
    as_json: root.Json = False,
) -> None:
    """Score a submission with 95 % intervals; nothing is recorded."""
    card = siphonbench.evaluate(root.opened(data), entry, split, task)
    if as_json:
        typer.echo(card.to_json())
        return
    named = [("all", "primary", card.primary)]
    named += [(name, metric, v) for name, table in card.tables.items() for metric, v in table.items()]
    rows = [(t, m, f"{v.value:.4f}", f"{v.low:.4f} to {v.high:.4f}", f"{v.chance:.4f}") for t, m, v in named]
    root.show(("slice", "metric", "value", "95 % interval", "chance"), rows)


@root.app.command("submit", epilog="Example: siphonbench submit my-entry --data siphonbench-data/nano")
def _submit(
    entry: root.Entry,
    data: root.On = DATA,
    task: root.Task = "accounts",
    board: root.AnyStore = str(BOARD),
) -> None:
    """Score a submission on test and put it on the board."""
    dataset = root.opened(data)
    siphonbench.submit(dataset, entry, board, ledger.seconds(entry), task)
    show_board(dataset, board, task)


_leaderboard = typer.Typer(
    help="Show the ranked entries on a dataset and write board.html; or move boards between stores.",
    **(root.STYLE | {"no_args_is_help": False}),
)
root.app.add_typer(_leaderboard, name="leaderboard")


@_leaderboard.callback(
    invoke_without_command=True, epilog="Example: siphonbench leaderboard --data siphonbench-data/nano"
)
def _show(
    context: typer.Context,
    data: root.On = DATA,
    task: root.Task = "accounts",
    board: root.AnyStore = str(BOARD),
) -> None:
    if context.invoked_subcommand is None:
        show_board(siphonbench.load(data), board, task)


@_leaderboard.command("export", epilog="Example: siphonbench leaderboard export board.jsonl.gz")
def _export(
    file: Annotated[Path, typer.Argument(help="File to write.")], board: root.AnyStore = str(BOARD)
) -> None:
    """Write every entry of a store, with its scorecard and plots, into one file."""
    from leaderboard import transfer
    from leaderboard.store import Store

    with root.progress("exporting") as tick:
        n = transfer.export(Store.at(board), file, tick)
    typer.echo(f"{file}: {n} entries, {file.stat().st_size / 1e6:.2f} MB")


@_leaderboard.command("import", epilog="Example: siphonbench leaderboard import board.jsonl.gz --board new-board")
def _import(
    file: Annotated[Path, typer.Argument(help="What export wrote.")], board: root.AnyStore = str(BOARD)
) -> None:
    """Record every entry of such a file that the store does not have."""
    from leaderboard import transfer
    from leaderboard.store import Store

    with root.progress("importing") as tick:
        new, total = transfer.import_(Store.at(board), file, tick)
    typer.echo(f"{new} of {total} entries were new to {Store.at(board).name}")


@_leaderboard.command("mark", epilog="Example: siphonbench leaderboard mark 1f0e... --note 'ran its code'")
def _mark(
    entry: Annotated[str, typer.Argument(help="Id of the entry, as in its page's address.")],
    board: root.AnyStore = str(BOARD),
    note: Annotated[str, typer.Option(help="How it was reproduced; kept with the run.")] = "by the operator",
) -> None:
    """Mark an entry as reproduced from its code."""
    from leaderboard import tracking
    from leaderboard.store import Store

    typer.echo(f"{tracking.mark(Store.at(board), entry, note)} is marked as reproduced")


@root.app.command("ui", epilog="Example: siphonbench ui --port 5000")
def _ui(
    board: root.Board = BOARD,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of http://127.0.0.1.")] = 5000,
) -> None:
    """Serve MLflow's own pages on the store, until Ctrl-C."""
    from leaderboard import tracking

    if not (board / "mlflow.db").is_file():
        raise UserError(f"--board {board} holds no mlflow.db: submit an entry, or run siphonbench quickstart")
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # a fifth of the memory
    where = ("--backend-store-uri", tracking.Store(board).uri, "--host", "127.0.0.1", "--port", str(port))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *where, "--workers", "1"])  # noqa: S606


def show_board(data: Dataset, where: str | Path, task: str = "accounts") -> None:
    """Print the board of a task on a dataset, and write its page."""
    from leaderboard import board, page
    from leaderboard.store import Store

    root.print_table(board.table(siphonbench.board(data, where, task)))
    store = Store.at(where)
    typer.echo(f"Page: {page.path(store.folder, task)}, MLflow store: {store.name}")
