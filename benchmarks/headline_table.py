"""What the detectors of `benchmarks.headline` found, as figures, a table and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import siphonbench
from baselines.registry import DETECTORS
from benchmarks import headline_step as step
from benchmarks.measured import Row
from generator.arrays import F64, I64
from generator.campaign_report import svg
from leaderboard.metrics import ranking
from leaderboard.metrics.alerts import Replay
from leaderboard.metrics.harm import Losses
from leaderboard.metrics.population import Population
from leaderboard.tasks import early, ground_truth

RATES = {"recall_fpr_1e-2": "1 %", "recall_fpr_1e-3": ".1 %", "recall_fpr_1e-4": ".01 %"}
_METRICS = ("ap", *RATES)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "headline",
    "font.size": 8.5,
    "axes.titlesize": 9,
}


@dataclass(frozen=True)
class Truth:
    """What the judge knows of the world.

    Attributes
    ----------
    people : Population
        Accounts.
    losses : Losses
        What campaigns collected.
    gone : ndarray of float64, shape (days,)
        Share of all exchanges of campaigns that is gone when each day ends.
    """

    people: Population
    losses: Losses
    gone: F64


def read_truth(folder: Path) -> Truth:
    """Labels and losses of the world in a folder of `benchmarks.headline`."""
    world = siphonbench.load(folder / step.WORLD)
    split = world.reveal(step.judged(world))
    known = replace(ground_truth.account_labels(split), collected=pl.read_parquet(folder / step.COLLECTED))
    day, exchanges = (known.collected[c].to_numpy() for c in ("day", "exchanges"))
    gone = np.bincount(day, exchanges, known.days).cumsum()
    return Truth(known.population, Losses(known.collected, known.population, known.days), gone / gone[-1])


def figures(truth: Truth, answers: Mapping[int, pl.DataFrame]) -> Row:
    """How well a detector ranked, and what its alerts would have saved.

    The ranking is that of the last day. There is an alert about an account from the first asked day on which its
    score reaches the threshold, one for all days, by which a share `early.BUDGET` of benign accounts is ever
    alerted about (see `leaderboard.metrics.alerts`).

    Parameters
    ----------
    truth : Truth
        Of the world.
    answers : mapping of int to polars.DataFrame
        Asked days, the last of the window among them, and (account_id, score) of the accounts known then.
    """
    people, days = truth.people, sorted(answers)
    scores = np.column_stack([_scores(people, answers[day]) for day in days])
    curve = ranking.Ranked(scores[people.scored, -1], people.attack[people.scored]).curve()
    chosen = {m: ranking.METRICS[m] for m in _METRICS}
    benign = int(people.benign.sum())
    row: Row = {m: float(of.compute(curve)[0]) for m, of in chosen.items() if benign >= of.least_negatives}
    replay = Replay(scores, people, truth.losses, early.BUDGET)
    threshold = replay.threshold(np.ones((len(people.stratum), 1)))
    when = np.array([*days, len(truth.gone)])  # the last: never
    in_time = np.append(truth.gone < 0.5, False)

    def harm(alert: I64) -> F64:
        saved = truth.losses.outcome(when[alert]).saved
        early_enough = in_time[when[alert]].sum()
        return np.array([early_enough, *(saved[name].sum() for name in ("tokens", "usd"))])

    found, tokens, usd = replay.mean(threshold, truth.losses.rows, harm).tolist()
    innocents = float(replay.flagged(threshold)[people.benign].sum())
    return (
        row
        | {"days": days, "innocents": innocents}
        | ({"found_in_time": found, "tokens_saved": tokens, "usd_saved": usd} if len(days) > 1 else {})
    )


def _scores(people: Population, answer: pl.DataFrame) -> F64:
    """Scores in the order of the accounts, -inf for those that are not known yet."""
    ids = pl.DataFrame({"account_id": people.ids})
    joined = ids.join(answer, on="account_id", how="left", maintain_order="left")
    return joined["score"].fill_null(-np.inf).to_numpy()


def family(name: str) -> str:
    """Room of the detector's module."""
    return DETECTORS.addresses[name].split(".")[2]


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "detector": lambda r: r["detector"],
    "family": lambda r: r["family"],
    "AP": lambda r: f"{r['ap']:.3f}",
    **{
        f"recall at {percent} false positives": lambda r, name=name: f"{r[name]:.3f}"  # type: ignore[misc]
        for name, percent in RATES.items()
    },
    "found before half was gone": lambda r: f"{r['found_in_time']:,.0f}",
    "tokens saved, million": lambda r: f"{r['tokens_saved'] / 1e6:,.1f}",
    "list price saved, USD": lambda r: f"{r['usd_saved']:,.0f}",
    "innocents hit": lambda r: f"{r['innocents']:,.0f}",
    "minutes": lambda r: f"{r['seconds'] / 60:.1f}",
    "core minutes": lambda r: f"{r['core_seconds'] / 60:.1f}",
    "peak GiB": lambda r: f"{r['peak_gib']:.1f}",
    "note": lambda r: r["note"],
}


def draw(rows: Sequence[Row], title: str) -> Figure:
    """Recall at a tenth of a per cent of false positives, and money saved, detector by detector, best first."""
    told = sorted((r for r in rows if "ap" in r), key=lambda r: (r["recall_fpr_1e-3"], r["ap"]))
    figure = Figure(figsize=(10, 0.9 + 0.24 * len(told)), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [r["detector"] for r in told]
    _bars(left, names, [r["recall_fpr_1e-3"] for r in told], "{:.3f}")
    left.set(xlim=(0, 1), xlabel="share of extraction accounts found, 1 innocent in 1,000 hit")
    _bars(right, names, [r.get("usd_saved", np.nan) / 1e3 for r in told], "{:,.0f}")
    right.set(xlim=(0, None), xlabel="list price saved by early alerts, thousand USD")
    figure.suptitle(title, fontsize=9.5)
    return figure


def _bars(panel: Axes, names: Sequence[str], values: Sequence[float], form: str) -> None:
    bars = panel.barh(names, values, color=svg.ORDINARY, height=0.7)
    panel.bar_label(bars, ["" if np.isnan(v) else f" {form.format(v)}" for v in values], fontsize=7.5)
    panel.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, file: Path) -> None:
    """The same SVG from the same figures."""
    with mpl.rc_context(_STYLE):
        figure.savefig(file, metadata={"Date": None})
