"""Teams that may submit to a served board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from siphonbench import BOARD
from siphonbench_cli import root

if TYPE_CHECKING:
    import sqlalchemy as sa

_team = typer.Typer(help="Add, list or revoke teams that may submit to a served board.", **root.STYLE)
root.app.add_typer(_team, name="team")

Name = Annotated[str, typer.Argument(help="Name of the team, shown on the board.")]


@_team.command("add", epilog="Example: siphonbench team add 'Team Rocket'")
def _add(name: Name, board: root.AnyStore = str(BOARD), tables: root.Tables = "") -> None:
    """Add a team and show its token, this once."""
    from leaderboard import teams

    team, token = teams.add(_engine(board, tables), name)
    typer.echo(f"Token of {team.name}; it is not kept and can't be shown again:", err=True)
    typer.echo(token)


@_team.command("list", epilog="Example: siphonbench team list")
def _list(board: root.AnyStore = str(BOARD), tables: root.Tables = "") -> None:
    """List teams, oldest first."""
    from leaderboard import teams

    rows = [
        (t.name, f"{t.created:%Y-%m-%d}", f"revoked {t.revoked:%Y-%m-%d}" if t.revoked else "may submit")
        for t in teams.listed(_engine(board, tables))
    ]
    root.show(("team", "added", "token"), rows)


@_team.command("revoke", epilog="Example: siphonbench team revoke 'Team Rocket'")
def _revoke(name: Name, board: root.AnyStore = str(BOARD), tables: root.Tables = "") -> None:
    """End a team's token; its entries stay on the board."""
    from leaderboard import teams

    typer.echo(f"{teams.revoke(_engine(board, tables), name).name} can't submit any more")


def _engine(board: str, tables: str) -> sa.Engine:
    from leaderboard.store import Store

    return Store.at(board, tables=tables).engine()
