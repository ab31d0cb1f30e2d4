"""What `baselines run` has done: one report per detector and task, by which a run goes on where another ended."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files
from generator.errors import MaskedLabelsError, UserError
from siphonbench.workflows import detector_submissions

if TYPE_CHECKING:
    from baselines.isolated_run import DetectorAnswer, DetectorJob
    from generator.dataset import Dataset
    from leaderboard.records.scorecard import Scorecard

REPORTS = "reports"
_RECORD = "run.json"


@dataclass(frozen=True)
class FinishedRun:
    """A detector that answered one task.

    Attributes
    ----------
    name, task : str
        Of the detector, and what it answered.
    folder : Path
        Its submission.
    seconds, core_seconds, peak_mb : float
        Training and scoring time, by the clock and of all cores, and the most memory that its process held, MB.
    card : Scorecard or None
        None where labels are missing.
    again : bool
        Whether an earlier run had made it.
    """

    name: str
    task: str
    folder: Path
    seconds: float
    core_seconds: float
    peak_mb: float
    card: Scorecard | None
    again: bool = False


@dataclass(frozen=True)
class DetectorRuns:
    """Submissions and reports below one folder.

    A submission is OUT/NAME, for other tasks than accounts OUT/NAME.TASK; its report, with the scorecard and the
    plots, is OUT/reports/ and the same name.

    Attributes
    ----------
    data : Dataset
        Which detectors learn from and score.
    out : Path
        The folder.
    """

    data: Dataset
    out: Path

    def finished(self, job: DetectorJob) -> tuple[list[FinishedRun], list[str]]:
        """Tell what an earlier run has finished from what is left to do.

        Parameters
        ----------
        job : DetectorJob
            A detector, its tasks, split, seed and parameters.

        Returns
        -------
        tuple of list
            Runs that are finished, and tasks that are not.
        """
        runs = {task: self._finished(job, task) for task in job.tasks}
        return [r for r in runs.values() if r], [task for task, r in runs.items() if r is None]

    def run(self, job: DetectorJob) -> Iterator[FinishedRun]:
        """Run what a job asks for in a process of its own.

        Parameters
        ----------
        job : DetectorJob
            A detector, its tasks, split, seed and parameters.

        Yields
        ------
        FinishedRun
            Complete on disk when it comes.

        Raises
        ------
        UserError
            If the detector fails; says where the log is. Tasks that it answered before are kept.
        """
        from baselines import isolated_run

        _sweep(self.out / REPORTS)
        self._clear(job)
        name = _kind(job).name
        # Not the name under which a report of it is written meanwhile.
        ends = (f"run.{os.getpid()}{files.PARTIAL}", "log.txt")
        folder, log = (self.out / REPORTS / f"{name}.{end}" for end in ends)
        folder.mkdir(parents=True)
        log.unlink(missing_ok=True)
        try:
            for answer in isolated_run.run(job, folder):
                yield self._keep(job, answer)
        except UserError as error:
            if not (printed := (folder / "log.txt").read_bytes()):
                raise
            log.write_bytes(printed)
            raise type(error)(f"{error}; see {log}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _clear(self, job: DetectorJob) -> None:
        """Take back an earlier version's answers: if this one fails, nobody hands them in for its own."""
        from leaderboard.records import submission

        for name in (detector_submissions.folder_name(_kind(job).name, task) for task in job.tasks):
            submission.clear(self.out / name)
            shutil.rmtree(self.out / REPORTS / name, ignore_errors=True)

    def _keep(self, job: DetectorJob, answer: DetectorAnswer) -> FinishedRun:
        import polars as pl

        from leaderboard.records import submission

        kind = _kind(job)
        name = detector_submissions.folder_name(kind.name, answer.task)
        card = detector_submissions.author_card(self.out / name, kind.name, kind.fields, answer.task)
        folder = submission.write(self.out / name, pl.read_parquet(answer.file, glob=False), card, answer.task)
        measured = {
            "seconds": round(answer.seconds, 3),
            "core_seconds": round(answer.core_seconds, 3),
            "peak_mb": round(answer.peak_mb, 1),
        }
        record = self._key(job, answer.task) | measured | {"predictions": detector_submissions.digest(folder)}
        return self._report(job, answer.task, record)

    def _finished(self, job: DetectorJob, task: str) -> FinishedRun | None:
        name = detector_submissions.folder_name(_kind(job).name, task)
        try:
            record: dict[str, Any] = json.loads((self.out / REPORTS / name / _RECORD).read_text("utf-8"))
            same = record["predictions"] == detector_submissions.digest(self.out / name)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not same or any(record.get(k) != v for k, v in self._key(job, task).items()):
            return None
        return self._report(job, task, record, again=True)

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

    def _report(self, job: DetectorJob, task: str, record: dict[str, Any], again: bool = False) -> FinishedRun:
        """Scorecard and plots of a submission, made unless this evaluator made them already."""
        name = detector_submissions.folder_name(_kind(job).name, task)
        folder = self.out / REPORTS / name
        card = _kept_scorecard(folder, self.data.digest) if again else None
        if card is None:
            card = self._score(self.out / name, task, job.split)
            _write_report(folder, record, card)
        measured = record["seconds"], record["core_seconds"], record["peak_mb"]
        return FinishedRun(record["detector"], task, self.out / name, *measured, card, again)

    def _score(self, entry: Path, task: str, split: str) -> Scorecard | None:
        from leaderboard.tasks import scoring

        try:
            read = scoring.read_submission(self.data.reveal(split), task, entry)
            return scoring.score_submission(self.data, split, task, read)
        except MaskedLabelsError:  # a release may come without its test labels
            return None


def measured_seconds(entry: Path) -> float | None:
    """What `baselines run` measured for this very answer, if it is one of its own.

    Parameters
    ----------
    entry : Path
        Submission folder.

    Returns
    -------
    float or None
        Training and scoring time, seconds; None if it was not measured.
    """
    entry = entry.absolute()
    try:
        record = json.loads((entry.parent / REPORTS / entry.name / _RECORD).read_text("utf-8"))
        seconds = float(record["seconds"])
        return (
            seconds
            if record["predictions"] == detector_submissions.digest(entry) and math.isfinite(seconds)
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sweep(folder: Path) -> None:
    """Remove what killed runs left; what a living one is at work on stays."""
    for left in folder.glob("*.partial"):
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


def _kept_scorecard(folder: Path, digest: str) -> Scorecard | None:
    from leaderboard.records import scorecard

    try:
        card = scorecard.Scorecard.from_json((folder / "scorecard.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    current = (card.evaluator, card.dataset) == (scorecard.EVALUATOR_VERSION, digest)
    return card if current else None


def _write_report(folder: Path, record: dict[str, Any], card: Scorecard | None) -> None:
    from leaderboard.tracking import plots

    with files.atomic_folder(folder) as partial:
        (partial / _RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        if card:
            (partial / "scorecard.json").write_text(card.to_json(), "utf-8")
            plots.write(card, partial)
