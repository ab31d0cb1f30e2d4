"""Statistics of one sample, and distances between the laws of two: plain functions of arrays."""

from __future__ import annotations

import numpy as np

from generator.arrays import F64
from generator.fidelity.summaries import EPS

_GRID = (np.arange(400) + 0.5) / 400
_ATOMS = 20  # commonest values that make the profile of a discrete law (a)
_MIN_PAIRS = 6  # fewer say too little about a correlation (a)
_HOUR = 3600  # seconds


def w1(a: F64, b: F64) -> float:
    """Wasserstein distance of order 1, over 400 quantiles.

    Parameters
    ----------
    a, b : ndarray of float64, shape (values,)
        Two samples of any size.

    Examples
    --------
    >>> w1(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    2.0
    """
    return float(np.abs(_quantiles(a) - _quantiles(b)).mean())


def _quantiles(x: F64) -> F64:
    """What numpy.quantile gives, quicker for a whole grid."""
    return np.interp(_GRID * (len(x) - 1), np.arange(len(x)), np.sort(x))


def ks(a: F64, b: F64) -> float:
    """Kolmogorov-Smirnov distance: the largest difference of the distribution functions.

    Parameters
    ----------
    a, b : ndarray of float64, shape (values,)
        Two samples of any size.

    Examples
    --------
    >>> ks(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 5.0]))
    0.25
    """
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    below = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.abs(below).max())


def gini(x: F64) -> float:
    """Gini coefficient (Gini, 1912): 0 if all are equal.

    Parameters
    ----------
    x : ndarray of float64, shape (values,)
        None negative.

    Examples
    --------
    >>> round(gini(np.array([0.0, 5.0, 0.0, 0.0])), 3)
    0.75
    """
    n = len(x)
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float(weights @ np.sort(x) / (n * x.sum() + EPS))


def spearman(a: F64, b: F64) -> float:
    """Rank correlation (Spearman, 1904).

    Parameters
    ----------
    a, b : ndarray of float64, shape (pairs,)
        The two sides.

    Returns
    -------
    float
        NaN below six pairs or for a constant side.
    """
    from scipy.stats import rankdata

    if len(a) < _MIN_PAIRS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def atoms(x: F64) -> F64:
    """Shares of the commonest values.

    Parameters
    ----------
    x : ndarray of float64, shape (values,)
        A sample.

    Returns
    -------
    ndarray of float64, shape (20,)
        Largest first, filled up with 0.
    """
    shares = np.sort(np.unique(x, return_counts=True)[1])[::-1][:_ATOMS] / len(x)
    return np.pad(shares, (0, _ATOMS - len(shares)))


def median_gap(gaps: F64) -> float:
    """Median of the positive gaps: a unit of time that a few huge gaps don't rule.

    Parameters
    ----------
    gaps : ndarray of float64, shape (gaps,)
        Seconds.

    Returns
    -------
    float
        Seconds; 1 if no gap is positive.
    """
    positive = gaps[gaps > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def hours(ts: F64) -> F64:
    """Share of each hour of day, none zero.

    Parameters
    ----------
    ts : ndarray of float64, shape (rows,)
        Seconds since a midnight.

    Returns
    -------
    ndarray of float64, shape (24,)
    """
    counts = np.bincount(((ts // _HOUR) % 24).astype(np.int64), minlength=24) + 0.5
    shares: F64 = counts / counts.sum()
    return shares


def jensen_shannon(p: F64, q: F64) -> float:
    """Jensen-Shannon distance: square root of the divergence in bits (Endres and Schindelin, 2003).

    Parameters
    ----------
    p, q : ndarray of float64, shape (cells,)
        Shares, none zero.

    Returns
    -------
    float
        0 to 1.
    """
    m = (p + q) / 2
    nats = (p * np.log(p / m)).sum() + (q * np.log(q / m)).sum()
    return float(np.sqrt(max(nats, 0) / 2 / np.log(2)))


def top_share(x: F64) -> float:
    """Share of the largest tenth.

    Parameters
    ----------
    x : ndarray of float64, shape (values,)
        None negative.
    """
    return float(np.sort(x)[-max(1, int(np.ceil(0.1 * len(x)))) :].sum() / x.sum())
