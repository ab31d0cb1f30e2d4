"""Serve a board, build its pages, or check a submission before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
Docs = Annotated[
    str,
    typer.Option(envvar="SIPHONBENCH_DOCS", help="Address of the documentation, for the footer of every page."),
]
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
    docs: Docs = "",
) -> None:
    """Serve boards, take submissions and score them, until Ctrl-C."""
    from leaderboard.intake.scorer import Limits

    try:
        from leaderboard.intake import server
        from leaderboard.site import app as site
    except ModuleNotFoundError as error:
        raise UserError(f"serve needs {error.name}: pip install 'siphonbench[serve]'") from error
    limits = Limits(int(memory * 2**30), seconds)
    settings = replace(
        _settings(data, board, tables, files, docs),
        limits=limits,
        team_hour=team_hour,
        address_minute=address_minute,
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
    docs: Docs = "",
) -> None:
    """Write the pages of the boards as static files."""
    from leaderboard.site import build

    with output.progress("writing pages") as tick:
        pages = build.build(_settings(data, board, tables, files, docs), out, tick)
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


def _command(manifest: Mapping[str, Any]) -> str:
    """Command that makes a dataset again, if a preset and a seed are all of its configuration."""
    from generator.config import dataset_config

    name, seed = str(manifest["config"]["name"]), manifest["config"].get("seed")
    if seed is None or name not in dataset_config.PRESETS:
        return ""
    same = dataset_config.from_preset(name, seed).digest == manifest["config_digest"]
    return f"siphonbench generate --preset {name} --seed {seed} --out {name}-seed{seed}" if same else ""


def _settings(data: list[Path] | None, board: str, tables: str, files: Path, docs: str) -> Settings:
    from generator.config.archetypes import archetypes
    from leaderboard.site.settings import ServedDataset, Settings
    from leaderboard.tracking.store import Store

    worlds = tuple(
        replace(world, generate=_command(world.manifest))
        for world in (ServedDataset.at(folder) for folder in data or [DATA])
    )
    titles = {name: archetype.title for name, archetype in archetypes().items()}
    if docs and not docs.startswith(("https://", "http://")):
        raise UserError(f"--docs {docs[:80]} is no address: begin with https:// or http://")
    return Settings(Store.at(board, files, tables), worlds, archetypes=titles, docs=docs)
