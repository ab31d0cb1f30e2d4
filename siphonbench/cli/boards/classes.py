"""Classroom boards: from a roster to grades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from generator.errors import UserError
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app
from siphonbench.workflows.seasons import class_changes, class_folder, class_grades, classroom, sealing

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from leaderboard.seasons.rules import Rules
    from siphonbench.workflows.seasons.class_folder import Class
    from siphonbench.workflows.seasons.class_grades import Grades

_class = typer.Typer(
    help="Run a class on secret worlds, one per student: new, roster, revoke, extend, submit, board, page, "
    "grades, serve.",
    **STYLE,
)
app.add_typer(_class, name="class")

Room = Annotated[Path, typer.Argument(help="Folder of the class.")]
Full = Annotated[
    float | None,
    typer.Option(
        help="Score that gets all 100 points on every world; left out, reference detectors set the scale."
    ),
]


@_class.command("new", epilog="Example: siphonbench class new ml-101 --deadline 2027-01-31 --attempts 3")
def _new(
    name: Annotated[str, typer.Argument(help="Name of the class; a folder of that name is made here.")],
    deadline: Annotated[str, typer.Option(help="Last moment to hand in, e.g. 2027-01-31 (UTC).")],
    preset: Annotated[
        str | None, typer.Option(help="nano, small, medium or full; small if left out: on nano grades are noise.")
    ] = None,
    scenario: options.Config = None,
    task: Annotated[list[str] | None, typer.Option(help="accounts, campaigns or requests; repeat it.")] = None,
    attempts: Annotated[int, typer.Option(help="Per student, task and day.")] = 3,
    every: Annotated[
        int, typer.Option(help="Answers come at whole multiples of so many seconds; 0: at once.")
    ] = 0,
    decimals: Annotated[int, typer.Option(help="That scores are rounded to.")] = 2,
    total: Annotated[int, typer.Option(help="Attempts per student and task in the whole term.")] = 30,
    board: Annotated[str, typer.Option(help="private, or nicknames: everybody sees them.")] = "nicknames",
    same: Annotated[bool, typer.Option("--same-world", help="One world for all, not one per student.")] = False,
    shared_test: Annotated[
        bool,
        typer.Option(
            "--shared-test", help="One hidden test for all, beside training worlds of their own: for rankings."
        ),
    ] = False,
) -> None:
    """Make a class with a secret of its own; students come with `class roster`."""
    from leaderboard.records.moments import moment
    from leaderboard.seasons import rules

    def given() -> Rules:
        try:
            return rules.checked_rules(
                name, tuple(task or ["accounts"]), deadline, "", attempts, every, decimals, total
            )
        except UserError as error:
            raise UserError(str(error).replace("closes:", "deadline:")) from error

    def rest() -> None:
        if board not in class_folder.BOARDS:
            raise UserError(f"board: {board!r} is none of {', '.join(class_folder.BOARDS)}")
        if same and shared_test:
            raise UserError("--same-world shares the test too: leave --shared-test out")
        if "early" in (task or []):
            raise UserError(
                "task: early is walked in a season, not in a class: siphonbench season seal --task early"
            )

    def free() -> None:
        if rules.NAME.fullmatch(name) and Path(name).exists():
            raise UserError(f"{name} exists already and is kept: choose another name")

    def config() -> Config:
        return sealing.read_config(preset if preset or scenario else classroom.PRESET, scenario)

    sealing.check_all(given, rest, free, config)
    room = classroom.new(Path(name), given(), config(), board, same, shared_test)
    typer.echo(f"{room.folder}: closes at {moment(room.rules.closes)}; now: siphonbench class roster {name} FILE")


@_class.command("roster", epilog="Example: siphonbench class roster ml-101 roster.csv")
def _roster(
    room: Room,
    roster: Annotated[
        Path, typer.Argument(help="CSV with the columns id and name; email, nickname if there are.")
    ],
) -> None:
    """Enrol the students of a roster: a world, a folder to hand out and a token for each."""
    school_class = class_folder.opened(room)
    with output.progress("making the students' worlds") as tick:
        students = classroom.enrol(school_class, roster, tick)
    typer.echo(f"{len(students)} enrolled; give each of them a folder of {room / class_folder.HANDOUT}:")
    output.show(("id", "name", "folder"), ((s.id, s.name, s.nickname) for s in students))


@_class.command(
    "submit", epilog="Example: siphonbench class submit ml-101 predictions.csv --token-file hand-out/me/token.txt"
)
def _submit(
    room: Room,
    entry: options.Entry,
    token_file: Annotated[Path, typer.Option(help="The student's token.txt.")],
    task: Annotated[str, typer.Option("--task", help="accounts, campaigns or requests.")] = "accounts",
    receipt: options.Receipt = None,
) -> None:
    """Hand in for a student, where the folder of the class is; students elsewhere use `class serve`."""
    school_class = class_folder.opened(room)
    student = school_class.nickname(token_file.read_text("utf-8", errors="replace").strip())
    if student is None:
        raise UserError(
            f"{token_file} holds no token of {school_class.rules.name}: take the token.txt of the hand-out"
        )
    service = classroom.service(school_class)
    taken = service.submit(student, task, entry)
    service.score_waiting()
    answer = service.answer(student, taken.id)
    score = answer.message if answer.score is None else f"{answer.score:g}"
    typer.echo(f"{student}, {task}: {score}; attempts left today: {taken.left}")
    output.receipt(taken.link.receipt(service.commitment), receipt)


@_class.command("board", epilog="Example: siphonbench class board ml-101")
def _board(
    room: Room, task: Annotated[str, typer.Option("--task", help="accounts, campaigns or requests.")] = "accounts"
) -> None:
    """Show the board by nickname, as students may see it."""
    school_class = class_folder.opened(room)
    if school_class.board == "private":
        raise UserError(f"the board of {school_class.rules.name} is private: see siphonbench class page {room}")
    rows = classroom.service(school_class).standings(task)
    output.show(
        ("rank", "nickname", "score", "attempts"),
        ((str(r.rank), r.team, f"{r.score:g}", str(r.attempts)) for r in rows),
    )


@_class.command("page", epilog="Example: siphonbench class page ml-101 --out ml-101.html")
def _page(room: Room, out: Annotated[Path, typer.Option(help="HTML file to write.")], full: Full = None) -> None:
    """Write the instructor's page: everybody by name, attempts, scores, points with their intervals."""
    from leaderboard.records.moments import moment
    from leaderboard.seasons import grades

    shown = class_folder.opened(room)
    sealing.check_all(lambda: _check_full(full), lambda: _free(out))
    graded = _graded(shown, full)
    closes, tasks = moment(shown.rules.closes), shown.rules.tasks
    _write(out, grades.page(shown.rules.name, closes, tasks, graded.lines, graded.notes))


