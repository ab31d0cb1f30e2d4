"""Distances between two samples, free of units and of volume; one function per group, 0 for equal samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.arrays import F64
from generator.fidelity.sampling import Sample, SamplingPlan
from generator.fidelity.statistics import (
    atoms,
    gini,
    hours,
    jensen_shannon,
    ks,
    median_gap,
    spearman,
    top_share,
    w1,
)
from generator.fidelity.summaries import EPS, Table
from generator.fidelity.traces import Log

Distances = dict[str, float]
"""Distances by metric; NaN where the samples can't tell."""

_TAIL = (0.99, 0.995, 0.999)
_ANGLES = np.linspace(0, np.pi, 24, endpoint=False)
_OCTILES = np.arange(1, 8) / 8
_OFFSET = 1e-3  # of a gap of zero, in medians
_MIN_CELL, _MIN_ACCOUNTS = 30, 10  # fewer say too little (a)
_COUNTS_OVER = (10, 100, 1000)  # events per window of the index of dispersion
_MIN_WINDOWS = 8


@dataclass(frozen=True)
class Scale:
    """Units of a reference.

    Attributes
    ----------
    input, output : float
        Standard deviations of its log tokens.
    octiles : ndarray of float64, shape (7,) or fewer
        Octiles of its log inputs, each once.
    """

    input: float
    output: float
    octiles: F64

    @classmethod
    def of(cls, log: Log) -> Scale:
        """Scale of a log.

        Parameters
        ----------
        log : Log
            The reference, at least two rows.
        """
        logs = np.log1p(log.input), np.log1p(log.output)
        read, written = (float(x.std(ddof=1)) + EPS for x in logs)
        return cls(read, written, np.unique(np.quantile(logs[0], _OCTILES)))


