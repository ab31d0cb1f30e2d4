"""Run detectors, each in a process of its own: resumable, measured, scored."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generator import files
from generator.errors import UserError
from leaderboard.records.task_definitions import TASKS
from leaderboard.tracking import text_tables
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.detectors import group
from siphonbench.workflows import detector_runs
from siphonbench.workflows.detector_runs import REPORTS

if TYPE_CHECKING:
    from baselines.base.detector import Detector
    from baselines.isolated_run import DetectorJob
    from generator.dataset import Dataset
    from siphonbench.workflows.detector_runs import FinishedRun

_HEAD = ("95 % interval", "overt", "evasive", "adaptive", "chance", "headroom", "seconds", "peak MB")


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
    weights: Annotated[
        Path | None, typer.Option(help="Checkpoint of TabICL, for tabicl and, in place of trees, flattened-graph.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Board that gets one MLflow run each: folder, postgresql:// or http://.")
    ] = None,
    budget: options.Budget = None,
    out: Annotated[
        Path, typer.Option(help="Gets a submission folder per detector and task, and reports.")
    ] = options.ENTRIES,
) -> None:
    """Train detectors on train, score a split, show what each reached and took; no finished one is repeated."""
    tasks = _tasks(task)
    if record and split != "test":
        raise UserError(f"--record {record} ranks entries on test, not on {split}: leave one of the two out")
    if weights and not weights.is_file():
        raise UserError(f"--weights {weights} is no file: name a checkpoint of a TabICL classifier")
    parameters = read_parameters(params) if params else {}
    dataset = api.load_verified(data)
    dataset.reveal(split)
    jobs = _jobs(dataset, names, tasks, split, seed or 0, parameters, weights, explicit=task != "all")
    jobs = [replace(job, budget=budget) for job in jobs]
    for name, why in () if names else _skipped(dataset, {job.name for job in jobs}):
        typer.echo(f"skipped {name}: it {why}", err=True)
    options.private_board(out)
    runs, spent, failed = _run_all(dataset, jobs, out)
    for name in tasks:
        rows = [cells(r) for r in ranked(r for r in runs if r.task == name)]
        rows += [(who, f"out of {budget} core s", *["-"] * len(_HEAD)) for who, asked in spent if asked == name]
        if not rows:
            (out / REPORTS / f"{name}.md").unlink(missing_ok=True)  # of an earlier run
            continue
        title = f"{dataset.name}, {split}, {name}: {TASKS[name].title}"
        head = ("detector", TASKS[name].short, *_HEAD)
        files.write_text(out / REPORTS / f"{name}.md", f"{title}\n\n{text_tables.as_markdown(head, rows)}")
        typer.echo(title)
        output.show(head, rows)
    if record:
        _record(dataset, runs, record)
    again = sum(r.again for r in runs)
    typer.echo(f"{out}: {len(runs)} submissions, {again} of them from an earlier run; reports in {out / REPORTS}")
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} detectors failed: {'; '.join(failed)}")


def read_parameters(file: Path) -> dict[str, dict[str, Any]]:
    """Read parameters of detectors.

    Parameters
    ----------
    file : Path
        TOML, a table per detector.

    Returns
    -------
    dict
        Parameters by the detector's name.

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


def ranked(runs: Iterable[FinishedRun]) -> list[FinishedRun]:
    """Order runs: best first; what has no scorecard comes last.

    Parameters
    ----------
    runs : iterable of FinishedRun
        Of one task.
    """
    return sorted(runs, key=lambda r: (-(r.card.primary.value if r.card else -1), r.name))


def cells(run: FinishedRun) -> tuple[str, ...]:
    """Write a run as a row of the table.

    Parameters
    ----------
    run : FinishedRun
        With a scorecard or without.

    Returns
    -------
    tuple of str
        Name, metric, and what `_HEAD` names.
    """
    measured = (f"{run.seconds:.1f}", f"{run.peak_mb:.0f}")
    if run.card is None:
        return (run.name, "no labels here", *["-"] * 6, *measured)
    p, tiers = run.card.primary, run.card.tiers
    metric = TASKS[run.task].primary
    each = (f"{tiers[t][metric].value:.3f}" if t in tiers else "-" for t in ("overt", "evasive", "adaptive"))
    left = "-" if run.card.headroom is None else f"{run.card.headroom:.3f}"
    return (run.name, f"{p.value:.3f}", f"{p.low:.3f}-{p.high:.3f}", *each, f"{p.chance:.3f}", left, *measured)


