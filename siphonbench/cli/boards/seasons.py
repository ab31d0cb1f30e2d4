"""Seasons on sealed worlds: seal, take submissions, unseal, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError, printable
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app
from siphonbench.workflows.seasons import sealing, season_end

if TYPE_CHECKING:
    from leaderboard.seasons.submissions import SeasonService

_season = typer.Typer(
    help="Run a season on a sealed world: seal, submit, settle, standings, play, unseal, check.", **STYLE
)
app.add_typer(_season, name="season")

Folder = Annotated[Path, typer.Argument(help="Folder of the season, as seal wrote it.")]
Secret = Annotated[Path, typer.Option("--secret", help="Secret file of the season; never in its folder.")]
Team = Annotated[str, typer.Option("--team", help="Name of the team.")]
Task = Annotated[str, typer.Option("--task", help="accounts, campaigns or requests.")]
Beacon = Annotated[str, typer.Option("--beacon", help="Public random value, of the source that seal named.")]
Early = Annotated[bool, typer.Option("--before-close", help="Although the season is not over.")]


@_season.command(
    "seal",
    epilog="Example: siphonbench season seal spring-2027 --preset small --closes 2027-06-30 --out spring-2027 "
    "--secret ../spring-2027.secret",
)
def _seal(
    name: Annotated[str, typer.Argument(help="Name of the season.")],
    closes: Annotated[str, typer.Option(help="Last moment for submissions, e.g. 2027-06-30 (UTC).")],
    out: Annotated[Path, typer.Option(help="New or empty folder, to be published.")],
    secret: Annotated[Path, typer.Option(help="New file for the secret, outside of every published folder.")],
    preset: options.Preset = None,
    scenario: options.Config = None,
    task: Annotated[
        list[str] | None, typer.Option(help="What is asked: accounts, campaigns, requests; or early alone.")
    ] = None,
    opens: Annotated[str, typer.Option(help="First moment for submissions; now if left out.")] = "",
    attempts: Annotated[int, typer.Option(help="Per team, task and day.")] = 3,
    every: Annotated[int, typer.Option(help="Answers come at whole multiples of so many seconds.")] = 3600,
    decimals: Annotated[int, typer.Option(help="That scores are rounded to.")] = 2,
    total: Annotated[int, typer.Option(help="Attempts per team and task in the whole season.")] = 30,
    beacon: Annotated[
        str,
        typer.Option(help="Public source of a random value to mix in at the close, e.g. 'drand round 4000000'."),
    ] = "",
    workers: options.Workers = options.CPUS,
) -> None:
    """Make a world from a random secret, and publish its commitment and its tables without labels."""
    from generator.pipeline import sealed_worlds as seals
    from generator.pipeline.folder_target import check_free
    from leaderboard.seasons import rules

    def given() -> rules.Rules:
        return rules.checked_rules(
            name, tuple(task or ["accounts"]), closes, opens, attempts, every, decimals, total, beacon
        )

    def free() -> None:
        if sealing.private(secret).exists():
            raise UserError(f"{sealing.private(secret)} exists already and is kept: choose another --secret")

    sealing.check_all(
        given,
        lambda: sealing.read_config(preset, scenario),
        lambda: check_free(out),
        lambda: seals.check_place(secret, out),
        free,
    )
    with output.progress("making the sealed world") as tick:
        season = sealing.seal(given(), sealing.read_config(preset, scenario), out, secret, workers, tick)
    typer.echo(f"{out}: {season.accounts:,} accounts, {season.days} days, commitment {season.commitment}")
    typer.echo(f"Keep {secret} and {sealing.private(secret)} to yourself until the season is over.", err=True)


@_season.command(
    "submit",
    epilog="Example: siphonbench season submit spring-2027 predictions.parquet --team 'Team Rocket' "
    "--secret ../spring-2027.secret",
)
def _submit(
    folder: Folder,
    entry: options.Entry,
    team: Team,
    secret: Secret,
    task: Task = "accounts",
    receipt: options.Receipt = None,
) -> None:
    """Hand in for a team; the answer comes later, see `answer`. The receipt is the team's, to check the end by."""
    from leaderboard.records.moments import moment

    service = _service(folder, secret)
    taken = service.submit(team, task, entry)
    typer.echo(taken.id)
    typer.echo(f"Its answer comes at {moment(taken.due)}; attempts left today: {taken.left}", err=True)
    output.receipt(taken.link.receipt(service.commitment), receipt)


@_season.command(
    "answer",
    epilog="Example: siphonbench season answer spring-2027 0123456789abcdef0123456789abcdef --team 'Team Rocket' "
    "--secret ../spring-2027.secret",
)
def _answer(
    folder: Folder, attempt: Annotated[str, typer.Argument(help="Id of the attempt.")], team: Team, secret: Secret
) -> None:
    """Say what came of an attempt, once it is due."""
    answer = _service(folder, secret).answer(team, attempt)
    typer.echo(f"{answer.task}: {answer.message}" if answer.score is None else f"{answer.task}: {answer.score:g}")


@_season.command("settle", epilog="Example: siphonbench season settle spring-2027 --secret ../spring-2027.secret")
def _settle(folder: Folder, secret: Secret) -> None:
    """Judge what was handed in; run it more often than answers come, by cron for instance."""
    typer.echo(f"{_service(folder, secret).score_waiting()} judged")


