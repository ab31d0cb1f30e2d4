"""Two-sample tests by a boosted tree: can it tell rows, or accounts, of one side from those of the other?"""

from __future__ import annotations

import numpy as np

from generator.arrays import F64, I64, Mask
from generator.fidelity.distances import Distances
from generator.fidelity.sampling import BLOCKS, Sample, SamplingPlan
from generator.fidelity.statistics import median_gap
from generator.fidelity.summaries import EPS, Runs, by_account
from generator.fidelity.traces import Log

_FOLDS = 4
_MIN_ROWS, _MIN_ACCOUNTS = 80, 40  # fewer on a side train no tree (a)
_OFFSET = 1e-3  # of a gap of zero, in medians
_TREES = {"max_iter": 60, "learning_rate": 0.15, "max_leaf_nodes": 15, "min_samples_leaf": 40, "random_state": 0}
_ALWAYS = ("gap_cv", "gap_med_rel", *(f"{s}_{c}" for s in ("inp", "out") for c in ("mu", "sd", "ac1", "mode")))
_ALWAYS += ("grow", "io_rho")
_DAY = ("hour_ent", "night")


def measure(a: Sample, b: Sample, plan: SamplingPlan, rng: np.random.Generator) -> Distances:
    """|2 AUC - 1| of three classifiers (two-sample tests of Lopez-Paz and Oquab, 2017).

    Parameters
    ----------
    a, b : Sample
        The two sides.
    plan : SamplingPlan
        What they can tell.
    rng : numpy.random.Generator
        Seeds the folds.

    Returns
    -------
    dict of str to float
        By c2st.metric: 0 can't tell the sides apart, 1 always can.
    """
    seed = int(rng.integers(1 << 30))
    sizes = [np.column_stack([np.log1p(s.rows.input), np.log1p(s.rows.output)]) for s in (a, b)]
    (xa, ga), (xb, gb) = features(a.context, plan), features(b.context, plan)
    values = {
        "c2st.tokens_only": separation(sizes[0], a.rows.account, sizes[1], b.rows.account, seed, plan.accounts),
        "c2st.rows": separation(xa, ga, xb, gb, seed, plan.accounts),
    }
    if plan.accounts:
        fa, fb = _summaries(a, plan, rng), _summaries(b, plan, rng)
        if min(len(fa), len(fb)) >= _MIN_ACCOUNTS:
            values["c2st.accounts"] = separation(fa, np.arange(len(fa)), fb, np.arange(len(fb)), seed)
    return {name: d for name, d in values.items() if np.isfinite(d)}


def separation(xa: F64, ga: I64, xb: F64, gb: I64, seed: int, grouped: bool = True) -> float:
    """|2 AUC - 1| of a classifier of a against b, cross-validated so that no group is on both sides of a fold.

    Parameters
    ----------
    xa, xb : ndarray, shape (rows, features)
        Rows of both sides; the longer is cut.
    ga, gb : ndarray of int64
        Group of each row, where `grouped`; else a side is cut into stretches of consecutive rows.
    seed : int
        Shuffles the groups over the folds.
    grouped : bool
        Whether the groups are given.

    Returns
    -------
    float
        0 to 1; NaN where a side has too few rows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold
    from threadpoolctl import threadpool_limits

    n = min(len(xa), len(xb))
    if n < _MIN_ROWS and not grouped:
        return np.nan
    x, side = np.vstack([xa[:n], xb[:n]]), np.repeat([0, 1], n)
    if not grouped:
        ga = gb = np.arange(n) * BLOCKS // n
    group = np.unique(np.concatenate([ga[:n], gb[:n] + ga.max() + 1]), return_inverse=True)[1]
    group = np.random.default_rng(seed).permutation(group.max() + 1)[group]
    score = np.full(2 * n, np.nan)
    with threadpool_limits(1, "openmp"):  # trees of 15 leaves: more threads only wait for each other
        for train, held in GroupKFold(_FOLDS).split(x, side, group):
            if len(np.unique(side[train])) == 2:
                model = HistGradientBoostingClassifier(**_TREES).fit(x[train], side[train])
                score[held] = model.predict_proba(x[held])[:, 1]
    scored = ~np.isnan(score)
    return float(abs(2 * roc_auc_score(side[scored], score[scored]) - 1))


def features(log: Log, plan: SamplingPlan) -> tuple[F64, I64]:
    """Describe each row: its log tokens, those of the row before, and the gap since then in medians.

    Parameters
    ----------
    log : Log
        Consecutive rows, of each account or of the whole log.
    plan : SamplingPlan
        What can be compared.

    Returns
    -------
    ndarray of float64, shape (rows, 4 or 5)
        NaN where there is no row before.
    ndarray of int64, shape (rows,)
        Account of each row.
    """
    if not plan.accounts:
        return _columns(log, np.arange(len(log)) > 0, _log_gap(log) if plan.time else None), log.account
    log, key = by_account(log)
    follows = np.r_[False, key[1:] == key[:-1]]
    gap = np.where(follows, np.diff(log.ts, prepend=np.nan), np.nan)
    positive = gap > 0
    unit = Runs(key[positive], int(key[-1]) + 1).median(gap[positive])
    return _columns(log, follows, np.log(gap / (unit[key] + EPS) + _OFFSET)), log.account


def _log_gap(log: Log) -> F64:
    gap = np.diff(log.ts, prepend=np.nan)
    return np.log(gap / median_gap(gap[1:]) + _OFFSET)


def _columns(log: Log, follows: Mask, gap: F64 | None) -> F64:
    sizes = [np.log1p(log.input), np.log1p(log.output)]
    before = [np.where(follows, np.roll(x, 1), np.nan) for x in sizes]
    return np.column_stack(sizes + before + ([] if gap is None else [gap]))


def _summaries(sample: Sample, plan: SamplingPlan, rng: np.random.Generator) -> F64:
    columns = [sample.table[c] for c in _ALWAYS + (_DAY if plan.hour else ())]
    if plan.volume:
        # Whole numbers over a side's mean would give the side away: blur them.
        n = sample.table["n"] + rng.random(len(sample.table["n"]))
        columns.append(np.log(n / n.mean()))
    return np.column_stack(columns)
