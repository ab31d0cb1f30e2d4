"""Teams that may submit to a served board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from siphonbench.api import BOARD
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app

if TYPE_CHECKING:
    import sqlalchemy as sa

_team = typer.Typer(help="Add, list or revoke teams that may submit to a served board.", **STYLE)
app.add_typer(_team, name="team")

Name = Annotated[str, typer.Argument(help="Name of the team, shown on the board.")]


@_team.command("add", epilog="Example: siphonbench team add 'Team Rocket'")
def _add(name: Name, board: options.AnyStore = str(BOARD), tables: options.Tables = "") -> None:
    """Add a team and show its token, this once."""
    from leaderboard.intake import teams

    team, token = teams.add(_engine(board, tables), name)
    typer.echo(f"Token of {team.name}; it is not kept and can't be shown again:", err=True)
    typer.echo(token)


@_team.command("list", epilog="Example: siphonbench team list")
def _list(board: options.AnyStore = str(BOARD), tables: options.Tables = "") -> None:
    """List teams, oldest first."""
    from leaderboard.intake import teams

    rows = [
        (t.name, f"{t.created:%Y-%m-%d}", f"revoked {t.revoked:%Y-%m-%d}" if t.revoked else "may submit")
        for t in teams.listed(_engine(board, tables))
    ]
    output.show(("team", "added", "token"), rows)


@_team.command("revoke", epilog="Example: siphonbench team revoke 'Team Rocket'")
def _revoke(name: Name, board: options.AnyStore = str(BOARD), tables: options.Tables = "") -> None:
    """End a team's token; its entries stay on the board."""
    from leaderboard.intake import teams

    typer.echo(f"{teams.revoke(_engine(board, tables), name).name} can't submit any more")


def _engine(board: str, tables: str) -> sa.Engine:
    from leaderboard.tracking.store import Store

    return Store.at(board, tables=tables).engine()
