"""Counter-based random streams: every draw is a pure function of stable names, never of order.

A stream is a 64-bit key. Keys are made from names (seed, world, cohort) with `key`, and from other keys with
`child` (purpose) and `items` (numbered members). A draw mixes the key with SplitMix64's finaliser, so any worker
can make any row of any account without making the others first. Inside `keyed_streams.keyed`, which
sealed worlds are made in, names and mixing are keyed instead.

Bytes must not depend on the processor: numpy's exp, log and power differ between SIMD levels in the last bit.
Everything here is integer arithmetic, table look-up, or single IEEE operations (+, *, floor), which do not.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache, lru_cache
from statistics import NormalDist
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, F64, I32, I64, U64, Floats, Integers
from generator.rng import keyed_streams

T = TypeVar("T", bound=np.generic)

# Constants of SplitMix64.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STEPS = 65_536  # values of 16 bits, and rows of the tables that they look up


def key(*names: str | int) -> np.uint64:
    """Key of a stream with the given stable names.

    Parameters
    ----------
    *names : str or int
        Names of the stream, from the widest to the narrowest.

    Examples
    --------
    >>> int(key("world", 7))
    11255370076959670677
    """
    return _key("\x1f".join(str(n) for n in names), keyed_streams.blake())


@lru_cache(maxsize=1024)
def _key(text: str, secret_key: bytes) -> np.uint64:
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=secret_key).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def mix(x: U64) -> U64:
    """SplitMix64 finaliser: a bijection on 64 bits whose outputs look independent.

    Parameters
    ----------
    x : ndarray of uint64
        Numbers. In a sealed world the result depends on its secret, see `keyed_streams.mix`.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    state = keyed_streams.words()
    if state is not None:
        return keyed_streams.mix(x, state)
    shifted = x >> np.uint64(30)
    x = x ^ shifted
    x *= _M1
    x ^= np.right_shift(x, np.uint64(27), out=shifted)
    x *= _M2
    x ^= np.right_shift(x, np.uint64(31), out=shifted)
    return x


def child(keys: U64, purpose: str) -> U64:
    """One stream per key for a named purpose; streams of different purposes are independent.

    Parameters
    ----------
    keys : ndarray of uint64
        Streams.
    purpose : str
        Stable name of what the draws are for.

    Examples
    --------
    >>> days = child(np.array([key("world", 7)]), "days")
    >>> bool((days == child(np.array([key("world", 7)]), "hours")).any())
    False
    """
    return mix(keys ^ key("purpose", purpose))


def items(keys: U64, index: Integers) -> U64:
    """Stream of a numbered member of each key.

    Parameters
    ----------
    keys : ndarray of uint64
        Streams; broadcasts with `index`.
    index : ndarray of int
        Number of the member, from 0.
    """
    steps = index.astype(np.uint64)
    steps += np.uint64(1)
    steps *= _GOLDEN
    return mix(keys + steps)


def halves(bits: U64, part: int) -> npt.NDArray[np.uint16]:
    """16 of the 64 bits; parts 0 to 3 of one draw are independent of each other.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.

    Examples
    --------
    >>> halves(np.array([0x0004_0003_0002_0001], np.uint64), 2).tolist()
    [3]
    """
    return (bits >> np.uint64(16 * part)).astype(np.uint16)


def uniform(bits: U64, part: int = 0) -> F32:
    """Uniform on (0, 1), 65,536 steps, from 16 of the 64 bits.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.

    Examples
    --------
    >>> (uniform(np.array([0, 0x8000], np.uint64)) * 65_536).tolist()
    [0.5, 32768.5]
    """
    u = halves(bits, part).astype(np.float32)
    u += np.float32(0.5)
    u *= np.float32(1 / _STEPS)
    return u


def uniform_wide(bits: U64) -> F64:
    """Uniform on [0, 1) with 2^-53 steps.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    """
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(bits: U64, n: Integers | int) -> I64:
    """Whole numbers 0 to n - 1, from the upper 32 bits.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    n : ndarray of int or int
        How many numbers there are, up to 2^31; broadcasts with `bits`.

    Examples
    --------
    >>> below(np.array([0, 2**63, 2**64 - 1], np.uint64), 10).tolist()
    [0, 5, 9]
    """
    high = (bits >> np.uint64(32)) * np.asarray(n).astype(np.uint64)
    high >>= np.uint64(32)
    return high.view(np.int64)


