"""How often 95 % intervals hold the truth, and how often a paired one tells two equal entries apart.

python -m benchmarks.interval_coverage

Goes on where an earlier run was stopped. Worlds are made up: three evasion tiers, campaigns of 12 to 48 accounts,
and 20 benign accounts, in cohorts, for each of a tier. A detector gives an account one of 48 scores, so ties are
heavy. Of a campaign's accounts it sees a share whose log odds spread by 1.5 (a) between campaigns: it finds some
nearly whole, others hardly. The truth is the metric on infinitely many campaigns and cohorts in the same shares. A
second detector is equally good (shares seen correlate by .7 (a)); a paired interval without zero tells it apart.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, special, stats

from benchmarks import shown
from generator.arrays import F64
from leaderboard.metrics.ranking import METRICS, Curve
from leaderboard.metrics.resampling import FOLDS
from leaderboard.records.estimate import Estimate

CAMPAIGNS = (4, 12, 40)
LEVELS = {".1": (0.1,) * 3, ".5": (0.5,) * 3, ".9": (0.9,) * 3, ".9 .5 .1": (0.9, 0.5, 0.1)}
"""Average precision of each tier."""
MEASURED = ("ap", "recall_fpr_1e-2")
FIGURES = Path(__file__).parent / "figures" / "interval_coverage.jsonl"
SIZES, COHORTS, BENIGN = (12, 48), FOLDS * 4, 20
BETWEEN_CAMPAIGNS, BETWEEN_COHORTS, CORRELATION = 1.5, 0.35, 0.7
_LEVELS = np.arange(48)[::-1] / 48  # best first
_SEEN = stats.norm.pdf(_LEVELS, 0.7, 0.12) / stats.norm.pdf(_LEVELS, 0.7, 0.12).sum()
_UNSEEN_FALL = 12.0
_CHUNK = 25


def unseen(cohort: F64) -> F64:
    """Probability of each score for accounts of benign cohorts, whose effects are given."""
    weight = np.exp(-_UNSEEN_FALL * _LEVELS * np.exp(-cohort[..., None]))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))


def scores(seen: F64) -> F64:
    """Probability of each score for accounts of campaigns of which this share is seen."""
    return np.asarray(seen[..., None] * _SEEN + (1 - seen[..., None]) * unseen(np.zeros(1))[0])


def metric(name: str, positives: F64, negatives: F64) -> F64:
    """A metric of counts by score, shape (..., scores)."""
    positives, negatives = np.broadcast_arrays(positives, negatives)
    rows = (np.ascontiguousarray(x).reshape(-1, len(_LEVELS)) for x in (positives, negatives))
    return METRICS[name].compute(Curve(*rows)).reshape(positives.shape[:-1])


class World:
    """What is so in the population, for a number of campaigns and a level of each tier.

    Parameters
    ----------
    campaigns : int
        Of each tier.
    levels : sequence of float
        Average precision of each tier.
    """

    def __init__(self, campaigns: int, levels: Sequence[float]) -> None:
        self.campaigns = campaigns
        spread = np.random.default_rng(0).normal(0, 1, (2, 20_000))
        self.cohort = round(2 * BENIGN * campaigns * np.mean(SIZES) / COHORTS)  # accounts of the largest
        negatives = unseen(BETWEEN_COHORTS * spread[1]).mean(axis=0) * COHORTS * (1 + self.cohort) / 2

        def expected(centre: float) -> F64:
            seen = special.expit(centre + BETWEEN_CAMPAIGNS * spread[0])
            return np.asarray(scores(seen).mean(axis=0) * campaigns * np.mean(SIZES))

        def missed(centre: float, level: float) -> float:
            return float(metric("ap", expected(centre), negatives)) - level

        self.centres = np.array([optimize.brentq(missed, -9, 9, (level,)) for level in levels])
        self.truth = {m: [float(metric(m, expected(c), negatives)) for c in self.centres] for m in MEASURED}

    def draw(self, rng: np.random.Generator, worlds: int, effects: F64) -> tuple[F64, F64]:
        """Positives by campaign and score, negatives by fold and score, of a detector on some worlds.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws accounts.
        worlds : int
            How many.
        effects : ndarray of float, shape (worlds, tiers, campaigns)
            How well each campaign is seen, in standard deviations.
        """
        seen = special.expit(self.centres[:, None] + BETWEEN_CAMPAIGNS * effects)
        size = rng.integers(SIZES[0], SIZES[1] + 1, seen.shape)
        cohort = unseen(BETWEEN_COHORTS * rng.normal(0, 1, (worlds, COHORTS)))
        accounts = rng.integers(1, self.cohort + 1, (worlds, COHORTS))
        benign = rng.multinomial(accounts, cohort).reshape(worlds, FOLDS, -1, len(_LEVELS)).sum(axis=2)
        return rng.multinomial(size, scores(seen)).astype(np.float64), benign.astype(np.float64)


def estimates(name: str, positives: F64, negatives: F64) -> dict[str, list[Estimate]]:
    """A metric's mean over the tiers and its value in the last tier, with replicates, of each world."""
    n, folds = positives.shape[2], negatives.shape[1]
    found, benign = positives.sum(axis=2), negatives.sum(axis=1)
    value = metric(name, found, benign[:, None])
    without_campaign = metric(
        name,
        (found[:, :, None] - positives) * n / (n - 1),
        np.broadcast_to(benign[:, None, None], positives.shape),
    )
    rest = (benign[:, None] - negatives) * folds / (folds - 1)
    without_fold = metric(name, found[:, :, None], rest[:, None])
    tiers = value.shape[1]
    changes = value.mean(axis=1)[:, None, None] + (without_campaign - value[:, :, None]) / tiers
    joined = np.concatenate([changes.reshape(len(value), -1), without_fold.mean(axis=1)], axis=1)
    last = np.concatenate([without_campaign[:, -1], without_fold[:, -1]], axis=1)
    return {
        "mean over tiers": [
            Estimate(float(v), r, (*(n,) * tiers, folds)) for v, r in zip(value.mean(axis=1), joined, strict=True)
        ],
        "last tier": [Estimate(float(v), r, (n, folds)) for v, r in zip(value[:, -1], last, strict=True)],
    }


