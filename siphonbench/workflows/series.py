"""A series: one detector on several seeds of a preset, as one result.

Means are over datasets. Their intervals join the campaigns and cohorts of all datasets (see `estimate.mean`):
worlds of one preset share their laws, and what differs between seeds is who was drawn. What a training run adds on
one dataset is not in them, so the value on each dataset stands beside the mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import UserError

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.records.estimate import Estimate
    from leaderboard.records.scorecard import Scorecard, Value
    from leaderboard.tracking.board import RankedEntry
    from leaderboard.tracking.store import Store


@dataclass(frozen=True)
class SeriesResult:
    """What one detector reached on a series.

    Attributes
    ----------
    datasets : tuple of str
        Their names.
    cards : tuple of Scorecard
        One for each.
    primary : Value
        Mean of the metric that ranks, and its 95 % interval.
    """

    datasets: tuple[str, ...]
    cards: tuple[Scorecard, ...]
    primary: Value

    @property
    def tables(self) -> dict[str, dict[str, float]]:
        """Means by slice and metric, of those that every dataset has."""
        first, *others = [card.tables for card in self.cards]
        return {
            name: {
                metric: (v.value + sum(t[name][metric].value for t in others)) / len(self.cards)
                for metric, v in table.items()
                if all(metric in t.get(name, {}) for t in others)
            }
            for name, table in first.items()
        }


def evaluate_series(
    datasets: Sequence[Dataset | str | Path],
    predictions: Sequence[str | Path],
    split: str = "test",
    task: str = "accounts",
) -> SeriesResult:
    """Score one detector's submissions on several seeds of a preset.

    Parameters
    ----------
    datasets : sequence of Dataset, path or str
        Two or more, as for `evaluate`.
    predictions : sequence of path
        A submission for each dataset, in the same order.
    split, task : str
        As for `evaluate`.

    Raises
    ------
    UserError
        With all faults at once: unlike presets, a dataset given twice, submissions that are missing or too many.
    """
    from generator import dataset

    opened = [dataset.load(d) if isinstance(d, str | Path) else d for d in datasets]
    faults = series_faults(opened)
    if len(predictions) != len(opened):
        faults.append(
            f"{len(predictions)} submissions for {len(opened)} datasets: give one for each, in their order"
        )
    faults += [f"submission {p} does not exist" for p in predictions if not Path(p).exists()]
    if faults:
        raise UserError("; ".join(faults))
    from leaderboard.records import estimate
    from leaderboard.records.scorecard import Value
    from leaderboard.tasks import scoring

    cards = []
    for data, answer in zip(opened, predictions, strict=True):
        entry = scoring.read_submission(data.reveal(split), task, Path(answer))
        cards.append(scoring.score_submission(data, split, task, entry))
    mean = estimate.mean([card.estimate for card in cards])
    chance = sum(card.primary.chance for card in cards) / len(cards)
    return SeriesResult(tuple(d.name for d in opened), tuple(cards), Value(mean.value, chance, *mean.interval()))


def series_faults(datasets: Sequence[Dataset]) -> list[str]:
    """What hinders datasets from being a series: one sentence each.

    Parameters
    ----------
    datasets : sequence of Dataset
        In any order.
    """
    presets = {d.name: str(d.manifest["config"]["name"]) for d in datasets}
    faults = [] if len(datasets) > 1 else ["a series needs two datasets or more"]
    if len(set(presets.values())) > 1:
        told = ", ".join(f"{name} is {preset}" for name, preset in presets.items())
        faults.append(f"a series has one preset: {told}")
    twice = [digest for digest, n in Counter(d.digest for d in datasets).items() if n > 1]
    names = {d.digest: d.name for d in datasets}
    return faults + [f"{names[digest]} ({digest[:12]}) is given twice" for digest in twice]


@dataclass(frozen=True)
class SeriesRow:
    """One detector on a series: its name, the mean with its interval, and the value on each dataset."""

    name: str
    mean: Estimate
    values: tuple[float, ...]


@dataclass(frozen=True)
class SeriesBoard:
    """Entries that every dataset of a series has, best first.

    Attributes
    ----------
    datasets : tuple of str
        Their names.
    rows : tuple of SeriesRow
        Best first.
    tau : float or None
        Kendall's tau between the orders on the first and on the second half of the datasets; None below two rows.
    """

    datasets: tuple[str, ...]
    rows: tuple[SeriesRow, ...]
    tau: float | None


def series_board(datasets: Sequence[Dataset], store: Store, task: str = "accounts") -> SeriesBoard:
    """Join the boards of a series; all are of this evaluator's version.

    Parameters
    ----------
    datasets : sequence of Dataset
        Two or more of one preset.
    store : Store
        Where the boards are kept.
    task : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If they are no series, a dataset has no board, or no entry is on all of them.
    """
    from leaderboard.records import estimate
    from leaderboard.tracking import rankings

    if faults := series_faults(datasets):
        raise UserError("; ".join(faults))
    boards = [newest(rankings.read(store, d.digest, task).entries) for d in datasets]
    shared = [key for key in boards[0] if all(key in b for b in boards)]
    if not shared:
        raise UserError(f"no entry of {store.name} is on all {len(datasets)} datasets: submit one for each")
    rows = []
    for key in shared:
        of = [board[key].estimate for board in boards]
        rows.append(SeriesRow(key[0], estimate.mean(of), tuple(e.value for e in of)))
    rows.sort(key=lambda row: (-row.mean.value, row.name))
    half = len(datasets) // 2
    tau = agreement([(sum(r.values[:half]) / half, sum(r.values[half:]) / (len(datasets) - half)) for r in rows])
    return SeriesBoard(tuple(d.name for d in datasets), tuple(rows), tau)


def agreement(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Kendall's tau (b) of pairs of values; None below two, or where all values of a side are equal.

    Parameters
    ----------
    pairs : sequence of (float, float)
        One for each detector.

    Examples
    --------
    Three pairs of detectors, of which one changes its order:

    >>> round(agreement([(0.9, 0.8), (0.5, 0.6), (0.4, 0.7)]), 3)
    0.333
    """
    from scipy.stats import kendalltau

    if any(len({pair[side] for pair in pairs}) < 2 for side in (0, 1)):
        return None
    first, second = zip(*pairs, strict=True)
    return float(kendalltau(first, second).statistic)


def newest(entries: Sequence[RankedEntry]) -> dict[tuple[str, str], RankedEntry]:
    """The last entry of each name and team.

    Parameters
    ----------
    entries : sequence of RankedEntry
        Of one board.
    """
    return {(e.name, e.team): e for e in sorted(entries, key=lambda e: (e.when, e.run_id))}
