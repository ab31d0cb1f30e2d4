"""Run detectors, each in a process of its own: resumable, measured, scored."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generator import files
from generator.errors import UserError
from leaderboard.records.task_definitions import TASKS
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.detectors import group
from siphonbench.workflows import detector_runs
from siphonbench.workflows.detector_runs import REPORTS

if TYPE_CHECKING:
    from baselines.isolated_run import DetectorJob
    from generator.dataset import Dataset
    from siphonbench.workflows.detector_runs import Row

_HEAD = ("95 % interval", "overt", "evasive", "adaptive", "chance", "seconds", "peak MB")


@group.group.command("run", epilog="Example: siphonbench baselines run volume rate-limit --split validation")
def _run(
    names: Annotated[list[str] | None, typer.Argument(help="Detectors; all if left out.")] = None,
    data: options.On = DATA,
    task: Annotated[str, typer.Option(help=f"{', '.join(TASKS)} or all.")] = "accounts",
    split: options.Split = "test",
    seed: options.Seed = None,
    params: Annotated[
        Path | None, typer.Option(help="TOML file with a table of parameters per detector, as tune writes it.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Board that gets one MLflow run each: folder, postgresql:// or http://.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Gets a submission folder per detector and task, and reports.")
    ] = options.ENTRIES,
) -> None:
    """Train detectors on train, score a split, show what each reached and took; no finished one is repeated."""
    asked = _asked(task)
    if record and split != "test":
        raise UserError(f"--record {record} ranks entries on test, not on {split}: leave one of the two out")
    given = parameters(params) if params else {}
    dataset = api.load_verified(data)
    dataset.reveal(split)
    jobs = _jobs(dataset, names, asked, split, seed or 0, given, explicit=task != "all")
    for name, why in () if names else _skipped():
        typer.echo(f"skipped {name}: it {why}", err=True)
    rows, failed = _work(dataset, jobs, out)
    for name in asked:
        if not (some := ranked(r for r in rows if r.task == name)):
            (out / REPORTS / f"{name}.md").unlink(missing_ok=True)  # of an earlier run
            continue
        title = f"{dataset.name}, {split}, {name}: {TASKS[name].title}"
        head = ("detector", TASKS[name].short, *_HEAD)
        files.write_text(out / REPORTS / f"{name}.md", f"{title}\n\n{markdown(head, map(cells, some))}")
        typer.echo(title)
        output.show(head, map(cells, some))
    if record:
        _record(dataset, rows, record)
    again = sum(r.again for r in rows)
    typer.echo(f"{out}: {len(rows)} submissions, {again} of them from an earlier run; reports in {out / REPORTS}")
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} detectors failed: {'; '.join(failed)}")


def parameters(file: Path) -> dict[str, dict[str, Any]]:
    """Parameters by detector.

    Raises
    ------
    UserError
        If the file can't be read, or holds anything but tables.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--params {file} can't be read as TOML: {error}; let tune write one") from error
    if loose := [k for k, v in document.items() if not isinstance(v, dict)]:
        raise UserError(
            f"--params {file}: {', '.join(loose)} stands outside a table: write [NAME] of a detector above"
        )
    return document


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Best first; what has no scorecard comes last."""
    return sorted(rows, key=lambda r: (-(r.card.primary.value if r.card else -1), r.name))


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table as text."""
    took = (f"{row.seconds:.1f}", f"{row.peak_mb:.0f}")
    if row.card is None:
        return (row.name, "no labels here", *["-"] * 5, *took)
    p, tiers = row.card.primary, row.card.tiers
    metric = TASKS[row.task].primary
    each = (f"{tiers[t][metric].value:.3f}" if t in tiers else "-" for t in ("overt", "evasive", "adaptive"))
    return (row.name, f"{p.value:.3f}", f"{p.low:.3f}-{p.high:.3f}", *each, f"{p.chance:.3f}", *took)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    rule = "|" + "---|" * (lines[0].count("|") - 1)
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def _skipped() -> Iterable[tuple[str, str]]:
    """Detectors that can't be run here, and why."""
    from baselines.registry import SKIPPED

    return SKIPPED.items()


def _asked(task: str) -> tuple[str, ...]:
    if task not in (*TASKS, "all"):
        raise UserError(f"--task {task!r} is none of {', '.join(TASKS)} and all")
    return tuple(TASKS) if task == "all" else (task,)


def _jobs(
    data: Dataset,
    names: list[str] | None,
    tasks: tuple[str, ...],
    split: str,
    seed: int,
    params: dict[str, dict[str, Any]],
    explicit: bool,
) -> list[DetectorJob]:
    """One job per detector; every name and parameter is checked before the first one runs."""
    from baselines import isolated_run, plugins, registry

    kinds = {n: plugins.find(n) for n in names or [*registry.DETECTORS, *plugins.installed()]}
    if bounds := [kind.name for kind in kinds.values() if kind.upper_bound]:
        raise UserError(f"{', '.join(bounds)} knows part of the truth and stands on no board: choose others")
    silent = [n for n, kind in kinds.items() if not set(tasks) & set(kind.tasks)]
    if names and silent and explicit:
        raise UserError(
            f"{', '.join(silent)} does not answer the task {tasks[0]!r}: see siphonbench baselines list"
        )
    jobs = []
    for name, kind in kinds.items():
        if answered := tuple(t for t in tasks if t in kind.tasks):
            given = params.get(kind.name, {})
            isolated_run.build_detector(name, seed, given)
            jobs.append(isolated_run.DetectorJob(str(data.path.absolute()), name, answered, split, seed, given))
    return jobs


def _work(data: Dataset, jobs: list[DetectorJob], out: Path) -> tuple[list[Row], list[str]]:
    """Rows of all jobs, and one sentence per detector that failed: the others go on."""
    from dataclasses import replace

    book, rows, failed = detector_runs.DetectorRuns(data, out), [], []
    total = sum(len(job.tasks) for job in jobs)
    with output.progress("training and scoring") as tick:
        ended = 0
        for job in jobs:
            done, left = book.todo(job)
            rows += done
            tick(ended + len(done), total)
            try:
                for row in book.work(replace(job, tasks=tuple(left))) if left else ():
                    rows.append(row)
                    tick(len(rows), total)
            except UserError as error:
                failed.append(str(error))
            ended += len(job.tasks)
            tick(ended, total)
    return rows, failed


def _record(data: Dataset, rows: list[Row], where: str) -> None:
    """One MLflow run for each scored row, unless it is there already; boards are brought up to date."""
    from leaderboard.tasks import scoring
    from leaderboard.tracking import mlflow_runs

    scored = [(row, row.card) for row in rows if row.card]
    with output.progress("recording") as tick:
        for done, (row, card) in enumerate(scored):
            tick(done, len(scored))
            entry = scoring.read_submission(data.test, row.task, row.folder)
            mlflow_runs.record(mlflow_runs.Store.at(where), card, entry, data.name, row.seconds)
    for task in dict.fromkeys(row.task for row, _ in scored):
        api.board(data, where, task)
