"""Rounds of an operator who looks for its best campaign, and of a detector that learns from whom it caught."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files
from siphonbench.workflows.duel import moves
from siphonbench.workflows.duel.arena import Arena
from siphonbench.workflows.duel.outcome import DuelOutcome
from siphonbench.workflows.duel.search import Means, Try, attempt, best, search
from siphonbench.workflows.sensitivity import design

if TYPE_CHECKING:
    import polars as pl

    from baselines.base.detector import Detector
    from generator.dataset import Dataset, Split

ELSEWHERE = 1_000_003
"""Added to a seed for the world in which a best response is judged, where the operator never searched."""
TERMS, TRIES = "terms.json", "tries"


@dataclass(frozen=True)
class Terms:
    """On which an operator and a detector meet.

    Attributes
    ----------
    detector : dict of str to str
        Name, and SHA-256 of its manifest.
    preset : str
        World that campaigns are put into.
    seeds : tuple of int
        Of worlds; for each the operator searches anew.
    rounds, trials : int
        Searches of the operator, the detector learning between them; tries in each.
    every : int
        Days from one look of the detector to the next.
    start : dict
        The operator's first try.
    means : Means
        What the operator has at most.
    free : tuple of str
        Groups of dials that it may move.
    """

    detector: dict[str, str]
    preset: str
    seeds: tuple[int, ...]
    rounds: int
    trials: int
    every: int
    start: dict[str, Any]
    means: Means
    free: tuple[str, ...]

    @property
    def tries(self) -> int:
        """All that are made: two more a seed stand in a world where the operator did not search."""
        return len(self.seeds) * (self.rounds * self.trials + 2)


@dataclass(frozen=True)
class OperatorResponse:
    """What an operator came to in one world.

    Attributes
    ----------
    seed : int
        Of the world.
    rounds : tuple of tuple of Try
        All tries, by round.
    elsewhere : tuple of Try
        First try and best response of the first round in a world of another seed.
    """

    seed: int
    rounds: tuple[tuple[Try, ...], ...]
    elsewhere: tuple[Try, Try]

    @property
    def exploitability(self) -> float:
        """Useful tokens per dollar at the best response to the first detector, over those of the first try."""
        return best(self.rounds[0]).worth / self.rounds[0][0].worth

    @property
    def exploitability_elsewhere(self) -> float:
        """The same in a world where the operator never searched: no luck of one world in it; may be NaN."""
        first, response = self.elsewhere
        return response.worth / first.worth if first.worth else math.nan


def play(
    terms: Terms,
    fitted: Detector,
    train: Dataset | None,
    folder: Path,
    workers: int = 1,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> list[OperatorResponse]:
    """Play all rounds in all worlds; tries that stand in the folder are taken as they are.

    Parameters
    ----------
    terms : Terms
        On which they meet.
    fitted : Detector
        What the operator meets in the first round.
    train : Dataset or None
        What it learns from again, beside whom it caught; needed for a second round.
    folder : Path
        Gets a file a try.
    workers : int
        Processes that make a world.
    tick : callable
        Told (done, total) tries.

    Raises
    ------
    UserError
        If the first try can't be, or the folder holds tries on other terms.
    """
    (folder / TRIES).mkdir(parents=True, exist_ok=True)
    plain = json.loads(json.dumps(asdict(terms)))
    if not design.agrees(folder / TERMS, plain):
        files.write_text(folder / TERMS, json.dumps(plain, indent=1) + "\n")
    done = count(1)
    return [
        _respond(terms, fitted, train, folder / TRIES / str(seed), workers, lambda: tick(next(done), terms.tries))
        for seed in terms.seeds
    ]


def as_provider(world: Split, scores: pl.DataFrame, false_positives: float) -> Split:
    """A world with labels of those alone whom reviews of a detector's first alerts found.

    Reviews look at accounts above the threshold that so many benign accounts exceed. They recognise an extraction
    account that served, and whose it is (a); all others pass for benign.

    Parameters
    ----------
    world : Split
        With open labels.
    scores : polars.DataFrame
        account_id and score.
    false_positives : float
        Share of benign accounts above the threshold.
    """
    import polars as pl

    from generator.table import Table

    labels = world.labels.polars().select(
        pl.col("account_id", "label", "cohort").cast(pl.String), pl.col("served")
    )
    scored = labels.collect().join(scores, on="account_id").sort("account_id")
    threshold = scored.filter(label="benign")["score"].quantile(1 - false_positives, "higher")
    caught = (pl.col("label") == "extraction") & pl.col("served") & (pl.col("score") > threshold)
    known = scored.select(
        "account_id",
        label=pl.when(caught).then(pl.lit("extraction")).otherwise(pl.lit("benign")),
        cohort=pl.when(caught).then("cohort").otherwise("account_id"),
        served=caught,
    )
    table = Table("account_labels", [known.lazy()], tuple(known.columns))
    return replace(world, tables={**world.tables, "account_labels": table}, observed=True)


def as_dict(terms: Terms, responses: Sequence[OperatorResponse]) -> dict[str, Any]:
    """Plain values of it all.

    Parameters
    ----------
    terms : Terms
        On which they met.
    responses : sequence of OperatorResponse
        What came of it.
    """
    numbers = [
        {"exploitability": r.exploitability, "exploitability_elsewhere": r.exploitability_elsewhere, **asdict(r)}
        for r in responses
    ]
    return {"terms": asdict(terms), "responses": numbers}


def _respond(
    terms: Terms, fitted: Detector, train: Dataset | None, place: Path, workers: int, done: Callable[[], None]
) -> OperatorResponse:
    """What the operator comes to in one world; its tries are kept in files whose names begin with the seed."""
    from baselines.base import evaluation

    seed, rounds = int(place.name), list[tuple[Try, ...]]()
    arena = Arena((fitted,), terms.preset, seed, every=terms.every)
    with ExitStack() as worlds:
        caught = list["Split"]()
        for number in range(1, terms.rounds + 1):
            if number > 1 and train:
                before = moves.moved(terms.start, best(rounds[-1]).places)
                world = worlds.enter_context(arena.world(before, workers)).reveal("test")
                scores = evaluation.answer(arena.detectors[0], world.without_labels())
                caught.append(as_provider(world, scores, arena.false_positives))
                learnt = evaluation.fit(fitted, [train.reveal("train"), *caught])
                arena = replace(arena, detectors=(learnt,))
            fight, file = partial(_fight, arena, workers), partial(_file, place, str(number))
            rounds.append(
                tuple(search(fight, terms.start, terms.means, terms.trials, seed, terms.free, file, done))
            )
    fight, pair = partial(_fight, replace(arena, detectors=(fitted,), seed=seed + ELSEWHERE), workers), []
    for i, tried in enumerate((rounds[0][0], best(rounds[0]))):
        pair.append(attempt(fight, terms.start, terms.means, tried.places, _file(place, "elsewhere", i)))
        done()
    return OperatorResponse(seed, tuple(rounds), (pair[0], pair[1]))


def _fight(arena: Arena, workers: int, document: dict[str, Any]) -> DuelOutcome:
    (outcome,) = arena.fight(document, workers)
    return outcome


def _file(place: Path, part: str, number: int) -> Path:
    return place.with_name(f"{place.name}-{part}-{number}.json")
