"""Functions with the same bits on every processor, by tables: numpy differs between SIMD levels in a last bit."""

from __future__ import annotations

import math

import numpy as np

from generator.arrays import F32, F64, Floats

_SCORES, _SCORES_PER_UNIT = 4096, 512  # rows of the normal distribution function, from -4 to 4
_LOG2_E = 1.4426950408889634
_PART_BITS = 12  # powers of two between whole exponents are tabled in 2^12 parts
_PARTS = 1 << _PART_BITS
_MOST_BITS = 60  # exponents of 2 that `exp` stays below


def cdf(z: F32) -> F32:
    """Standard normal distribution function, by table: turns a correlated normal into a uniform.

    Parameters
    ----------
    z : ndarray of float32
        Normal scores; beyond -4 and 4 the table's ends.

    Examples
    --------
    >>> cdf(np.array([-1.96, 0.0, 1.96], np.float32)).astype(float).round(3).tolist()
    [0.025, 0.5, 0.975]
    """
    return np.asarray(_CDF[np.clip(z * _SCORES_PER_UNIT + _SCORES // 2, 0, _SCORES - 1).astype(np.int32)])


def exp(x: Floats) -> F64:
    """Exponential with relative error below 1e-7, the same bits on every processor.

    Parameters
    ----------
    x : ndarray of float
        Logarithms; the result stays between 2^-60 and 2^60.

    Examples
    --------
    >>> exp(np.array([0.0, 1.0])).round(6).tolist()
    [1.0, 2.718282]
    """
    y = np.multiply(x, _LOG2_E * _PARTS, dtype=np.float64)
    y = np.minimum(np.maximum(y, -_MOST_BITS * _PARTS), _MOST_BITS * _PARTS)
    whole = np.floor(y)
    y -= whole
    step = whole.astype(np.int64)
    i = step & (_PARTS - 1)
    y *= _EXP2_RISE.take(i)
    y += _EXP2.take(i)
    step >>= _PART_BITS
    step <<= 52
    y.view(np.int64)[...] += step  # times a power of two: a step of the exponent's bits, exactly
    return np.asarray(y)


# Its rows are the middles of 4,096 steps.
_CDF = np.array(
    [
        round(0.5 * math.erfc(-(i - (_SCORES - 1) / 2) / _SCORES_PER_UNIT / math.sqrt(2)), 7)
        for i in range(_SCORES)
    ],
    np.float32,
)
_EXP2 = np.array([round(2 ** (i / _PARTS), 12) for i in range(_PARTS + 1)], np.float64)
_EXP2_RISE = np.diff(_EXP2)