def normal(bits: U64, part: int = 0) -> F32:
    """Standard normal, 65,536 quantiles, from 16 of the 64 bits.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.
    """
    return _looked_up(_NORMAL, bits, part)


def exponential(bits: U64, part: int = 0) -> F32:
    """Standard exponential, 65,536 quantiles, from 16 of the 64 bits.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.
    """
    return _looked_up(_EXPONENTIAL, bits, part)


def log_exponential(bits: U64, part: int = 0) -> F32:
    """Logarithm of a standard exponential: times 1 / c it is the logarithm of a Weibull variable of shape c.

    Parameters
    ----------
    bits : ndarray of uint64
        One draw each.
    part : int
        Which 16 of the 64 bits, 0 to 3.
    """
    return _looked_up(_LOG_EXPONENTIAL, bits, part)


def pick(bits: U64, weights: Floats, part: int = 0) -> I32:
    """Index drawn with the given weights.

    Parameters
    ----------
    bits : ndarray of uint64, shape (n,)
        One draw each.
    weights : ndarray of float
        Shape (choices,): weights shared by all. Shape (n, choices): shares of each as `cumulated` gives them.
    part : int
        Which 16 of the 64 bits, 0 to 3.

    Examples
    --------
    >>> pick(np.array([0, 0x8000, 0xFFFF], np.uint64), np.array([1.0, 1.0, 2.0])).tolist()
    [0, 2, 2]
    """
    if weights.ndim == 1:
        return _looked_up(_choices(weights.tobytes(), weights.dtype.str), bits, part)
    u = uniform(bits, part)
    rank = np.zeros(len(u), np.int32)
    for column in range(weights.shape[1] - 1):
        rank += u >= weights[:, column]
    return rank


def cumulated(weights: Floats) -> F32:
    """Cumulated shares of each row, as `pick` takes them.

    Parameters
    ----------
    weights : ndarray of float, shape (n, choices)
        Not all 0 in a row.

    Examples
    --------
    >>> cumulated(np.array([[1.0, 1.0, 2.0]])).tolist()
    [[0.25, 0.5, 1.0]]
    """
    return np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1).astype(np.float32)


def _looked_up(table: npt.NDArray[T], bits: U64, part: int) -> npt.NDArray[T]:
    """Entry of a table of 65,536 that 16 of the 64 bits stand for."""
    index = bits >> np.uint64(16 * part)
    index &= np.uint64(_STEPS - 1)
    return table.take(index.view(np.int64))


@cache
def _choices(buffer: bytes, dtype: str) -> I32:
    """What `pick` draws by the weights in a buffer, for each of the 65,536 uniforms."""
    weights = np.frombuffer(buffer, dtype)
    edges = np.cumsum(weights / weights.sum()).astype(np.float32)
    every = uniform(np.arange(_STEPS, dtype=np.uint64))
    return np.minimum(np.searchsorted(edges, every, side="right"), len(weights) - 1).astype(np.int32)


_INVERSE = NormalDist().inv_cdf
# Rounded far above the last bit, so that a different C library gives the same table.
_UPPER = np.array([round(_INVERSE((i + 0.5) / _STEPS), 6) for i in range(_STEPS // 2, _STEPS)], np.float32)
_NORMAL = np.concatenate([-_UPPER[::-1], _UPPER])
_EXPONENTIAL = np.array([round(-math.log1p(-(i + 0.5) / _STEPS), 6) for i in range(_STEPS)], np.float32)
_LOG_EXPONENTIAL = np.array(
    [round(math.log(-math.log1p(-(i + 0.5) / _STEPS)), 6) for i in range(_STEPS)], np.float32
)
NORMAL8 = np.array([round(_INVERSE((i + 0.5) / 256) * 32) for i in range(256)], np.int16)
"""Standard normal times 32 for each byte: enough for an int8 embedding."""
