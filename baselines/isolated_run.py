"""A detector in a process of its own: what it takes in time and memory is its own, and it ends with its parent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from baselines import plugins
from baselines.base import error_hints, evaluation, parameters
from baselines.base.detector import Detector
from generator import dataset
from generator.errors import UserError

_HOME = Path(__file__).resolve().parent


@dataclass(frozen=True)
class DetectorJob:
    """What one process does: fit a detector on train and answer about a split, task after task.

    Attributes
    ----------
    data : str
        Dataset folder.
    name : str
        As `plugins.find` takes it.
    tasks : tuple of str
        Keys of `evaluation.TASKS`.
    split : str
        Split to answer about.
    seed : int
        Seed of the detector.
    params : dict
        Its other parameters; what is left out keeps its default.
    budget : int, optional
        Core seconds after which the process is ended; no end if left out.
    """

    data: str
    name: str
    tasks: tuple[str, ...] = ("accounts",)
    split: str = "test"
    seed: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    budget: int | None = None


class OutOfBudgetError(UserError):
    """A detector used up the core seconds that it may take."""


@dataclass(frozen=True)
class DetectorAnswer:
    """What a process said about one task.

    Attributes
    ----------
    task : str
        Key of `evaluation.TASKS`.
    file : Path
        Predictions as Parquet, in the folder that `run` was given.
    seconds, core_seconds : float
        Wall time, and time of all cores, of fitting and of answering this task.
    peak_mb : float
        Largest resident memory of the process so far, 10^6 bytes.
    """

    task: str
    file: Path
    seconds: float
    core_seconds: float
    peak_mb: float


def run(job: DetectorJob, folder: Path) -> Iterator[DetectorAnswer]:
    """Start the process; answers come one by one, as they are ready.

    Parameters
    ----------
    job : DetectorJob
        What to do.
    folder : Path
        Existing folder for the files, and for what the process prints: log.txt.

    Yields
    ------
    DetectorAnswer
        One per task.

    Raises
    ------
    UserError
        If the detector breaks the contract or raises, or its process ends early; `OutOfBudgetError` if it takes
        more core seconds than it may.
    """
    log = folder / "log.txt"
    process = _started(folder, log)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(job)) + "\n")
        process.stdin.flush()  # and stays open: the child ends when it closes, whatever ended us
        for line in process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise UserError(message["error"])
            yield DetectorAnswer(**message | {"file": Path(message["file"])})
        code = process.wait()
        if code == -signal.SIGXCPU:
            raise OutOfBudgetError(f"detector {job.name} ran out of its budget of {job.budget:,} core seconds")
        if code:
            last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2][:200] or "nothing"
            raise UserError(f"the process of detector {job.name} ended with code {code}: {last}")
    except BrokenPipeError as error:
        raise UserError(f"the process of detector {job.name} did not start") from error
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _started(folder: Path, log: Path) -> subprocess.Popen[str]:
    """The process that runs `main`; what it prints is in the log."""
    # What can be imported here can be imported there, but for the current folder.
    paths = [str(_HOME.parent), *(p for p in sys.path if p not in ("", str(Path.cwd())))]
    with log.open("w", encoding="utf-8") as stream:
        return subprocess.Popen(  # noqa: S603
            # -P: no module of the current folder may take the place of ours.
            [sys.executable, "-P", "-m", "baselines.isolated_run", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )


def build_detector(name: str, seed: int, params: Mapping[str, Any]) -> Detector:
    """Build a detector with parameters of its own.

    Parameters
    ----------
    name : str
        As `plugins.find` takes it.
    seed : int
        Seed of the detector.
    params : mapping of str to object
        Its other parameters; what is left out keeps its default.

    Returns
    -------
    Detector
        Unfitted.

    Raises
    ------
    UserError
        If it has no such parameter, or not of this type; names every fault.

    Examples
    --------
    >>> build_detector("random-forest", seed=1, params={"trees": 10})
    RandomForest(seed=1, trees=10, leaf=5)
    """
    return parameters.configured(plugins.find(name), seed, params)


def code_version(kind: type[Detector]) -> str:
    """Digest of the code that a detector may run: all detectors' own, and for a stranger's that of its package.

    Parameters
    ----------
    kind : type of Detector
        Class whose code counts.

    Returns
    -------
    str
        First 16 digits of a SHA-256, hexadecimal.
    """
    files = set(_HOME.rglob("*.py"))
    module = sys.modules[kind.__module__]
    if source := getattr(module, "__file__", None):
        files |= set(Path(source).parent.rglob("*.py")) if module.__package__ else {Path(source)}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def main() -> None:
    """Do the job that standard input names, and answer on standard output, one JSON document a line."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a detector prints is no answer
    job = DetectorJob(**json.loads(sys.stdin.readline()))
    if job.budget is not None:  # the system counts, and ends it by SIGXCPU: also amid a library's loop
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (job.budget, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # and leaves no dump of its memory
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _work(job, Path(sys.argv[1]), out)
    except UserError as error:
        _say(out, error=str(error))
    except Exception as error:  # a stranger's code may raise anything
        traceback.print_exc()
        _say(out, error=f"detector {job.name} failed: {error_hints.describe_error(error, plugins.find(job.name))}")


def _work(job: DetectorJob, folder: Path, out: TextIO) -> None:
    detector = build_detector(job.name, job.seed, job.params)
    data = dataset.load(job.data)
    target = data.reveal(job.split).without_labels()
    fitted: dict[str, tuple[Detector, float, float]] = {}
    for task in job.tasks:
        labels = evaluation.TASKS[task].labels
        if labels not in fitted:
            began, busy = time.perf_counter(), time.process_time()
            model = evaluation.fit(detector, [data.reveal("train")], labels)
            fitted[labels] = model, time.perf_counter() - began, time.process_time() - busy
        began, busy = time.perf_counter(), time.process_time()
        model, fitting, fitting_busy = fitted[labels]
        predictions = evaluation.answer(model, target, task)
        seconds = fitting + time.perf_counter() - began
        core_seconds = fitting_busy + time.process_time() - busy
        file = folder / f"{task}.parquet"
        predictions.write_parquet(file)
        _say(out, task=task, file=str(file), seconds=seconds, core_seconds=core_seconds, peak_mb=peak_mb())


def _say(out: TextIO, **document: Any) -> None:
    out.write(json.dumps(document) + "\n")
    out.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def peak_mb() -> float:
    """Peak memory since this program began; Linux's ru_maxrss also counts what started it.

    Returns
    -------
    float
        Largest resident memory, 10^6 bytes.
    """
    status = Path("/proc/self/status")
    if status.exists() and (match := re.search(r"VmHWM:\s+(\d+) kB", status.read_text("ascii", "replace"))):
        return int(match[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
