"""Ids that tell nothing: keyed hashes of the streams of what they name."""

from __future__ import annotations

import numpy as np

from generator.arrays import I32, I64, U64
from generator.rng import streams


def opaque31(keys: U64) -> I32:
    """Opaque non-negative 31-bit numbers.

    Parameters
    ----------
    keys : ndarray of uint64
        Stream of what each names.

    Examples
    --------
    >>> opaque31(np.array([1, 2], np.uint64)).tolist()
    [726207246, 1843993675]
    """
    return (streams.mix(keys) >> np.uint64(33)).astype(np.int32)


def opaque63(keys: U64) -> I64:
    """Opaque non-negative 63-bit numbers.

    Parameters
    ----------
    keys : ndarray of uint64
        Stream of what each names.

    Examples
    --------
    >>> opaque63(np.array([1, 2], np.uint64)).tolist()
    [3119036373970289394, 7919892530791287365]
    """
    return (streams.mix(keys) >> np.uint64(1)).astype(np.int64)
