"""What stands in the tables of baselines: the columns of the long one, and README's rows and columns of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from generator.schema import TIERS
from leaderboard.metrics.decision_costs import REVIEWS_A_DAY
from leaderboard.records import estimate
from leaderboard.records.scorecard import Scorecard
from siphonbench.workflows.reproduction import RECALL

CHAIN = ("rate-limit", "xgboost-aggregates", "xgboost-relational")
HIDDEN = ("evasive", "adaptive")
STRICT_RECALL = "recall_fpr_1e-3"
BEST = 5  # detectors of README's table, beside the chain and chance


class Row(NamedTuple):
    """What a detector reached and took on one seed.

    Attributes
    ----------
    card : Scorecard
        Of its answer to the task *accounts*.
    core_seconds, peak_mb : float
        What `baselines run` measured.
    queue : float
        Share of extraction accounts among all that are reviewed, `REVIEWS_A_DAY` a day.
    """

    card: Scorecard
    core_seconds: float
    peak_mb: float
    queue: float


Runs = dict[str, list[Row]]  # by detector: one of each seed


def columns(seeds: list[str]) -> dict[str, Callable[[list[Row]], str]]:
    """Columns of the long table after the detector's name: what stands in one, from a detector's runs."""

    def mean(of: Callable[[Row], float], form: str = ".3f") -> Callable[[list[Row]], str]:
        return lambda runs: format(float(np.mean([of(r) for r in runs])), form)

    def interval(runs: list[Row]) -> str:
        low, high = estimate.mean([r.card.estimate for r in runs]).interval()
        return f"{low:.3f}-{high:.3f}"

    def worst(runs: list[Row]) -> str:
        """By the mean over seeds: which archetype it is differs from seed to seed where few are hit."""
        shares = [{k: v.value for k, v in r.card.false_positives.items()} for r in runs]
        means = {k: float(np.mean([s[k] for s in shares])) for k in shares[0] if all(k in s for s in shares)}
        name = max(means, key=lambda k: means[k])
        return f"{name} {means[name]:.3f}"

    def hidden(metric: str) -> Callable[[list[Row]], str]:
        return mean(lambda r: float(np.mean([r.card.tiers[t][metric].value for t in HIDDEN])))

    def tier(name: str) -> Callable[[list[Row]], str]:
        return mean(lambda r: r.card.tiers[name]["ap"].value)

    def seed(k: int) -> Callable[[list[Row]], str]:
        return lambda runs: f"{runs[k].card.primary.value:.3f}"

    def bound(name: str) -> Callable[[list[Row]], str]:
        return mean(lambda r: np.nan if (value := getattr(r.card, name)) is None else value)

    return {
        "AP": mean(lambda r: r.card.primary.value),
        "95 % interval": interval,
        **{name: tier(name) for name in TIERS},
        **{name: seed(k) for k, name in enumerate(seeds)},
        f"recall at FPR 1 %, {' and '.join(HIDDEN)}": hidden(RECALL),
        "at .1 %": hidden(STRICT_RECALL),
        "worst archetype flagged": worst,
        f"extraction of {REVIEWS_A_DAY} reviewed a day": mean(lambda r: r.queue),
        "chance": mean(lambda r: r.card.primary.chance),
        "ceiling": bound("ceiling"),
        "headroom": bound("headroom"),
        "core seconds": mean(lambda r: r.core_seconds, ".1f"),
        "peak GiB": lambda runs: f"{max(r.peak_mb for r in runs) / 1024:.2f}",
    }


def table(
    runs: Runs, spent: dict[str, str], seeds: list[str], trials: dict[str, int]
) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the long table, best first; `trials` are those of each search that was made."""
    cells = columns(seeds)
    head = ["detector", *cells, "trials"]
    value = {name: float(np.mean([r.card.primary.value for r in of])) for name, of in runs.items()}
    rows = [
        [name, *(cell(runs[name]) for cell in cells.values()), str(trials.get(name, 1))]
        for name in sorted(runs, key=lambda n: (-value[n], n))
    ]
    rows += [[name, said, *["-"] * (len(head) - 2)] for name, said in sorted(spent.items()) if name not in runs]
    return head, rows


def short(head: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """README's rows and columns of the long table."""
    names = {row[0] for row in rows[:BEST]} | {*CHAIN, "random"}
    kept = [
        k for k, name in enumerate(head) if name in ("detector", "AP", "95 % interval", *TIERS, "core seconds")
    ]
    return [head[k] for k in kept], [[row[k] for k in kept] for row in rows if row[0] in names]