def _skipped(data: Dataset, run: set[str]) -> Iterable[tuple[str, str]]:
    """Detectors that are not among those run because they can't be, and why."""
    from baselines.registry import SKIPPED

    wordless = {name: f"reads text, and {why}" for name, why in _wordless(data, _all_kinds()).items()}
    return ((name, why) for name, why in {**SKIPPED, **wordless}.items() if name not in run)


def _all_kinds() -> dict[str, type[Detector]]:
    from baselines import plugins, registry

    return {name: plugins.find(name) for name in [*registry.DETECTORS, *plugins.installed()]}


def _wordless(data: Dataset, kinds: dict[str, type[Detector]]) -> dict[str, str]:
    """Detectors that read text where the dataset has none, and why they can't."""
    return {name: why for name, kind in kinds.items() if (why := data.train.lacking(kind.fields))}


def _tasks(task: str) -> tuple[str, ...]:
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
    weights: Path | None,
    explicit: bool,
) -> list[DetectorJob]:
    """One job per detector; every name and parameter is checked before the first one runs."""
    from baselines import isolated_run, plugins, registry
    from baselines.base import parameters

    kinds = {n: plugins.find(n) for n in names} if names else _all_kinds()
    if weights and not names:
        kinds |= registry.WITH_WEIGHTS
    wordless = _wordless(data, kinds)
    if names and wordless:
        raise UserError(f"{', '.join(wordless)} reads text, and {next(iter(wordless.values()))}")
    kinds = {name: kind for name, kind in kinds.items() if name not in wordless}
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
            own = params.get(kind.name, {})
            if weights and "weights" in parameters.of(kind()):
                own = own | {"weights": str(weights.absolute())}
            isolated_run.build_detector(name, seed, own)
            jobs.append(isolated_run.DetectorJob(str(data.path.absolute()), name, answered, split, seed, own))
    return jobs


def _run_all(
    data: Dataset, jobs: list[DetectorJob], out: Path
) -> tuple[list[FinishedRun], list[tuple[str, str]], list[str]]:
    """Runs of all jobs; detector and task where the budget ended; a sentence per one that failed: others go on."""
    from baselines.isolated_run import OutOfBudgetError

    book, runs, spent, failed = detector_runs.DetectorRuns(data, out), [], [], []
    total = sum(len(job.tasks) for job in jobs)
    with output.progress("training and scoring") as tick:
        ended = 0
        for job in jobs:
            finished, left = book.finished(job)
            runs += finished
            tick(ended + len(finished), total)
            try:
                for run in book.run(replace(job, tasks=tuple(left))) if left else ():
                    runs.append(run)
                    left.remove(run.task)
                    tick(len(runs), total)
            except OutOfBudgetError:
                spent += [(job.name, task) for task in left]
            except UserError as error:
                failed.append(str(error))
            ended += len(job.tasks)
            tick(ended, total)
    return runs, spent, failed


def _record(data: Dataset, runs: list[FinishedRun], where: str) -> None:
    """One MLflow run for each scored submission, unless it is there already; boards are brought up to date."""
    from leaderboard.tasks import scoring
    from leaderboard.tracking import mlflow_runs

    scored = [(run, run.card) for run in runs if run.card]
    with output.progress("recording") as tick:
        for done, (run, card) in enumerate(scored):
            tick(done, len(scored))
            entry = scoring.read_submission(data.test, run.task, run.folder)
            mlflow_runs.record(mlflow_runs.Store.at(where), card, entry, data.name, run.seconds)
    for task in dict.fromkeys(run.task for run, _ in scored):
        api.board(data, where, task)
