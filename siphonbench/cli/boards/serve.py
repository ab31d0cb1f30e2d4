"""Serve a board, build its pages, or check a submission before it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from siphonbench import api
from siphonbench.api import BOARD, DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app

if TYPE_CHECKING:
    from leaderboard.site.settings import Settings

_site = typer.Typer(help="The board's site as files.", **STYLE)
app.add_typer(_site, name="site")

Worlds = Annotated[list[Path] | None, typer.Option("--data", help="Dataset folder; repeat it for several.")]
Files = Annotated[Path, typer.Option("--files", help="Folder of uploads and, without a server, artifacts.")]


@app.command("serve", epilog="Example: siphonbench serve --data siphonbench-data/nano --port 8000")
def _serve(
    data: Worlds = None,
    board: options.AnyStore = str(BOARD),
    tables: options.Tables = "",
    files: Files = BOARD,
    host: options.Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
    team_hour: Annotated[int, typer.Option(min=1, help="Submissions of a team in an hour.")] = 20,
    address_minute: Annotated[int, typer.Option(min=1, help="Uploads from an address in a minute.")] = 60,
    memory: Annotated[float, typer.Option(min=1, help="GiB that scoring a submission may take.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds that scoring a submission may take.")] = 600,
    proxy: Annotated[str, typer.Option(help="Proxies whose X-Forwarded-For is believed, e.g. 127.0.0.1.")] = "",
) -> None:
    """Serve boards, take submissions and score them, until Ctrl-C."""
    from dataclasses import replace

    from leaderboard.intake.scorer import Limits

    try:
        from leaderboard.intake import server
        from leaderboard.site import app as site
    except ModuleNotFoundError as error:
        raise UserError(f"serve needs {error.name}: pip install 'siphonbench[serve]'") from error
    limits = Limits(int(memory * 2**30), seconds)
    settings = replace(
        _settings(data, board, tables, files), limits=limits, team_hour=team_hour, address_minute=address_minute
    )
    typer.echo(f"http://{host}:{port}", err=True)
    server.serve(site.guarded(settings), host, port, proxy)


@_site.command("build", epilog="Example: siphonbench site build public --data siphonbench-data/nano")
def _build(
    out: Annotated[Path, typer.Argument(help="New or empty folder, or one built before.")],
    data: Worlds = None,
    board: options.AnyStore = str(BOARD),
    tables: options.Tables = "",
    files: Files = BOARD,
) -> None:
    """Write the pages of the boards as static files."""
    from leaderboard.site import build

    with output.progress("writing pages") as tick:
        pages = build.build(_settings(data, board, tables, files), out, tick)
    typer.echo(f"{out}: {pages} pages; open {out / 'index.html'}")


@app.command("check", epilog="Example: siphonbench check predictions.parquet --data siphonbench-data/nano")
def _check(
    entry: options.Entry, data: options.On = DATA, split: options.Split = "test", task: options.Task = "accounts"
) -> None:
    """Validate a submission as the server does; nothing is scored."""
    from leaderboard.tasks import scoring

    submission = scoring.read_submission(api.load(data).reveal(split), task, entry)
    typer.echo(
        f"{entry} is valid: {submission.card.name}, {len(submission.predictions):,} rows for {split} of {data}"
    )


def _settings(data: list[Path] | None, board: str, tables: str, files: Path) -> Settings:
    from generator.config.archetypes import archetypes
    from leaderboard.site.settings import ServedDataset, Settings
    from leaderboard.tracking.store import Store

    worlds = tuple(ServedDataset.at(folder) for folder in data or [DATA])
    titles = {name: archetype.title for name, archetype in archetypes().items()}
    return Settings(Store.at(board, files, tables), worlds, archetypes=titles)
