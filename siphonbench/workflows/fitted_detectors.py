"""Detectors that are fitted once, kept as files of plain data, and applied to other datasets."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from siphonbench.api import load

if TYPE_CHECKING:
    from baselines.base.detector import Detector
    from baselines.base.evaluation import Result
    from baselines.fitted.manifest import TrainingData
    from generator.dataset import Dataset, Split

_PROBE = {"accounts": 40, "campaign": 8}
"""Size of the toy world that a detector from a file is asked about before it is handed out."""


@dataclass(frozen=True)
class FittedDetector:
    """A detector that has learnt, and what from.

    Attributes
    ----------
    detector : Detector
        Fitted.
    training : tuple of TrainingData
        Name, digest and split of each world that it was fitted on.
    """

    detector: Detector
    training: tuple[TrainingData, ...]

    def save(self, folder: str | Path) -> Path:
        """Write it as a folder of plain data: detector.json, arrays.npz, trees.json.

        Parameters
        ----------
        folder : path
            New, or one that holds a fitted detector.

        Raises
        ------
        UserError
            If the folder holds anything else, or what was learnt is no plain data.
        """
        from baselines.fitted import folder as fitted_folder

        return fitted_folder.write(Path(folder), self.detector, self.training)

    def unprepared(self, world: Split) -> list[str]:
        """Columns that it reads and learnt from, and that nobody recorded in a world: its scores may mislead.

        Parameters
        ----------
        world : Split
            What it is to be asked about.
        """
        hidden = set.intersection(*(set(t.hidden.split()) for t in self.training)) if self.training else set()
        return sorted(world.missing & set(self.detector.fields) - hidden)

    def apply(self, dataset: Dataset | str | Path, split: str = "test", task: str = "accounts") -> Result:
        """Let it answer about a split, of which it sees the declared columns and no label.

        Parameters
        ----------
        dataset : Dataset, path or str
            Of any preset or scenario.
        split, task : str
            What is asked about, and the question: "accounts", "campaigns", "requests" or "early".

        Returns
        -------
        Result
            Checked predictions, and the seconds that they took.

        Raises
        ------
        UserError
            If it does not answer this task, learnt from what the task doesn't allow, or fails.
        """
        from baselines.base import error_hints, evaluation

        if task in evaluation.TASKS and evaluation.TASKS[task].labels != "truth":
            raise UserError(
                f"detector {self.detector.name} was fitted on truth, and {task} may learn from observed labels "
                f"alone: run siphonbench baselines run {self.detector.name} --task {task}"
            )
        target, began = _opened(dataset).reveal(split).without_labels(), time.perf_counter()
        lost = self.unprepared(target)
        try:
            predictions = evaluation.answer(self.detector, target, task)
        except UserError:
            raise
        except Exception as error:  # what a file has learnt may not fit this world
            why = error_hints.describe_error(error, type(self.detector))
            lacks = f"; it reads what nobody recorded there: {', '.join(lost)}" if lost else ""
            raise UserError(f"detector {self.detector.name} failed on {split}: {why}{lacks}") from error
        seconds = time.perf_counter() - began
        return evaluation.Result(self.detector.name, task, predictions, seconds, self.detector.fields)


def fit(
    detector: str,
    data: Dataset | str | Path | Sequence[Dataset | str | Path],
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    like: Dataset | str | Path | None = None,
) -> FittedDetector:
    """Fit a detector on the world *train* of one dataset or several.

    Parameters
    ----------
    detector : str
        Its name, or mymodule:MyDetector.
    data : Dataset, path or str, or a sequence of them
        Given several, rows of all worlds are learnt from; who belongs together is sought within each.
    seed : int
        Seed of the detector.
    params : mapping, optional
        Its other parameters; what is left out keeps its default.
    like : Dataset, path or str, optional
        Columns that nobody recorded there are hidden while it learns, so that it relies on none of them.

    Raises
    ------
    UserError
        If there is no such detector or parameter, a dataset is given twice, or there is nothing to learn from.

    Examples
    --------
    >>> import tempfile, siphonbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, other = (siphonbench.generate("nano", seed, f"{folder}/{seed}") for seed in (7, 8))
    ...     siphonbench.fit("account-age", first).save(f"{folder}/fitted")
    ...     detector = siphonbench.load_detector(f"{folder}/fitted")
    ...     scores = detector.apply(other, "validation").predictions  # doctest: +ELLIPSIS
    PosixPath('...fitted')
    >>> detector.training[0].dataset, scores.columns
    ('nano-seed7', ['account_id', 'score'])
    """
    from baselines import isolated_run
    from baselines.base import evaluation
    from baselines.fitted.manifest import TrainingData

    several = data if isinstance(data, Sequence) and not isinstance(data, str) else [data]
    datasets = [_opened(d) for d in several]
    plain = isolated_run.build_detector(detector, seed, params or {})
    if plain.upper_bound:
        raise UserError(f"{plain.name} knows part of the truth when it scores: it can't be applied from a file")
    digests = [d.digest for d in datasets]
    if twice := {d.name for d in datasets if digests.count(d.digest) > 1}:
        raise UserError(f"{', '.join(sorted(twice))} is given twice: give each dataset once")
    hidden = missing_in(_opened(like)) if like is not None else frozenset()
    fitted = evaluation.fit(plain, [d.reveal("train").without(hidden) for d in datasets])
    note = " ".join(sorted(hidden & set(plain.fields)))
    return FittedDetector(fitted, tuple(TrainingData(d.name, d.digest, "train", note) for d in datasets))


def missing_in(dataset: Dataset) -> frozenset[str]:
    """Public columns, as table.column, that nobody recorded in a dataset.

    Parameters
    ----------
    dataset : Dataset
        Logs of one's own, or any other.
    """
    return frozenset().union(*(split.missing for split in dataset.splits.values()))


def load_detector(folder: str | Path, detector: str = "") -> FittedDetector:
    """Open a fitted detector; whoever made the files, nothing in them is run.

    Parameters
    ----------
    folder : path
        As `FittedDetector.save` wrote it.
    detector : str
        mymodule:MyDetector, where it is of a class of your own; left out, it must be a built-in one.

    Raises
    ------
    UserError
        If it is of another format, version or detector, reads other columns, is damaged, or can't be what a
        detector of that name has learnt.
    """
    from baselines import plugins
    from baselines.fitted import folder as fitted_folder
    from baselines.registry import DETECTORS, SKIPPED

    path = Path(folder)
    name = detector or fitted_folder.name_of(path)
    if not detector and name not in (*DETECTORS, *SKIPPED):  # a file never chooses what is imported
        raise UserError(
            f"{path} is of {name[:40]!r}, which is no built-in detector: if you trust its author's code, name it: "
            "--detector mymodule:MyDetector"
        )
    loaded = FittedDetector(*fitted_folder.read(path, plugins.find(name)))
    _probe(path, loaded.detector)
    return loaded


def _probe(path: Path, detector: Detector) -> None:
    """Ask it about a toy world: sizes that do not fit each other show here, not after hours on a large one."""
    from baselines.base import error_hints, evaluation
    from baselines.contract import toy_dataset

    world = toy_dataset.split("validation", toy_dataset.world(2, **_PROBE))
    methods = {evaluation.TASKS[task].method: task for task in detector.tasks if task != "early"} or {"": "early"}
    try:
        for task in methods.values():
            evaluation.answer(detector, world, task)
    except UserError as error:
        raise UserError(f"{path} does not hold what {detector.name} learns: {error}") from error
    except Exception as error:  # numbers of a stranger may break any of its steps
        why = error_hints.describe_error(error, type(detector))
        raise UserError(f"{path} does not hold what {detector.name} learns: {why}; fit it again") from error


def _opened(dataset: Dataset | str | Path) -> Dataset:
    return load(dataset) if isinstance(dataset, str | Path) else dataset
