"""What `baselines run` has done: one report per detector and task, by which a run goes on where another ended."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import MaskedLabelsError, UserError

if TYPE_CHECKING:
    from baselines.base.evaluation import Result
    from baselines.isolated_run import DetectorAnswer, DetectorJob
    from generator.dataset import Dataset
    from leaderboard.records.card import Card
    from leaderboard.records.scorecard import Scorecard

REPORTS = "reports"


@dataclass(frozen=True)
class Row:
    """A finished detector on one task: its submission, what it took, and its scorecard (None without labels)."""

    name: str
    task: str
    folder: Path
    seconds: float
    peak_mb: float
    card: Scorecard | None
    again: bool = False


@dataclass(frozen=True)
class DetectorRuns:
    """Submissions and reports below one folder.

    A submission is OUT/NAME, for other tasks than accounts OUT/NAME.TASK; its report, with the scorecard and the
    plots, is OUT/reports/ and the same name.
    """

    data: Dataset
    out: Path

    def todo(self, job: DetectorJob) -> tuple[list[Row], list[str]]:
        """Rows that are finished, and tasks that are not."""
        done, left = [], []
        for task in job.tasks:
            row = self._finished(job, task)
            if row:
                done.append(row)
            else:
                left.append(task)
        return done, left

    def work(self, job: DetectorJob) -> Iterator[Row]:
        """Run what a job asks for in a process of its own; every row is complete on disk when it comes.

        Raises
        ------
        UserError
            If the detector fails; says where the log is. Tasks that it answered before are kept.
        """
        from baselines import isolated_run

        _sweep(self.out / REPORTS)
        self._clear(job)
        name = _kind(job).name
        folder, log = (self.out / REPORTS / f"{name}.{end}" for end in (f"{os.getpid()}.partial", "log.txt"))
        folder.mkdir(parents=True)
        log.unlink(missing_ok=True)
        try:
            for answer in isolated_run.run(job, folder):
                yield self._keep(job, answer)
        except UserError as error:
            if not (printed := (folder / "log.txt").read_bytes()):
                raise
            log.write_bytes(printed)
            raise UserError(f"{error}; see {log}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _clear(self, job: DetectorJob) -> None:
        """Take back what an earlier version said: if this one fails, nobody hands that in for its answer."""
        from leaderboard.records import submission

        for name in (called(_kind(job).name, task) for task in job.tasks):
            submission.clear(self.out / name)
            shutil.rmtree(self.out / REPORTS / name, ignore_errors=True)

    def _keep(self, job: DetectorJob, answer: DetectorAnswer) -> Row:
        import polars as pl

        from leaderboard.records import submission

        kind = _kind(job)
        name = called(kind.name, answer.task)
        signed = _signed(self.out / name, card(kind.name, kind.fields))
        folder = submission.write(self.out / name, pl.read_parquet(answer.file), signed, answer.task)
        took = {"seconds": round(answer.seconds, 3), "peak_mb": round(answer.peak_mb, 1)}
        told = self._key(job, answer.task) | took | {"predictions": _digest(folder)}
        return self._report(job, answer.task, told)

    def _finished(self, job: DetectorJob, task: str) -> Row | None:
        file = self.out / REPORTS / called(_kind(job).name, task) / "run.json"
        try:
            told: dict[str, Any] = json.loads(file.read_text("utf-8"))
            same = told["predictions"] == _digest(self.out / called(_kind(job).name, task))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not same or any(told.get(k) != v for k, v in self._key(job, task).items()):
            return None
        return self._report(job, task, told, again=True)

    def _key(self, job: DetectorJob, task: str) -> dict[str, Any]:
        """What must be equal for a finished run to stand for another one."""
        from baselines import isolated_run

        return {
            "detector": _kind(job).name,
            "version": isolated_run.code_version(_kind(job)),
            "task": task,
            "dataset": self.data.digest,
            "split": job.split,
            "seed": job.seed,
            "params": dict(job.params),
        }

    def _report(self, job: DetectorJob, task: str, told: dict[str, Any], again: bool = False) -> Row:
        """Scorecard and plots of a submission, made unless this evaluator made them already."""
        name = called(_kind(job).name, task)
        folder = self.out / REPORTS / name
        card = _card(folder, self.data.digest) if again else None
        if card is None:
            card = self._score(self.out / name, task, job.split)
            _write(folder, told, card)
        return Row(told["detector"], task, self.out / name, told["seconds"], told["peak_mb"], card, again)

    def _score(self, entry: Path, task: str, split: str) -> Scorecard | None:
        from leaderboard.tasks import scoring

        try:
            read = scoring.read_submission(self.data.reveal(split), task, entry)
            return scoring.score_submission(self.data, split, task, read)
        except MaskedLabelsError:  # a release may come without its test labels
            return None


def _signed(folder: Path, card: Card) -> Card:
    """The card with what its author wrote on the one that is there."""
    from leaderboard.records import card as cards

    faults: list[str] = []
    file = folder / cards.FILE
    old = cards.read(file, faults) if file.is_file() else card
    return card if faults else replace(old, field_groups=card.field_groups)


def seconds(entry: Path) -> float | None:
    """What `baselines run` measured for this very answer, if it is one of its own."""
    entry = entry.absolute()
    try:
        told = json.loads((entry.parent / REPORTS / entry.name / "run.json").read_text("utf-8"))
        took = float(told["seconds"])
        return took if told["predictions"] == _digest(entry) and math.isfinite(took) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def called(name: str, task: str) -> str:
    """Folder of a detector's submission for a task."""
    return name if task == "accounts" else f"{name}.{task}"


