"""One row per account: how it paces, how large its requests are, how they follow each other."""

from __future__ import annotations

import numpy as np

from generator.arrays import F64, I64
from generator.fidelity.traces import Log

EPS = 1e-9
# Below so many requests an account says too little about itself (a).
MIN_SPREAD, MIN_RHYTHM, MIN_RANKS, MIN_DAY = 10, 20, 30, 50
_HOUR, _QUIET = 3600, 7  # seconds; hours of the quietest stretch of a day

Table = dict[str, F64]


class Runs:
    """Rows in consecutive runs, one per account; every statistic is one value per run.

    Parameters
    ----------
    key : ndarray of int64
        Number of the run, 0 to count - 1, ascending.
    count : int
        Number of runs; some may be empty.
    """

    def __init__(self, key: I64, count: int) -> None:
        self.key = key
        self.count = count
        self.n = np.bincount(key, minlength=count).astype(np.float64)
        self.start = np.concatenate([[0], np.cumsum(self.n)[:-1]]).astype(np.int64)

    def sum(self, x: F64) -> F64:
        """Sum of each run.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.
        """
        return np.bincount(self.key, weights=x, minlength=self.count).astype(np.float64)

    def mean(self, x: F64) -> F64:
        """Mean of each run; NaN where it is empty.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.
        """
        return _ratio(self.sum(x), self.n)

    def sd(self, x: F64) -> F64:
        """Sample standard deviation of each run; NaN below two rows.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.
        """
        squares = self.sum((x - self.mean(x)[self.key]) ** 2)
        return np.sqrt(_ratio(squares, self.n - 1))

    def median(self, x: F64) -> F64:
        """Median of each run; NaN where it is empty.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.
        """
        if not len(x):
            return np.full(self.count, np.nan)
        ordered = x[np.lexsort((x, self.key))]
        size = self.n.astype(np.int64)
        low, high = (np.minimum(self.start + at, len(x) - 1) for at in ((size - 1) // 2, size // 2))
        return np.where(size > 0, (ordered[low] + ordered[high]) / 2, np.nan)

    def ranks(self, x: F64) -> tuple[F64, F64]:
        """Rank each row inside its run.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.

        Returns
        -------
        rank, size : ndarray of float64, shape (rows,)
            Rank from 0 on, ties sharing the mean rank; and rows of its tie.
        """
        order = np.lexsort((x, self.key))
        ordered, key = x[order], self.key[order]
        new = np.r_[True, (ordered[1:] != ordered[:-1]) | (key[1:] != key[:-1])]
        first = np.flatnonzero(new)
        size = np.diff(np.r_[first, len(x)])
        tie = np.cumsum(new) - 1
        rank, ties = np.empty(len(x)), np.empty(len(x))
        rank[order] = (first + (size - 1) / 2)[tie] - self.start[key]
        ties[order] = size[tie]
        return rank, ties

    def largest(self, x: F64) -> F64:
        """Largest value of each run; 0 where it is empty.

        Parameters
        ----------
        x : ndarray of float64, shape (rows,)
            One value per row.
        """
        top = np.zeros(self.count)
        np.maximum.at(top, self.key, x)
        return top

    def correlation(self, x: F64, y: F64) -> F64:
        """Pearson's correlation of each run; NaN where one side is constant.

        Parameters
        ----------
        x, y : ndarray of float64, shape (rows,)
            One value per row.
        """
        dx, dy = x - self.mean(x)[self.key], y - self.mean(y)[self.key]
        return _ratio(self.sum(dx * dy), np.sqrt(self.sum(dx**2) * self.sum(dy**2)))


def by_account(log: Log) -> tuple[Log, I64]:
    """Sort rows by account and time.

    Parameters
    ----------
    log : Log
        Any.

    Returns
    -------
    Log
        The same rows.
    ndarray of int64, shape (rows,)
        Number of the account of each row, 0, 1, ...
    """
    ordered = log.take(np.lexsort((log.ts, log.account)))
    return ordered, np.unique(ordered.account, return_inverse=True)[1].astype(np.int64)


def table(log: Log) -> Table:
    """Summary of every account, by ascending number; nan where it has too few requests for a statistic.

    Parameters
    ----------
    log : Log
        Any.

    Returns
    -------
    dict of str to ndarray
        n; gap_cv, gap_med_rel (median over mean gap); of log tokens of each side mu, sd, ac1 (lag-1
        autocorrelation), mode (share of the commonest value); grow (share of growing inputs), io_rho (rank
        correlation of the sides); hour_ent (entropy over hours of day, 1 = flat), night (share of the quietest
        seven hours).
    """
    rows, key = by_account(log)
    runs = Runs(key, int(key[-1]) + 1 if len(key) else 0)
    follows = np.flatnonzero(key[1:] == key[:-1]) + 1  # rows with an earlier one of the same account
    later = Runs(key[follows], runs.count)

    def enough(x: F64, least: int) -> F64:
        return np.where(runs.n >= least, x, np.nan)

    gap = rows.ts[follows] - rows.ts[follows - 1]
    mean = later.mean(gap) + EPS
    summary = {"n": runs.n, "gap_cv": enough(later.sd(gap) / mean, MIN_RHYTHM)}
    summary["gap_med_rel"] = enough(later.median(gap) / mean, MIN_RHYTHM)
    for side, tokens in (("inp", rows.input), ("out", rows.output)):
        logs = np.log1p(tokens)
        mu = runs.mean(logs)
        off = logs - mu[key]
        spread, lagged = runs.sum(off**2), later.sum(off[follows] * off[follows - 1])
        summary[side + "_mu"] = mu
        summary[side + "_sd"] = enough(runs.sd(logs), MIN_SPREAD)
        summary[side + "_ac1"] = np.where(spread > 1e-6, enough(lagged / (spread + EPS), MIN_RHYTHM), np.nan)
        summary[side + "_mode"] = enough(_ratio(runs.largest(runs.ranks(tokens)[1]), runs.n), MIN_RHYTHM)
    grows = (rows.input[follows] > rows.input[follows - 1]).astype(np.float64)
    summary["grow"] = enough(later.mean(grows), MIN_SPREAD)
    ranks = runs.ranks(rows.input)[0], runs.ranks(rows.output)[0]
    summary["io_rho"] = enough(runs.correlation(*ranks), MIN_RANKS)
    shares = _hours(rows.ts, runs)
    entropy = -(shares * np.log(shares + EPS)).sum(axis=1) / np.log(24)
    quiet = np.min([np.roll(shares, -hour, axis=1)[:, :_QUIET].sum(axis=1) for hour in range(24)], axis=0)
    return summary | {"hour_ent": enough(entropy, MIN_DAY), "night": enough(quiet, MIN_DAY)}


def _hours(ts: F64, runs: Runs) -> F64:
    """Share of each hour of day in each run."""
    hour = ((ts // _HOUR) % 24).astype(np.int64)
    counts = np.bincount(runs.key * 24 + hour, minlength=runs.count * 24).reshape(-1, 24)
    shares: F64 = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _ratio(x: F64, y: F64) -> F64:
    """Quotient; nan where the divisor is not positive."""
    quotient: F64 = np.full(len(x), np.nan)
    np.divide(x, y, out=quotient, where=y > 0)
    return quotient
