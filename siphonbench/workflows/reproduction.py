"""The README's table as figures: made again, and held against those that are kept."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import siphonbench.api as api
from generator import files
from generator.errors import UserError

if TYPE_CHECKING:
    from leaderboard.records.scorecard import Scorecard

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "figures"
TOLERANCE = 0.02  # another processor or library may round trees another way
RECALL = "recall_fpr_1e-2"
_RESAMPLES = 20  # intervals are no figures
Figures = dict[str, float]


def _cards(
    preset: str, seed: int, folder: Path, names: Sequence[str], workers: int
) -> Iterator[tuple[str, Scorecard]]:
    """Scorecard of each detector on the accounts of a preset's test world."""
    from baselines.run import run_all
    from leaderboard.tasks import scoring
    from leaderboard.tasks.ground_truth import GroundTruth

    data = api.generate(preset, seed, folder / f"{preset}-{seed}", workers)
    labels = data.reveal("test").labels.polars().collect()
    for result in run_all(names, data.train, data.test):
        yield (
            result.name,
            scoring.score("accounts", result.predictions, GroundTruth(labels), data.digest, _RESAMPLES),
        )


def row(card: Scorecard) -> Figures:
    """One row of the table: average precision, of each tier too, and recall at 1 % false positives."""
    found = {"ap": card.primary.value} | {t: table["ap"].value for t, table in card.tiers.items()}
    recall = card.tables["overall"].get(RECALL)
    return found | ({RECALL: recall.value} if recall else {})


def figures(
    preset: str,
    seeds: Sequence[int],
    names: Sequence[str],
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> Figures:
    """All figures of the table by "seed/detector/metric"."""
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for i, seed in enumerate(seeds):
            scored = _cards(preset, seed, Path(folder), names, workers)
            for done, (name, card) in enumerate(scored, i * len(names) + 1):
                found |= {f"{seed}/{name}/{metric}": round(value, 6) for metric, value in row(card).items()}
                tick(done, len(names) * len(seeds))
    return found


def kept(file: Path) -> tuple[Figures, float]:
    """Kept figures and their tolerance.

    Raises
    ------
    UserError
        If the file can't be read, or does not hold figures.
    """
    try:
        document: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} can't be read as JSON: {error}; write it with: siphonbench reproduce --write"
        ) from error
    document = document if isinstance(document, dict) else {}
    found, tolerance = document.get("figures"), document.get("tolerance", -1)
    if not isinstance(found, dict) or not all(map(_is_number, [*found.values(), tolerance])) or tolerance < 0:
        raise UserError(
            f'{file} holds no figures: write {{"tolerance": 0.02, "figures": {{"11/volume/ap": 0.5}}}}, or write '
            "it with: siphonbench reproduce --write"
        )
    return found, float(tolerance)


def moved(old: Figures, new: Figures, tolerance: float, names: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """One sentence for each figure of these detectors and seeds that moved, came or went."""
    asked = {f"{seed}/{name}" for seed in seeds for name in names}
    told = []
    for key in sorted(k for k in old.keys() | new.keys() if k.rpartition("/")[0] in asked):
        if key not in new or key not in old:
            told.append(f"{key}: {'is not made any more' if key in old else 'is not kept yet'}")
        elif abs(new[key] - old[key]) > tolerance:
            told.append(f"{key}: {old[key]:.3f} is kept, {new[key]:.3f} was made, beyond {tolerance:g}")
    return told


def write(file: Path, found: Figures) -> None:
    """Keep figures."""
    files.write_text(file, json.dumps({"tolerance": TOLERANCE, "figures": found}, indent=1) + "\n")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