def tokens(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """Laws of input and output tokens, each for itself.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.
    """
    values = {}
    for name, sd, x, y in (
        ("in", scale.input, a.rows.input, b.rows.input),
        ("out", scale.output, a.rows.output, b.rows.output),
    ):
        logs = np.log1p(x), np.log1p(y)
        tails = np.log((np.quantile(x, _TAIL) + 1) / (np.quantile(y, _TAIL) + 1))
        values[f"w1_log_{name}"] = w1(*logs) / sd
        values[f"ks_{name}"] = ks(*logs)
        values[f"tail_{name}"] = float(np.abs(tails).mean())
        values[f"atomicity_{name}"] = float(np.abs(atoms(x) - atoms(y)).sum() / 2)
    return values


def joint(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """How output goes with input.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.
    """
    sides = [(np.log1p(s.rows.input), np.log1p(s.rows.output)) for s in (a, b)]
    (ua, va), (ub, vb) = ([_uniform(x, rng) for x in side] for side in sides)
    sliced = [w1(np.cos(t) * ua + np.sin(t) * va, np.cos(t) * ub + np.sin(t) * vb) for t in _ANGLES]
    cells = [np.digitize(side[0], scale.octiles) for side in sides]
    given = []
    for cell in range(len(scale.octiles) + 1):
        x, y = (side[1][at == cell] for side, at in zip(sides, cells, strict=True))
        if min(len(x), len(y)) >= _MIN_CELL:
            given.append(w1(x, y))
    return {
        "d_spearman": abs(spearman(*sides[0]) - spearman(*sides[1])),
        "copula_sliced_w1": float(np.mean(sliced)),
        "w1_out_given_in": float(np.mean(given)) / scale.output if given else np.nan,
    }


def time(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """Gaps and counts of all arrivals, and hours of day.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.
    """
    values = {}
    if plan.time:
        x, y = _Pace(a.arrivals), _Pace(b.arrivals)
        shared = min(len(x.dispersion), len(y.dispersion))  # a shorter stretch has no wide windows
        bursts = np.abs(np.log((x.dispersion[:shared] + EPS) / (y.dispersion[:shared] + EPS)))
        values = {
            "w1_log_gap": w1(x.logs, y.logs),
            "ks_gap": ks(x.logs, y.logs),
            "dlog_iat_cv": float(abs(np.log((x.cv + EPS) / (y.cv + EPS)))),
            "dlog_dispersion": float(bursts.mean()) if len(bursts) else np.nan,
            "d_lag1_gap": abs(x.lag1 - y.lag1),
        }
    if plan.hour:
        values["hour_js"] = jensen_shannon(hours(a.rows.ts), hours(b.rows.ts))
    return values


# Metric, column of the account table, whether it is compared by its logarithm.
_RHYTHM = (
    ("w1_log_gap_cv", "gap_cv", True),
    ("w1_gap_median_over_mean", "gap_med_rel", False),
)
_DAY = (
    ("w1_hour_entropy", "hour_ent", False),
    ("w1_quietest_7h_share", "night", False),
)


def accounts(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """How accounts differ from each other: volume, rhythm, level and spread of sizes.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.
    """
    values = {}
    if plan.volume:
        x, y = (s.table["n"] / s.table["n"].mean() for s in (a, b))
        values["w1_log_volume"] = w1(np.log(x), np.log(y))
        values["d_gini"] = abs(gini(x) - gini(y))
        values["d_top10_share"] = abs(top_share(x) - top_share(y))
    for metric, column, as_log in _RHYTHM + (_DAY if plan.hour else ()):
        values[metric] = _between(a.table, b.table, column, as_log)
    for name, side, sd in (("in", "inp", scale.input), ("out", "out", scale.output)):
        values[f"w1_mean_log_{name}"] = _between(a.table, b.table, side + "_mu") / sd
        values[f"w1_within_sd_log_{name}"] = _between(a.table, b.table, side + "_sd") / sd
        values[f"w1_mode_share_{name}"] = _between(a.table, b.table, side + "_mode")
        values[f"d_between_share_{name}"] = abs(_between_share(a.table, side) - _between_share(b.table, side))
    return values


def sequence(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """How an account's requests follow each other.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.
    """
    return {
        "w1_lag1_autocorr_in": _between(a.table, b.table, "inp_ac1"),
        "w1_lag1_autocorr_out": _between(a.table, b.table, "out_ac1"),
        "w1_input_growth_share": _between(a.table, b.table, "grow"),
        "w1_within_account_io_spearman": _between(a.table, b.table, "io_rho"),
    }


Group = Callable[[Sample, Sample, SamplingPlan, Scale, np.random.Generator], Distances]
GROUPS: tuple[tuple[str, Group, bool], ...] = (  # name, function, whether it needs accounts
    ("tokens", tokens, False),
    ("joint", joint, False),
    ("time", time, False),
    ("accounts", accounts, True),
    ("sequence", sequence, True),
)


def measure(a: Sample, b: Sample, plan: SamplingPlan, scale: Scale, rng: np.random.Generator) -> Distances:
    """Every distance that the plan allows and the samples can tell.

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    scale : Scale
        Units of the reference.
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    dict of str to float
        By group.metric, all finite.
    """
    values: Distances = {}
    for group, function, needs_accounts in GROUPS:
        if plan.accounts or not needs_accounts:
            values |= {f"{group}.{name}": float(d) for name, d in function(a, b, plan, scale, rng).items()}
    return {name: d for name, d in values.items() if np.isfinite(d)}


class _Pace:
    """Gaps of a stretch of arrivals in medians, as logs; their CV, lag-1 correlation, counts' dispersion."""

    def __init__(self, ts: F64) -> None:
        gaps = np.diff(ts)
        mean = gaps.mean() + EPS
        self.logs = np.log(gaps / median_gap(gaps) + _OFFSET)
        self.cv = float(gaps.std() / mean)
        varies = np.ptp(self.logs[:-1]) > 0 and np.ptp(self.logs[1:]) > 0
        self.lag1 = float(np.corrcoef(self.logs[:-1], self.logs[1:])[0, 1]) if varies else np.nan
        widths = [k * mean for k in _COUNTS_OVER if len(ts) / k >= _MIN_WINDOWS]
        counts = [np.bincount(((ts - ts[0]) // width).astype(np.int64))[:-1] for width in widths]
        self.dispersion = np.array([c.var() / (c.mean() + EPS) for c in counts])


def _uniform(x: F64, rng: np.random.Generator) -> F64:
    """Ranks in (0, 1), ties in random order."""
    u = np.empty(len(x))
    u[np.lexsort((rng.random(len(x)), x))] = (np.arange(len(x)) + 0.5) / len(x)
    return u


def _between(a: Table, b: Table, column: str, as_log: bool = False) -> float:
    """Distance of a column's law over accounts; nan where fewer than ten accounts have it."""
    x, y = (t[column][~np.isnan(t[column])] for t in (a, b))
    if min(len(x), len(y)) < _MIN_ACCOUNTS:
        return np.nan
    return w1(np.log(x + _OFFSET), np.log(y + _OFFSET)) if as_log else w1(x, y)


def _between_share(table: Table, side: str) -> float:
    """Share of the variance of log tokens that lies between accounts."""
    spread = table[side + "_sd"]
    if np.isnan(spread).all():
        return np.nan
    between = np.var(table[side + "_mu"])
    return float(between / (between + np.nanmean(spread**2) + EPS))