@_season.command(
    "standings", epilog="Example: siphonbench season standings spring-2027 --secret ../spring-2027.secret"
)
def _standings(folder: Folder, secret: Secret, task: Task = "accounts") -> None:
    """Show the best answer of each team, of those that are out."""
    rows = _service(folder, secret).standings(task)
    output.show(
        ("rank", "team", "score", "attempts"),
        ((str(r.rank), r.team, f"{r.score:g}", str(r.attempts)) for r in rows),
    )


@_season.command("close", epilog="Example: siphonbench season close spring-2027 --secret ../spring-2027.secret")
def _close(folder: Folder, secret: Secret, beacon: Beacon = "", early: Early = False) -> None:
    """Take nothing any more, and publish how many attempts there were: the end of their chain."""
    end = season_end.close(folder, secret, beacon, early)
    typer.echo(f"{folder}: closed after {end.attempts} attempts, the last one {end.head}")


@_season.command("unseal", epilog="Example: siphonbench season unseal spring-2027 --secret ../spring-2027.secret")
def _unseal(folder: Folder, secret: Secret, beacon: Beacon = "", early: Early = False) -> None:
    """End a season, once: publish its secret, every attempt and what each was given for."""
    count = season_end.unseal(folder, secret, beacon, early)
    typer.echo(f"{folder}: secret and {count} scores are out; anybody may run: siphonbench season check {folder}")


@_season.command("check", epilog="Example: siphonbench season check spring-2027 --receipts our-receipts")
def _check(
    folder: Folder,
    secret: Annotated[
        Path | None, typer.Option(help="Secret file; secret.json of the folder if left out.")
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="Scores; scores.json of the folder if left out.")] = None,
    receipts: Annotated[Path | None, typer.Option(help="Folder of receipts that teams hold, JSON files.")] = None,
    workers: options.Workers = options.CPUS,
) -> None:
    """Make the world again from the revealed secret, and check rules, attempts, receipts and scores."""
    from leaderboard.seasons import rules

    with output.progress("making the world again") as tick:
        count, faults = season_end.check(folder, secret, scores, receipts, workers, tick)
    if faults:
        typer.echo(printable(f"{len(faults)} faults: " + "; ".join(faults)), err=True)
        raise typer.Exit(1)
    typer.echo(f"Commitment, world and {count} scores of {rules.read(folder).rules.name} are what they should be.")


def _service(folder: Path, secret: Path) -> SeasonService:
    season, sealed = sealing.opened(folder, secret)
    return sealing.service(season, sealed, secret)


@_season.command(
    "play",
    epilog="Example: siphonbench season play mymodule:MyDetector --train siphonbench-data/small "
    "--server https://board.example.org --token-file team.token",
)
def _play(
    detector: Annotated[str, typer.Argument(help="module:Class of a detector, or the name of a built-in one.")],
    train: Annotated[Path, typer.Option(help="Dataset with open labels to learn from: its train split.")],
    server: Annotated[str, typer.Option(help="Address of the server of the season.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="File that holds the team's token.")] = None,
    season: Annotated[Path | None, typer.Option(help="Folder of a season, in place of a server.")] = None,
    secret: Annotated[Path | None, typer.Option(help="Its secret file, with --season.")] = None,
    team: Annotated[str, typer.Option("--team", help="Name of the team, with --season.")] = "local",
    seed: options.Seed = None,
) -> None:
    """Walk a detector through a season of the task early, day by day."""
    from siphonbench.workflows.seasons import season_play

    transport = season_play.transport(server, token_file, season, secret, team)
    with output.progress("walking through the days") as tick:
        days = season_play.play(detector, train, transport, seed or 0, tick)
    if days:
        typer.echo(f"{days} days scored. The scores of all days are in; the answer comes at a set time.")
    else:
        typer.echo(
            "Nothing was done: this team had handed in the scores of all days before, and each day counts once."
        )


@_season.command(
    "serve",
    epilog="Example: siphonbench season serve spring-2027 --secret ../spring-2027.secret --port 8080",
)
def _serve(
    folder: Folder,
    secret: Secret,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8080,
) -> None:
    """Serve a season over HTTP; teams are those of: siphonbench season team."""
    from siphonbench.workflows.seasons import season_play

    season, sealed = sealing.opened(folder, secret)
    season_play.serve(season, sealing.service(season, sealed, secret), host, port)


@_season.command(
    "team", epilog="Example: siphonbench season team spring-2027 'Team Rocket' --secret ../spring-2027.secret"
)
def _team(folder: Folder, name: Annotated[str, typer.Argument(help="Name of the team.")], secret: Secret) -> None:
    """Add a team to a served season, and show its token, this once."""
    from leaderboard.intake import teams

    team, token = teams.add(_service(folder, secret).engine, name)
    typer.echo(f"Token of {team.name}; it is not kept and can't be shown again:", err=True)
    typer.echo(token)


@_season.command(
    "revoke", epilog="Example: siphonbench season revoke spring-2027 'Team Rocket' --secret ../spring-2027.secret"
)
def _revoke(
    folder: Folder, name: Annotated[str, typer.Argument(help="Name of the team.")], secret: Secret
) -> None:
    """End a team's token, also while the season is served; its attempts stay."""
    from leaderboard.intake import teams

    typer.echo(f"{teams.revoke(_service(folder, secret).engine, name).name} can't submit any more")
