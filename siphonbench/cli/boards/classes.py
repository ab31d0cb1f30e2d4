"""Classroom boards: from a roster to grades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app
from siphonbench.workflows import classroom, seasons

if TYPE_CHECKING:
    from leaderboard.seasons.rules import Rules

_class = typer.Typer(
    help="Run a class on secret worlds, one per student: new, roster, submit, board, page, grades, serve.",
    **STYLE,
)
app.add_typer(_class, name="class")

Room = Annotated[Path, typer.Argument(help="Folder of the class.")]
Full = Annotated[float, typer.Option(help="Score that gets all 100 points; below it, its share.")]


@_class.command("new", epilog="Example: siphonbench class new ml-101 --deadline 2027-01-31 --attempts 3")
def _new(
    name: Annotated[str, typer.Argument(help="Name of the class; a folder of that name is made here.")],
    deadline: Annotated[str, typer.Option(help="Last moment to hand in, e.g. 2027-01-31 (UTC).")],
    preset: options.Preset = None,
    scenario: options.Config = None,
    task: Annotated[list[str] | None, typer.Option(help="accounts, campaigns or requests; repeat it.")] = None,
    attempts: Annotated[int, typer.Option(help="Per student, task and day.")] = 3,
    every: Annotated[
        int, typer.Option(help="Answers come at whole multiples of so many seconds; 0: at once.")
    ] = 0,
    decimals: Annotated[int, typer.Option(help="That scores are rounded to.")] = 3,
    board: Annotated[str, typer.Option(help="private, or nicknames: everybody sees them.")] = "nicknames",
    same: Annotated[bool, typer.Option("--same-world", help="One world for all, not one per student.")] = False,
) -> None:
    """Make a class with a secret of its own; students come with `class roster`."""
    from leaderboard.records.moments import moment
    from leaderboard.seasons import rules

    def given() -> Rules:
        try:
            return rules.checked_rules(name, tuple(task or ["accounts"]), deadline, "", attempts, every, decimals)
        except UserError as error:
            raise UserError(str(error).replace("closes:", "deadline:")) from error

    def rest() -> None:
        if board not in classroom.BOARDS:
            raise UserError(f"board: {board!r} is none of {', '.join(classroom.BOARDS)}")
        if "early" in (task or []):
            raise UserError(
                "task: early is walked in a season, not in a class: siphonbench season seal --task early"
            )

    def free() -> None:
        if rules.NAME.fullmatch(name) and Path(name).exists():
            raise UserError(f"{name} exists already and is kept: choose another name")

    seasons.check_all(given, rest, free, lambda: seasons.read_config(preset, scenario))
    made = classroom.new(Path(name), given(), seasons.read_config(preset, scenario), board, same)
    typer.echo(f"{made.folder}: closes at {moment(made.rules.closes)}; now: siphonbench class roster {name} FILE")


@_class.command("roster", epilog="Example: siphonbench class roster ml-101 roster.csv")
def _roster(
    room: Room,
    roster: Annotated[
        Path, typer.Argument(help="CSV with the columns id and name; email, nickname if there are.")
    ],
) -> None:
    """Enrol the students of a roster: a world, a folder to hand out and a token for each."""
    found = classroom.opened(room)
    with output.progress("making the students' worlds") as tick:
        students = classroom.enrol(found, roster, tick)
    typer.echo(f"{len(students)} enrolled; give each of them a folder of {room / classroom.HANDOUT}:")
    output.show(("id", "name", "folder"), ((s.id, s.name, s.nickname) for s in students))


@_class.command(
    "submit", epilog="Example: siphonbench class submit ml-101 predictions.csv --token-file hand-out/me/token.txt"
)
def _submit(
    room: Room,
    entry: options.Entry,
    token_file: Annotated[Path, typer.Option(help="The student's token.txt.")],
    task: Annotated[str, typer.Option("--task", help="accounts, campaigns or requests.")] = "accounts",
) -> None:
    """Hand in for a student, where the folder of the class is; students elsewhere use `class serve`."""
    found = classroom.opened(room)
    student = found.who(token_file.read_text("utf-8", errors="replace").strip())
    if student is None:
        raise UserError(f"{token_file} holds no token of {found.rules.name}: take the token.txt of the hand-out")
    desk = classroom.service(found)
    receipt = desk.submit(student, task, entry)
    desk.score_waiting()
    said = desk.answer(student, receipt.id)
    score = said.message if said.score is None else f"{said.score:g}"
    typer.echo(f"{student}, {task}: {score}; attempts left today: {receipt.left}")


@_class.command("board", epilog="Example: siphonbench class board ml-101")
def _board(
    room: Room, task: Annotated[str, typer.Option("--task", help="accounts, campaigns or requests.")] = "accounts"
) -> None:
    """Show the board by nickname, as students may see it."""
    found = classroom.opened(room)
    if found.board == "private":
        raise UserError(f"the board of {found.rules.name} is private: see siphonbench class page {room}")
    rows = classroom.service(found).standings(task)
    output.show(
        ("rank", "nickname", "score", "attempts"),
        ((str(r.rank), r.team, f"{r.score:g}", str(r.attempts)) for r in rows),
    )


@_class.command("page", epilog="Example: siphonbench class page ml-101 --out ml-101.html")
def _page(room: Room, out: Annotated[Path, typer.Option(help="HTML file to write.")], full: Full = 0.5) -> None:
    """Write the instructor's page: everybody by name, attempts, best scores, points."""
    from leaderboard.records.moments import moment
    from leaderboard.seasons import grades

    found = classroom.opened(room)
    seasons.check_all(lambda: grades.check_full(full), lambda: _free(out))
    lines = classroom.lines(found, full)
    _write(out, grades.page(found.rules.name, moment(found.rules.closes), found.rules.tasks, lines))


@_class.command(
    "grades", epilog="Example: siphonbench class grades ml-101 --out grades.csv --lms canvas --full 0.5"
)
def _grades(
    room: Room,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    lms: Annotated[str, typer.Option(help="Who imports it: canvas or moodle.")] = "canvas",
    full: Full = 0.5,
) -> None:
    """Write everybody's points as CSV that a learning management system imports."""
    from leaderboard.seasons import grades

    found = classroom.opened(room)
    seasons.check_all(lambda: grades.check_full(full), lambda: grades.table(lms, "", []), lambda: _free(out))
    _write(out, grades.table(lms, found.rules.name, classroom.lines(found, full)))


@_class.command("serve", epilog="Example: siphonbench class serve ml-101 --host 0.0.0.0 --port 8080")
def _serve(
    room: Room,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8080,
) -> None:
    """Take what students hand in over HTTP, with their tokens."""
    from siphonbench.workflows import season_play

    found = classroom.opened(room)
    season_play.serve(
        classroom.season(found), classroom.service(found), host, port, found.who, found.board != "private"
    )


def _free(out: Path) -> None:
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = f"{out} is a folder" if out.is_dir() else f"{out.parent} is no folder"
        raise UserError(f"--out {what}: name a file in a folder that exists")


def _write(out: Path, text: str) -> None:
    temporary = out.with_name(out.name + ".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(text, "utf-8")
    temporary.rename(out)
    typer.echo(out)
