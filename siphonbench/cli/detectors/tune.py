"""Tune a detector by validation alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from generator.errors import UserError
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.detectors import group
from siphonbench.workflows import detector_runs

if TYPE_CHECKING:
    from baselines.isolated_run import DetectorJob
    from generator.dataset import Dataset
    from leaderboard.records.scorecard import Scorecard

SPLIT = "validation"


@group.group.command("tune", epilog="Example: siphonbench baselines tune leiden-fusion --trials 10")
def _tune(
    name: Annotated[str, typer.Argument(help="Detector that declares ranges.")],
    data: options.On = DATA,
    trials: Annotated[int, typer.Option(min=2, max=1000, help="Trials; the first has the default values.")] = 20,
    task: Annotated[str, typer.Option(help="Task whose metric decides.")] = "accounts",
    seed: options.Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(help="For trials and NAME.toml; siphonbench-board/tuned/NAME if left out."),
    ] = None,
) -> None:
    """Search at random among a detector's parameters, by validation alone; a search that was cut off goes on."""
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
    settings = search_space.trials(kind(), trials, seed or 0)
    place = str(dataset.path.absolute())
    jobs = [isolated_run.DetectorJob(place, name, (task,), SPLIT, seed or 0, given) for given in settings]
    cards, failed = _try_all(dataset, jobs, folder)
    if not cards:
        raise UserError(f"all {len(jobs)} trials failed: {failed[0]}")
    order = sorted(cards, key=lambda k: (-cards[k].primary.value, k))
    best, note = order[0], f"{', '.join(_value(cards[order[0]]))} on {SPLIT} of {dataset.name}, task {task}"
    gain = _gain(cards[best], cards[0]) if 0 in cards else "the default values failed"
    lines = [f"# {note}; {len(cards)} trials, seed {seed or 0}", f"# {gain}", f"[{kind.name}]"]
    file = folder / f"{kind.name}.toml"
    files.write_text(file, "\n".join([*lines, *(f"{k} = {v!r}" for k, v in settings[best].items())]) + "\n")
    output.show(
        ("trial", *kind.ranges, "metric", "95 % interval"),
        [(str(k), *(f"{v:g}" for v in settings[k].values()), *_value(cards[k])) for k in order[:10]],
    )
    typer.echo(f"Trial {best} is best: {note}; {gain}")
    typer.echo(f"{file}; next: siphonbench baselines run {name} --params {file} --data {data}")
    if failed:
        typer.echo(f"{len(failed)} of {len(jobs)} trials failed, e.g. {failed[0]}", err=True)


def _try_all(data: Dataset, jobs: list[DetectorJob], folder: Path) -> tuple[dict[int, Scorecard], list[str]]:
    """Scorecards by trial, and what failed."""
    cards, failed = {}, []
    with output.progress("trying parameters") as tick:
        for k, job in enumerate(jobs):
            tick(k, len(jobs))
            runs = detector_runs.DetectorRuns(data, folder / f"trial-{k:03d}")
            try:
                finished, left = runs.finished(job)
                (run,) = runs.run(job) if left else finished
            except UserError as error:
                failed.append(str(error))
                continue
            if run.card is None:
                raise UserError(f"{data.path} has no labels of {SPLIT}: nothing can be tuned by it")
            cards[k] = run.card
    return cards, failed


def _value(card: Scorecard) -> tuple[str, str]:
    p = card.primary
    return f"{p.value:.3f}", f"{p.low:.3f}-{p.high:.3f}"


def _gain(best: Scorecard, default: Scorecard) -> str:
    gain = best.estimate - default.estimate
    low, high = gain.interval()
    return f"{gain.value:+.3f} beside the default values, paired 95 % interval {low:+.3f} to {high:+.3f}"