def holds(estimate: Estimate, truth: float) -> bool:
    """Whether the interval of an estimate holds the truth."""
    low, high = estimate.interval()
    return low <= truth <= high


def measure(campaigns: int, level: str, repetitions: int, seed: int = 1) -> dict[str, Any]:
    """Coverage of each interval, as shares of the repetitions.

    Parameters
    ----------
    campaigns : int
        Of each tier.
    level : str
        Key of `LEVELS`.
    repetitions, seed : int
        Worlds, and what draws them.
    """
    world, rng = (
        World(campaigns, LEVELS[level]),
        np.random.default_rng([seed, campaigns, list(LEVELS).index(level)]),
    )
    held: dict[str, list[bool]] = {}
    for start in range(0, repetitions, _CHUNK):
        worlds = min(_CHUNK, repetitions - start)
        effects = rng.normal(0, 1, (2, worlds, len(world.centres), campaigns))
        effects[1] = CORRELATION * effects[0] + np.sqrt(1 - CORRELATION**2) * effects[1]
        first, second = (world.draw(rng, worlds, e) for e in effects)
        for name in MEASURED:
            truth = {"mean over tiers": float(np.mean(world.truth[name])), "last tier": world.truth[name][-1]}
            mine, other = (estimates(name, *counts) for counts in (first, second))
            for what, value in truth.items():
                held.setdefault(f"{name}, {what}", []).extend(holds(e, value) for e in mine[what])
                pairs = zip(mine[what], other[what], strict=True)
                held.setdefault(f"{name}, {what}, paired", []).extend(holds(a - b, 0.0) for a, b in pairs)
    key = {"campaigns": campaigns, "level": level, "repetitions": repetitions}
    return key | {"coverage": {name: round(float(np.mean(of)), 4) for name, of in held.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--figures", type=Path, default=FIGURES, help="read and added to")
    args = parser.parse_args()
    kept = [json.loads(line) for line in args.figures.read_text().splitlines()] if args.figures.exists() else []
    done = {(f["campaigns"], f["level"]): f for f in kept if f["repetitions"] == args.repetitions}
    names = [
        f"{m}, {what}{p}" for m in MEASURED for what in ("mean over tiers", "last tier") for p in ("", ", paired")
    ]
    shown.head("campaigns a tier", "AP of tiers", *names)
    for campaigns in CAMPAIGNS:
        for level in LEVELS:
            figure = done.get((campaigns, level))
            if figure is None:
                figure = measure(campaigns, level, args.repetitions)
                with args.figures.open("a") as file:
                    file.write(json.dumps(figure) + "\n")
            shown.row(campaigns, level, *(f"{figure['coverage'][name]:.1%}" for name in names))


if __name__ == "__main__":
    main()
