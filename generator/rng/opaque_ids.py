"""Ids that tell nothing: keyed hashes of the streams of what they name, and a keyed permutation of numbers.

No id is above 2^53: pandas and Hugging Face `datasets` turn whole numbers that may be null into floats, and floats
hold no larger ones exactly.
"""

from __future__ import annotations

import numpy as np

from generator.arrays import I32, I64, U64
from generator.rng import streams

BITS = 53
"""Of an id: whole numbers below 2^53 are exact as IEEE doubles."""
ATTEMPTS = 4
"""Most attempts at one request, the first included; each has an id of its own."""
_ACCOUNT_BITS = 24  # 16.8 million accounts of 134 million requests each: more than a config may ask for
_LOW = BITS // 2  # bits of the lower half that the permutation works on
_HALF_ROUNDS = 4  # of the Feistel network; source: Luby and Rackoff, SIAM J. Comput. 17(2), 1988


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


def opaque53(keys: U64) -> I64:
    """Opaque non-negative 53-bit numbers: hashes, so n of them hold n^2 / 2^54 pairs that are equal by chance.

    That is one pair in 134 million ids, and 8 among the 375 million requests of the scenario `headline`, where two
    conversations, end users or prompts then look like one. Requests must not: see `request_ids`.

    Parameters
    ----------
    keys : ndarray of uint64
        Stream of what each names.

    Examples
    --------
    >>> opaque53(np.array([1, 2], np.uint64)).tolist()
    [3045933958955360, 7734270049600866]
    """
    return (streams.mix(keys) >> np.uint64(64 - BITS)).astype(np.int64)


def request_ids(root: U64, account: I64, serial: I64, attempt: I64) -> I64:
    """Opaque ids of attempts at requests, no two alike in a world: they are numbered, and the numbers permuted.

    Parameters
    ----------
    root : ndarray of uint64, shape (1,)
        Key of the world; each has a permutation of its own.
    account : ndarray of int64, shape (n,)
        Account that made each request, by number in the plan.
    serial : ndarray of int64, shape (n,)
        Number of the request among all that its account makes.
    attempt : ndarray of int64, shape (n,)
        Number of the attempt, from 0, below `ATTEMPTS`.

    Raises
    ------
    OverflowError
        If there are more accounts, or requests of one, than ids.

    Examples
    --------
    >>> root, none = np.ones(1, np.uint64), np.zeros(3, np.int64)
    >>> ids = request_ids(root, np.arange(3), none, none)
    >>> len(set(ids.tolist())), bool(ids.max() < 2**53)
    (3, True)
    """
    sent = serial * ATTEMPTS + attempt
    most = int(account.max(initial=0)), int(sent.max(initial=0))
    if most[0] >> _ACCOUNT_BITS or most[1] >> (BITS - _ACCOUNT_BITS):
        raise OverflowError(
            f"{most[0]:,} accounts, or {most[1]:,} attempts of one, are more than ids have room for"
        )
    number = (sent << _ACCOUNT_BITS) | account
    return _permuted(number.astype(np.uint64), streams.child(root, "request id"))


def _permuted(number: U64, key: U64) -> I64:
    """One-to-one on numbers of 53 bits: each half in turn is altered by a keyed hash of the other."""
    low = number & np.uint64((1 << _LOW) - 1)
    high = number >> np.uint64(_LOW)
    keys = streams.items(key, np.arange(_HALF_ROUNDS))
    for k in range(0, _HALF_ROUNDS, 2):
        high ^= streams.mix(low ^ keys[k]) >> np.uint64(64 - (BITS - _LOW))
        low ^= streams.mix(high ^ keys[k + 1]) >> np.uint64(64 - _LOW)
    return ((high << np.uint64(_LOW)) | low).astype(np.int64)