@_class.command("grades", epilog="Example: siphonbench class grades ml-101 --out grades.csv --lms canvas")
def _grades(
    room: Room,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    lms: Annotated[str, typer.Option(help="Who imports it: canvas or moodle.")] = "canvas",
    full: Full = None,
) -> None:
    """Write everybody's points as CSV that a learning management system imports."""
    from leaderboard.seasons import grades

    shown = class_folder.opened(room)
    sealing.check_all(lambda: _check_full(full), lambda: grades.table(lms, "", []), lambda: _free(out))
    _write(out, grades.table(lms, shown.rules.name, _graded(shown, full).lines))


def _check_full(full: float | None) -> None:
    from leaderboard.seasons import grades

    if full is not None:
        grades.full_scale(full)


def _graded(room: Class, full: float | None) -> Grades:
    with output.progress("grading") as tick:
        return class_grades.grades(room, full, tick)


@_class.command("serve", epilog="Example: siphonbench class serve ml-101 --host 0.0.0.0 --port 8080")
def _serve(
    room: Room,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8080,
) -> None:
    """Take what students hand in over HTTP, with their tokens."""
    from siphonbench.workflows.seasons import season_play

    opened = class_folder.opened(room)
    service = classroom.service(opened)
    served = class_changes.ServedClass(room, service)
    board = opened.board != "private"
    season_play.serve(classroom.season(opened), service, host, port, served.find, board, served.refresh)


@_class.command("revoke", epilog="Example: siphonbench class revoke ml-101 brave-otter-17 --new")
def _revoke(
    room: Room,
    student: Annotated[str, typer.Argument(help="Nickname or id of the student.")],
    new: Annotated[bool, typer.Option("--new", help="Write a new token into the student's hand-out.")] = False,
) -> None:
    """End a student's token, also while the class is served; attempts and scores stay."""
    nickname = class_changes.revoke(room, student, new)
    rest = f"; the new one is in {room / class_folder.HANDOUT / nickname / 'token.txt'}" if new else ""
    typer.echo(f"The token of {nickname} has ended{rest}")


@_class.command("extend", epilog="Example: siphonbench class extend ml-101 2027-02-14")
def _extend(
    room: Room,
    deadline: Annotated[str, typer.Argument(help="Later moment to hand in, e.g. 2027-02-14 (UTC).")],
    student: Annotated[str, typer.Option(help="Nickname or id of one who may be late; all if left out.")] = "",
) -> None:
    """Move the deadline of a class, or of one student, to a later moment, also while it is served."""
    from leaderboard.records.moments import moment

    closes = moment(class_changes.extend(room, deadline, student))
    typer.echo(f"{room} closes at {closes}" + f" for {student}" * bool(student))


def _free(out: Path) -> None:
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = f"{out} is a folder" if out.is_dir() else f"{out.parent} is no folder"
        raise UserError(f"--out {what}: name a file in a folder that exists")


def _write(out: Path, text: str) -> None:
    files.write_text(out, text, 0o600)
    typer.echo(out)
