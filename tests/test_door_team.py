"""The team commands."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from leaderboard.intake import teams
from leaderboard.tracking.store import Store
from siphonbench.cli.main import app


def test_from_add_to_revoke(tmp_path: Path) -> None:
    board = str(tmp_path / "board")

    def call(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["team", *arguments, "--board", board])
        return done.exit_code, done.stdout.strip(), done.stderr.strip()

    code, token, said = call("add", "Team Rocket")
    assert (code, said.startswith("Token of Team Rocket")) == (0, True)
    team = teams.find(Store(Path(board)).engine(), token)
    assert team is not None
    assert team.name == "Team Rocket"
    assert "may submit" in call("list")[1]
    assert call("add", "team rocket")[::2] == (
        2,
        "error: there is a team 'team rocket' already: choose a name that looks different",
    )
    assert call("revoke", "Team Rocket")[0] == 0
    code, listed, _ = call("list")
    assert "revoked" in listed
    assert token not in listed
