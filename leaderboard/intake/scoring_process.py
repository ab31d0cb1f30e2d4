"""The process that scores strangers' files: limited in memory, one submission a line, killed if it lingers."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from generator.errors import UserError
from leaderboard.records import card as cards
from leaderboard.records.card import Card
from leaderboard.tracking.store import Store, may_pass

if TYPE_CHECKING:
    from generator.dataset import Dataset

Say = Callable[[str], None]


def main() -> None:
    """Score what standard input names, one JSON document a line, and answer on standard output."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    logging.disable(logging.WARNING)
    for line in sys.stdin:
        _answer(json.loads(line), answers, limit)


def _answer(job: dict[str, Any], out: TextIO, limit: int) -> None:
    def say(**document: str) -> None:
        out.write(json.dumps(document) + "\n")
        out.flush()

    try:
        say(entry=score(job, lambda text: say(progress=text)))
    except UserError as error:
        say(error=str(error))
    except MemoryError:
        say(error=f"scoring it needs more than the {limit / 2**30:.1f} GiB of memory that a submission may take")
    except Exception as error:
        if not may_pass(error):
            raise  # a bug: this process ends, and its log says why
        say(retry=type(error).__name__)


def score(job: dict[str, Any], say: Say) -> str:
    """Validate, score and record one submission; the run of its entry.

    Raises
    ------
    UserError
        With all faults of the submission at once.
    """
    from leaderboard.tasks import scoring
    from leaderboard.tracking import mlflow_runs

    say("checking the file")
    world = _dataset(job["world"])
    file = Path(job["file"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "submission"
        folder.mkdir()
        (folder / cards.FILE).write_text(cards.toml(Card(**job["card"])), "utf-8")
        (folder / f"predictions{file.suffix}").symlink_to(file)
        try:
            entry = scoring.read_submission(world.reveal(job["split"]), job["task"], folder)
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{folder}: ")) from error
    say("scoring")
    card = scoring.score_submission(world, job["split"], job["task"], entry)
    say("recording")
    store = Store(Path(job["store"]["folder"]), job["store"]["tracking"], job["store"]["tables"])
    return mlflow_runs.record(store, card, entry, world.name)


@cache
def _dataset(folder: str) -> Dataset:
    from generator import dataset

    return dataset.load(folder)


if __name__ == "__main__":
    main()
