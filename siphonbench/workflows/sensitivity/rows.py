"""What detectors reached in each world of a design: a row of JSON a world, claimed while it is made."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator import files
from generator.errors import UserError
from leaderboard.records.estimate import Estimate
from siphonbench import api
from siphonbench.workflows.sensitivity.design import SCENARIOS, Design

ROWS = "rows"


@dataclass(frozen=True)
class WorldRow:
    """What detectors reached in one world.

    Attributes
    ----------
    setting, seed : str, int
        Which world.
    digest : str
        Of its dataset.
    reached : dict of str to Estimate
        Average precision on *accounts*, mean of the tiers, by detector.
    """

    setting: str
    seed: int
    digest: str
    reached: dict[str, Estimate]


def make(
    design: Design, folder: Path, workers: int = 1, tick: Callable[[int, int], None] = lambda *_: None
) -> list[WorldRow]:
    """Make the rows that are missing and that no other process is making.

    Parameters
    ----------
    design : Design
        As `design.keep` has written it into the folder.
    folder : Path
        Of the study; several processes may share it.
    workers : int
        Processes that make a world.
    tick : callable
        Told (done, total).

    Returns
    -------
    list of WorldRow
        All that are there, in the order of the design.

    Raises
    ------
    UserError
        If a detector breaks the contract, or a row can't be read.
    """
    from generator.pipeline import folder_lock

    (folder / ROWS).mkdir(exist_ok=True)
    for done, (setting, seed) in enumerate(design.worlds):
        tick(done, len(design.worlds))
        file = _file(folder, setting, seed)
        if file.exists():
            continue
        with folder_lock.claimed(file.with_suffix(".lock")) as ours:
            if ours and not file.exists():
                _write(_row(design, folder, setting, seed, workers), file)
    tick(len(design.worlds), len(design.worlds))
    return list(read(design, folder))


def read(design: Design, folder: Path) -> Iterator[WorldRow]:
    """Rows that are finished.

    Parameters
    ----------
    design : Design
        Of the study.
    folder : Path
        Of the study.

    Raises
    ------
    UserError
        If a row can't be read.
    """
    for setting, seed in design.worlds:
        file = _file(folder, setting, seed)
        if not file.exists():
            continue
        try:
            plain = json.loads(file.read_text("utf-8"))
            reached = {
                name: Estimate(e["value"], np.array(e["replicates"], np.float64), tuple(e["strata"]))
                for name, e in plain["reached"].items()
            }
            row = WorldRow(plain["setting"], plain["seed"], plain["digest"], reached)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{file} is no row of a study ({error!r}): remove it, and it is made again") from error
        yield row


def _row(design: Design, folder: Path, setting: str, seed: int, workers: int) -> WorldRow:
    """Make a world, and let every detector learn from its train split and answer about its test split."""
    from baselines import plugins
    from baselines.base import evaluation
    from leaderboard.tasks import scoring

    with tempfile.TemporaryDirectory() as temporary:
        config = folder / SCENARIOS / f"{setting}.toml"
        data = api.generate(seed=seed, out=Path(temporary, "data"), workers=workers, config=config)
        truth, reached = scoring.truth(data.reveal("test")), {}
        for name in design.detectors:
            kind = plugins.find(name)
            # Who has no use for observed labels learns as always.
            task = "observed" if design.observed(setting) and "observed" in kind.tasks else "accounts"
            said = evaluation.run(kind(seed=0), data.reveal("train"), data.test, task).predictions
            reached[name] = scoring.score("accounts", said, truth, data.digest).estimate
    return WorldRow(setting, seed, data.digest, reached)


def _write(row: WorldRow, file: Path) -> None:
    reached = {
        name: {"value": e.value, "replicates": np.asarray(e.replicates).tolist(), "strata": list(e.strata)}
        for name, e in row.reached.items()
    }
    plain = {"setting": row.setting, "seed": row.seed, "digest": row.digest, "reached": reached}
    files.write_text(file, json.dumps(plain) + "\n")


def _file(folder: Path, setting: str, seed: int) -> Path:
    return folder / ROWS / f"{setting}-seed{seed}.json"
