"""The process that reads and scores strangers' files: limited in memory, one order a line, killed if it lingers.

Run by `leaderboard.intake.scorer`, never imported by a server.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from generator import schema
from generator.errors import UserError
from generator.manifest import MANIFEST
from leaderboard.intake import confinement
from leaderboard.records import card as cards
from leaderboard.records.card import Card
from leaderboard.tracking.store import Store, StoreBusyError, may_pass

if TYPE_CHECKING:
    from generator.dataset import Dataset, Split

Progress = Callable[[str], None]
Outcome = dict[str, str | float]


def main() -> None:
    """Do what standard input orders, one JSON document a line, and answer on standard output."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    logging.disable(logging.WARNING)
    for line in sys.stdin:
        order = json.loads(line)
        (_apart if order.get("order") == "read" else _answer)(order, answers, limit)


def _apart(order: dict[str, Any], out: TextIO, limit: int) -> None:
    """Do an order that opens a stranger's file in a process of its own, which sees no label and no other world.

    This process has imported the libraries and used none that keeps threads: else a fork could hang. Tables that
    were loaded before a fork are not read after it, so they are loaded by the child.
    """
    import polars  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from leaderboard.tasks import scoring  # noqa: F401

    child = os.fork()
    if child == 0:
        code = 1
        try:
            confinement.end_with_parent()
            confinement.confine(*_places(order))
            _answer(order, out, limit)
            code = 0
        except BaseException:
            logging.exception("reading a submission")
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)


def _places(order: dict[str, Any]) -> tuple[list[Path], list[Path]]:
    """What reading a submission needs: the libraries, the public side of its world, and its own two files."""
    world, split = Path(order["world"]), order["split"]
    public = [world / split / table for table in schema.PUBLIC]
    public += [path.with_suffix(".parquet") for path in public]
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev")]
    # Worlds may lie in the folder of this code, or where the server was started: only code is read there.
    code = Path(schema.__file__).parents[1]
    ours = [code / name for name in ("generator", "baselines", "leaderboard", "siphonbench")]
    others = {Path(name).resolve() for name in {*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix}}
    libraries = others - {code.resolve(), Path.cwd()}
    return (
        [*system, *ours, *libraries, world / MANIFEST, *public, Path(order["file"])],
        [Path(order["out"]).parent, Path(os.devnull)],
    )


def _answer(order: dict[str, Any], out: TextIO, limit: int) -> None:
    def send(document: Outcome) -> None:
        out.write(json.dumps(document) + "\n")
        out.flush()

    try:
        send(_ORDERS[order.get("order", "record")](order, lambda text: send({"progress": text})))
    except StoreBusyError as error:
        send({"retry": type(error).__name__})
    except UserError as error:
        send({"error": str(error)})
    except MemoryError:
        needs = f"scoring it needs more than the {limit / 2**30:.1f} GiB of memory that a submission may take"
        send({"error": needs})
    except Exception as error:
        if not may_pass(error):
            raise  # a bug: this process ends, and its log says why
        send({"retry": type(error).__name__})


def record(order: dict[str, Any], progress: Progress) -> Outcome:
    """Validate, score and record one submission.

    Parameters
    ----------
    order : dict
        world (folder), split, task, file, card, store (folder, tracking, tables).
    progress : callable
        Told what is being done.

    Returns
    -------
    dict
        entry: the run of its entry.

    Raises
    ------
    UserError
        With all faults of the submission at once.
    """
    from leaderboard.tasks import scoring
    from leaderboard.tracking import mlflow_runs

    progress("checking the file")
    world = _dataset(order["world"])
    file = Path(order["file"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "submission"
        folder.mkdir()
        (folder / cards.FILE).write_text(cards.toml(Card(**order["card"])), "utf-8")
        (folder / f"predictions{file.suffix}").symlink_to(file)
        try:
            entry = scoring.read_submission(world.reveal(order["split"]), order["task"], folder)
        except UserError as error:
            raise UserError(str(error).removeprefix(f"{folder}: ")) from error
    progress("scoring")
    card = scoring.score_submission(world, order["split"], order["task"], entry)
    progress("recording")
    store = Store(Path(order["store"]["folder"]), order["store"]["tracking"], order["store"]["tables"])
    return {"entry": mlflow_runs.record(store, card, entry, world.name)}


def read(order: dict[str, Any], progress: Progress) -> Outcome:
    """Validate a submission by public tables alone, and write its rows.

    Parameters
    ----------
    order : dict
        world (folder), split, task, file (or folder), out (Parquet file to write); day, if it is about the world
        as of a day.
    progress : callable
        Not told anything.

    Returns
    -------
    dict
        rows: SHA-256 of the written file.

    Raises
    ------
    UserError
        With all faults of the submission at once.
    """
    from leaderboard.tasks import scoring

    public = _split(order).without_labels()
    if order.get("day") is not None:
        public = public.as_of(order["day"])
    out = Path(order["out"])
    scoring.read_submission(public, order["task"], Path(order["file"])).predictions.write_parquet(out)
    return {"rows": hashlib.sha256(out.read_bytes()).hexdigest()}


def score(order: dict[str, Any], progress: Progress) -> Outcome:
    """The one number of rows that `read` has written; what the labels made of them is told to nobody.

    Parameters
    ----------
    order : dict
        world (folder), split, task, file, parts and part (see `tasks.parts`).
    progress : callable
        Not told anything.

    Returns
    -------
    dict
        score: value of the metric that ranks entries of the task.

    Raises
    ------
    UserError
        If they can't be scored; it names the kind of the fault only.
    """
    import polars as pl

    from leaderboard.tasks import parts

    try:
        rows, digest = pl.read_parquet(order["file"], glob=False), _dataset(order["world"]).digest
        division = parts.Parts(**order["parts"])
        value = parts.primary(order["task"], rows, _split(order), digest, division, order["part"]).value
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise UserError(type(error).__name__) from None
    if not math.isfinite(value):
        raise UserError("the score is not finite")
    return {"score": value}


_ORDERS: dict[str, Callable[[dict[str, Any], Progress], Outcome]] = {
    "record": record,
    "read": read,
    "score": score,
}


def _split(order: dict[str, Any]) -> Split:
    return _dataset(order["world"]).reveal(order["split"])


@cache
def _dataset(folder: str) -> Dataset:
    from generator import dataset

    return dataset.load(folder)


if __name__ == "__main__":
    main()
