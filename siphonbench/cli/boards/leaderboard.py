"""From predictions to a place on the board."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from generator.errors import UserError, printable
from leaderboard.records import power
from leaderboard.tracking import text_tables
from siphonbench import api
from siphonbench.api import BOARD, DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app
from siphonbench.workflows import detector_runs, series

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.tracking.board import Board


@app.command(
    "submit",
    epilog="Example: siphonbench submit my-entry --data siphonbench-data/nano. "
    "To a served board: siphonbench submit my-entry --server https://board.example.org --token-file team.token",
)
def _submit(
    entry: options.Entry,
    data: options.On = DATA,
    task: options.Task = "accounts",
    board: options.AnyStore = str(BOARD),
    server: Annotated[str, typer.Option(help="Address of a served board, in place of --data and --board.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the team's token, with --server.")
    ] = None,
    world: Annotated[str, typer.Option(help="Dataset of the server, as in its addresses; else its first.")] = "",
) -> None:
    """Score a submission on test and put it on the board; or send it to a served one."""
    if server or token_file:
        _send(entry, task, server, token_file, world)
        return
    dataset = api.load_verified(data)
    api.submit(dataset, entry, board, detector_runs.measured_seconds(entry), task)
    show_board(dataset, board, task)


def _send(entry: Path, task: str, address: str, token_file: Path | None, world: str) -> None:
    from leaderboard.intake import http_client

    server = http_client.Server(address, http_client.token(token_file))
    with output.progress("waiting for its scores") as tick:
        job = http_client.send(server, entry, task, world, lambda _: tick(0, 1))
    scores = job["scores"] or {}
    if "primary" in scores:
        low, high = scores["primary_low"], scores["primary_high"]
        typer.echo(f"rank {job['rank']}, score {scores['primary']:.4f}, 95 % interval {low:.4f} to {high:.4f}")
    typer.echo(printable(f"Page: {server.address}{job['page']}, entry {job['entry']}"))


_leaderboard = typer.Typer(
    help="Show the ranked entries on a dataset and write board.html; or move boards between stores.",
    **(STYLE | {"no_args_is_help": False}),
)
app.add_typer(_leaderboard, name="leaderboard")


@_leaderboard.callback(
    invoke_without_command=True,
    epilog="Example: siphonbench leaderboard --data siphonbench-data/nano. "
    "A series: siphonbench leaderboard --data small-11 --data small-12. "
    "For a paper: siphonbench leaderboard --data small-11 --format latex. "
    "With worlds of siphonbench redteam: siphonbench leaderboard --data small-11 --robust adapted-11",
)
def _show(
    context: typer.Context,
    data: options.Series = [DATA],  # noqa: B006  # typer copies it
    task: options.Task = "accounts",
    board: options.AnyStore = str(BOARD),
    form: Annotated[
        str | None, typer.Option("--format", help="csv (every number), md or latex, in place of a table.")
    ] = None,
    robust: Annotated[
        list[Path] | None,
        typer.Option(
            help="Dataset whose campaigns adapted, with a board in the same store: adds a column; repeat it."
        ),
    ] = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if form is not None and form not in text_tables.FORMATS:
        raise UserError(f"--format {form!r} is none of {', '.join(text_tables.FORMATS)}")
    if robust and len(data) > 1:
        raise UserError(f"--robust is about one dataset, and --data names {len(data)}: give one")
    if len(data) > 1:
        _show_series_board([api.load(d) for d in data], board, task, form)
    elif form:
        typer.echo(_written(_board(api.load(data[0]), board, task, robust or ()), form), nl=False)
    else:
        show_board(api.load(data[0]), board, task, robust or ())


def _board(data: Dataset, where: str | Path, task: str, robust: Sequence[Path]) -> Board:
    from siphonbench.workflows.duel import adapted_worlds

    if not robust:
        return api.board(data, where, task)
    return adapted_worlds.robust_board(data, [api.load(r) for r in robust], where, task)


def _written(board: Board, form: str) -> str:
    from leaderboard.site import board_files
    from leaderboard.tracking import board_table

    if form == "csv":
        return board_files.as_csv(board).decode()
    return text_tables.FORMATS[form](*board_table.cells(board))


def _show_series_board(data: list[Dataset], where: str, task: str, form: str | None) -> None:
    from leaderboard.tracking.store import Store

    board = series.series_board(data, Store.at(where), task)
    ends = [row.mean.interval() for row in board.rows]
    rows = [
        (row.name, f"{row.mean.value:.3f}", f"{low:.3f}-{high:.3f}", *(f"{v:.3f}" for v in row.values))
        for row, (low, high) in zip(board.rows, ends, strict=True)
    ]
    head = ("entry", "mean", "95 %", *board.datasets)
    if form:
        typer.echo(text_tables.FORMATS[form](head, rows), nl=False)
        return
    output.show(head, rows)
    if board.tau is not None:
        half = len(board.datasets) // 2
        typer.echo(f"Kendall's tau of the entries, first {half} datasets against the others: {board.tau:.2f}")


@_leaderboard.command("export", epilog="Example: siphonbench leaderboard export board.jsonl.gz")
def _export(
    file: Annotated[Path, typer.Argument(help="File to write.")], board: options.AnyStore = str(BOARD)
) -> None:
    """Write every entry of a store, with its scorecard and plots, into one file."""
    from leaderboard.tracking import export
    from leaderboard.tracking.store import Store

    files.check_writable(file, "FILE")
    with output.progress("exporting") as tick:
        n = export.export(Store.at(board), file, tick)
    typer.echo(f"{file}: {n} entries, {file.stat().st_size / 1e6:.2f} MB")


@_leaderboard.command("import", epilog="Example: siphonbench leaderboard import board.jsonl.gz --board new-board")
def _import(
    file: Annotated[Path, typer.Argument(help="What export wrote.")], board: options.AnyStore = str(BOARD)
) -> None:
    """Record every entry of such a file that the store does not have."""
    from leaderboard.tracking import export
    from leaderboard.tracking.store import Store

    with output.progress("importing") as tick:
        new, total = export.import_(Store.at(board), file, tick)
    typer.echo(f"{new} of {total} entries were new to {Store.at(board).name}")


@_leaderboard.command("mark", epilog="Example: siphonbench leaderboard mark 1f0e... --note 'ran its code'")
def _mark(
    entry: Annotated[str, typer.Argument(help="Id of the entry, as in its page's address.")],
    board: options.AnyStore = str(BOARD),
    note: Annotated[str, typer.Option(help="How it was reproduced; kept with the run.")] = "by the operator",
) -> None:
    """Mark an entry as reproduced from its code."""
    from leaderboard.tracking import mlflow_runs
    from leaderboard.tracking.store import Store

    typer.echo(f"{mlflow_runs.mark(Store.at(board), entry, note)} is marked as reproduced")


@app.command("ui", epilog="Example: siphonbench ui --port 5000")
def _ui(
    board: options.Board = BOARD,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of http://127.0.0.1.")] = 5000,
) -> None:
    """Serve MLflow's own pages on the store, until Ctrl-C."""
    from leaderboard.tracking import mlflow_runs

    if not (board / "mlflow.db").is_file():
        raise UserError(f"--board {board} holds no mlflow.db: submit an entry, or run siphonbench quickstart")
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # a fifth of the memory
    where = ("--backend-store-uri", mlflow_runs.Store(board).uri, "--host", "127.0.0.1", "--port", str(port))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *where, "--workers", "1"])  # noqa: S606


def show_board(data: Dataset, where: str | Path, task: str = "accounts", robust: Sequence[Path] = ()) -> None:
    """Print the board of a task on a dataset, and write its page.

    Parameters
    ----------
    data : Dataset
        Which dataset.
    where : path or address
        Of the store.
    task : str
        Which task.
    robust : sequence of Path
        Datasets whose campaigns adapted, as for `adapted_worlds.robust_board`.
    """
    from leaderboard.site import folder_page
    from leaderboard.tracking import board_table
    from leaderboard.tracking.store import Store

    board = _board(data, where, task, robust)
    output.print_table(board_table.table(board))
    if len(board.entries) > 1 and all(entry.rank == 1 for entry in board.entries):
        first, *_, last = board.entries
        typer.echo(
            f"Nothing can be told apart here: all {len(board.entries)} entries share one rank, because such "
            "differences come by chance where campaigns are so few. Take a larger world, e.g. --preset small. "
            f"Of the first and the last entry: {power.sentence(first.estimate - last.estimate)}"
        )
    store = Store.at(where)
    typer.echo(f"Page: {folder_page.path(store.folder, task)}, MLflow store: {store.name}")