def _sweep(folder: Path) -> None:
    """Remove what killed runs left; what a living one is at work on stays."""
    for pattern in ("*.partial", "*.new"):
        for left in folder.glob(pattern):
            pid = left.stem.rpartition(".")[2]
            if pid.isdigit() and (int(pid) == os.getpid() or not _alive(int(pid))):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _kind(job: DetectorJob) -> Any:
    from baselines import plugins

    kind = plugins.find(job.name)
    if not kind.name or kind.name.startswith(".") or not kind.name.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"detector {job.name} calls itself {kind.name!r}: use letters, digits, - and _ only")
    return kind


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()


def _card(folder: Path, digest: str) -> Scorecard | None:
    from leaderboard.records import scorecard

    try:
        card = scorecard.Scorecard.from_json((folder / "scorecard.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    current = (card.evaluator, card.dataset) == (scorecard.EVALUATOR_VERSION, digest)
    return card if current else None


def _write(folder: Path, told: dict[str, Any], card: Scorecard | None) -> None:
    """The folder appears under its name when it is complete."""
    from leaderboard.tracking import plots

    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    (temporary / "run.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    if card:
        (temporary / "scorecard.json").write_text(card.to_json(), "utf-8")
        plots.write(card, temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def results(
    data: Dataset, names: list[str] | None, split: str, seed: int | None, tick: Callable[[int, int], None]
) -> Iterator[Result]:
    """What detectors say about a split; all that are built in or installed without names."""
    from baselines import plugins, run
    from baselines.registry import DETECTORS

    chosen, target = names or [*DETECTORS, *plugins.installed()], data.reveal(split).without_labels()
    tick(0, len(chosen))
    for done, result in enumerate(run.run_all(chosen, data.reveal("train"), target, seed or 0), 1):
        yield result
        tick(done, len(chosen))


def write(result: Result, out: Path) -> Path:
    """Write what a detector said as a submission folder."""
    from leaderboard.records import submission

    return submission.write(out / result.name, result.predictions, card(result.name, result.fields))


def card(name: str, fields: Iterable[str]) -> Card:
    """Card of a detector's submission."""
    from baselines.registry import DETECTORS
    from generator.schema import field_groups
    from leaderboard.records.card import Card

    team = "SiphonBench baselines" if name in DETECTORS else "not named"
    return Card(name=name, team=team, field_groups=field_groups(fields))
