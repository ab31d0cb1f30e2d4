"""Tune a detector by validation alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generator import files
from generator.errors import UserError
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.detectors import group
from siphonbench.workflows import detector_runs

if TYPE_CHECKING:
    from baselines.base.search_space import Search
    from baselines.isolated_run import DetectorJob
    from generator.dataset import Dataset
    from leaderboard.records.scorecard import Scorecard
    from siphonbench.workflows.detector_runs import FinishedRun

SPLIT = "validation"
PROTOCOL = "protocol.json"


@group.group.command("tune", epilog="Example: siphonbench baselines tune leiden-fusion --trials 10")
def _tune(
    name: Annotated[str, typer.Argument(help="Detector that declares ranges.")],
    data: options.On = DATA,
    trials: Annotated[int, typer.Option(min=2, max=1000, help="Trials; the first has the default values.")] = 20,
    budget: options.Budget = None,
    task: Annotated[str, typer.Option(help="Task whose metric decides.")] = "accounts",
    seed: options.Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(help="For trials, NAME.toml and protocol.json; siphonbench-board/tuned/NAME if left out."),
    ] = None,
) -> None:
    """Search among a detector's parameters (Optuna), by validation alone; a search that was cut off goes on."""
    from baselines import isolated_run, plugins
    from baselines.base import search_space

    kind = plugins.find(name)
    if not kind.ranges or kind.upper_bound:
        able = ", ".join(n for n, k in plugins.everything().items() if k.ranges)
        raise UserError(f"detector {name} declares no ranges of parameters to tune: choose from {able}")
    if task not in kind.tasks:
        raise UserError(f"detector {name} does not answer the task {task!r}: {', '.join(kind.tasks)}")
    dataset, folder = api.load_verified(data), out or options.ENTRIES.parent / "tuned" / kind.name
    options.private_board(folder)
    job = isolated_run.DetectorJob(str(dataset.path.absolute()), name, (task,), SPLIT, seed or 0, {}, budget)
    settings, runs, failed = _try_all(dataset, search_space.Search(kind(), seed or 0), job, trials, folder)
    if not runs:
        raise UserError(f"none of {len(settings)} trials ended well: {failed[0]}")
    cards = {k: card for k, run in runs.items() if (card := run.card)}
    order = sorted(cards, key=lambda k: (-cards[k].primary.value, k))
    best, note = order[0], f"{', '.join(_value(cards[order[0]]))} on {SPLIT} of {dataset.name}, task {task}"
    gain = _gain(cards[best], cards[0]) if 0 in cards else "the default values failed"
    lines = [f"# {note}; {len(cards)} trials, seed {seed or 0}", f"# {gain}", f"[{kind.name}]"]
    file = folder / f"{kind.name}.toml"
    files.write_text(file, "\n".join([*lines, *(f"{k} = {v!r}" for k, v in settings[best].items())]) + "\n")
    protocol = _protocol(dataset, replace(job, params=settings[best]), trials, runs, failed, best)
    files.write_text(folder / PROTOCOL, json.dumps(protocol, indent=1) + "\n")
    output.show(
        ("trial", *kind.ranges, "metric", "95 % interval"),
        [(str(k), *(f"{v:g}" for v in settings[k].values()), *_value(cards[k])) for k in order[:10]],
    )
    typer.echo(f"Trial {best} is best: {note}; {gain}")
    typer.echo(f"{file}; next: siphonbench baselines run {name} --params {file} --data {data}")
    if failed:
        typer.echo(f"{len(failed)} of {len(settings)} trials failed, e.g. {failed[0]}", err=True)


def _protocol(
    data: Dataset, job: DetectorJob, asked: int, runs: dict[int, FinishedRun], failed: list[str], best: int
) -> dict[str, Any]:
    """What a reader has to know of a search to judge a tuned row by it."""
    card = runs[best].card
    return {
        "detector": runs[best].name,
        "dataset": {"name": data.name, "digest": data.digest, "split": SPLIT},
        "task": job.tasks[0],
        "seed": job.seed,
        "trials": {"asked": asked, "finished": len(runs), "failed": failed},
        "budget_core_seconds": job.budget,
        "core_seconds": round(sum(run.core_seconds for run in runs.values()), 1),
        "peak_mb": max(run.peak_mb for run in runs.values()),
        "best": {"trial": best, "params": dict(job.params), "value": card and card.primary.value},
    }


def _try_all(
    data: Dataset, search: Search, job: DetectorJob, trials: int, folder: Path
) -> tuple[list[dict[str, int | float]], dict[int, FinishedRun], list[str]]:
    """Parameters tried, runs by trial, as many as the budget of core seconds allows; and what failed."""
    from baselines.isolated_run import OutOfBudgetError

    settings: list[dict[str, int | float]] = []
    tried: dict[int, FinishedRun] = {}
    failed: list[str] = []
    with output.progress("trying parameters") as tick:
        for k in range(trials):
            tick(k, trials)
            spent = math.ceil(sum(run.core_seconds for run in tried.values()))
            if job.budget is not None and spent >= job.budget:
                break
            if (given := search.ask()) is None:
                break
            settings.append(given)
            left = None if job.budget is None else job.budget - spent
            mine = replace(job, params=given)
            runs = detector_runs.DetectorRuns(data, folder / f"trial-{k:03d}")
            try:
                finished, unfinished = runs.finished(mine)
                (run,) = runs.run(replace(mine, budget=left)) if unfinished else finished
            except OutOfBudgetError as error:
                failed.append(str(error))
                break
            except UserError as error:
                failed.append(str(error))
                search.tell(None)
                continue
            if run.card is None:
                raise UserError(f"{data.path} has no labels of {SPLIT}: nothing can be tuned by it")
            tried[k] = run
            search.tell(run.card.primary.value)
    return settings, tried, failed


def _value(card: Scorecard) -> tuple[str, str]:
    p = card.primary
    return f"{p.value:.3f}", f"{p.low:.3f}-{p.high:.3f}"


def _gain(best: Scorecard, default: Scorecard) -> str:
    gain = best.estimate - default.estimate
    low, high = gain.interval()
    return f"{gain.value:+.3f} beside the default values, paired 95 % interval {low:+.3f} to {high:+.3f}"
