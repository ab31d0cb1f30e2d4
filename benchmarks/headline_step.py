"""One step of `benchmarks.headline`, in a process of its own: what it takes in time and memory is its own.

    python -m benchmarks.headline_step FOLDER STEP

It ends, with all that it started, when its standard input closes: so none outlives who asked for it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import siphonbench
from baselines import isolated_run
from generator import files
from generator.dataset import Dataset
from generator.errors import UserError

ASKED, FITTED, ANSWERS = "asked.json", "fitted", "answers"
WORLD, LESSON, LOSSES = "world", "lesson", "losses"
PRESET, SEED = "medium", 11
"""What detectors learn from where no dataset is named."""
COLLECTED = "collected.parquet"


def fitting(name: str) -> str:
    """The step that fits a detector."""
    return f"{name}.fit"


def asking(name: str, day: int) -> str:
    """The step that asks a detector about what is known when a day ends."""
    return f"{name}.{day}"


def answer_file(folder: Path, name: str, day: int) -> Path:
    """Scores of all accounts known on a day."""
    return folder / ANSWERS / f"{asking(name, day)}.parquet"


def judged(world: Dataset) -> str:
    """The split that is asked about: the last that was made, test where there is one."""
    return list(world.splits)[-1]


def take(folder: Path, step: str) -> None:
    """Do one step; what it writes appears under its name when it is complete."""
    asked = json.loads((folder / ASKED).read_text("utf-8"))
    workers = asked["workers"]
    if step == WORLD:
        siphonbench.generate(
            seed=asked["seed"], out=folder / WORLD, workers=workers, config=asked["scenario"], resume=True
        )
    elif step == LESSON:
        siphonbench.generate(PRESET, SEED, folder / LESSON, workers, resume=True)
    elif step == LOSSES:
        _losses(folder)
    elif (name := step.removesuffix(".fit")) != step:
        siphonbench.fit(name, asked["lesson"] or folder / LESSON).save(folder / FITTED / name)
    else:
        name, _, day = step.rpartition(".")
        _ask(folder, name, int(day))


def _losses(folder: Path) -> None:
    """What was collected, by account and day."""
    from leaderboard.tasks import scoring

    world = siphonbench.load(folder / WORLD)
    collected = scoring.truth(world.reveal(judged(world)), "early").collected
    with files.atomic_file(folder / COLLECTED) as partial:
        collected.write_parquet(partial)


def _ask(folder: Path, name: str, day: int) -> None:
    world = siphonbench.load(folder / WORLD)
    split = judged(world)
    known = replace(world, splits={split: world.splits[split].as_of(day)})
    answer = siphonbench.load_detector(folder / FITTED / name).apply(known, split).predictions
    (folder / ANSWERS).mkdir(exist_ok=True)
    with files.atomic_file(answer_file(folder, name, day)) as partial:
        answer.write_parquet(partial)


def _end_with_parent() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # workers too: the group is this process's own


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        take(Path(sys.argv[1]), sys.argv[2])
    except UserError as error:
        sys.exit(str(error))
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"peak_gib": max(isolated_run.peak_mb() * 1e6, workers) / 2**30}))


if __name__ == "__main__":
    main()
