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

FOLDER = Path(__file__).parent / "figures"  # they come along with the package
TOLERANCE = 0.02  # another processor or library may round trees another way
RECALL = "recall_fpr_1e-2"
_FOLDS = 2  # intervals are no figures
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
            scoring.score("accounts", result.predictions, GroundTruth(labels), data.digest, _FOLDS),
        )


def row(card: Scorecard) -> Figures:
    """One row of the table: average precision, of each tier too, and recall at 1 % false positives.

    Parameters
    ----------
    card : Scorecard
        Of a detector on *accounts*.

    Returns
    -------
    dict of str to float
        By metric or tier.
    """
    figures = {"ap": card.primary.value} | {t: table["ap"].value for t, table in card.tiers.items()}
    recall = card.tables["overall"].get(RECALL)
    return figures | ({RECALL: recall.value} if recall else {})


def figures(
    preset: str,
    seeds: Sequence[int],
    names: Sequence[str],
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> Figures:
    """Make all figures of the table.

    Parameters
    ----------
    preset : str
        World that detectors are trained and scored on.
    seeds : sequence of int
        Base seeds of the worlds.
    names : sequence of str
        Detectors.
    workers : int
        Processes that make the worlds.
    tick : callable
        Told (done, total).

    Returns
    -------
    dict of str to float
        By "seed/detector/metric".
    """
    table: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for i, seed in enumerate(seeds):
            scored = _cards(preset, seed, Path(folder), names, workers)
            for done, (name, card) in enumerate(scored, i * len(names) + 1):
                table |= {f"{seed}/{name}/{metric}": round(value, 6) for metric, value in row(card).items()}
                tick(done, len(names) * len(seeds))
    return table


def kept(file: Path) -> tuple[Figures, float]:
    """Read figures that were kept, and their tolerance.

    Parameters
    ----------
    file : Path
        JSON: {"tolerance": 0.02, "figures": {"11/volume/ap": 0.5}}.

    Raises
    ------
    UserError
        If the file can't be read, or does not hold figures.
    """
    try:
        document: Any = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(sorted(f.stem for f in FOLDER.glob("*.json")))
        raise UserError(
            f"{file} does not exist; figures of these presets come along: {there}. For others keep your own "
            "first: siphonbench reproduce --write --figures FILE"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} can't be read as JSON: {error}; write it with: siphonbench reproduce --write"
        ) from error
    document = document if isinstance(document, dict) else {}
    table, tolerance = document.get("figures"), document.get("tolerance", -1)
    if not isinstance(table, dict) or not all(map(_is_number, [*table.values(), tolerance])) or tolerance < 0:
        raise UserError(
            f'{file} holds no figures: write {{"tolerance": 0.02, "figures": {{"11/volume/ap": 0.5}}}}, or write '
            "it with: siphonbench reproduce --write"
        )
    return table, float(tolerance)


def moved(old: Figures, new: Figures, tolerance: float, names: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Compare figures of some detectors and seeds.

    Parameters
    ----------
    old, new : dict of str to float
        Figures that were kept, and made now.
    tolerance : float
        How far one may move.
    names : sequence of str
        Detectors.
    seeds : sequence of int
        Base seeds.

    Returns
    -------
    list of str
        One sentence for each figure that moved, came or went.

    Examples
    --------
    >>> moved({"11/volume/ap": 0.5}, {"11/volume/ap": 0.6}, 0.02, ["volume"], [11])
    ['11/volume/ap: 0.500 is kept, 0.600 was made, beyond 0.02']
    """
    asked = {f"{seed}/{name}" for seed in seeds for name in names}
    sentences = []
    for key in sorted(k for k in old.keys() | new.keys() if k.rpartition("/")[0] in asked):
        if key not in new or key not in old:
            sentences.append(f"{key}: {'is not made any more' if key in old else 'is not kept yet'}")
        elif abs(new[key] - old[key]) > tolerance:
            sentences.append(f"{key}: {old[key]:.3f} is kept, {new[key]:.3f} was made, beyond {tolerance:g}")
    return sentences


def write(file: Path, table: Figures) -> None:
    """Keep figures.

    Parameters
    ----------
    file : Path
        JSON file to write.
    table : dict of str to float
        As `figures` gives them.
    """
    files.write_text(file, json.dumps({"tolerance": TOLERANCE, "figures": table}, indent=1) + "\n")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
