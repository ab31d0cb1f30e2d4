"""Streams of a sealed world: every key and every draw is keyed by a secret of 256 bits.

The generator is open, and SplitMix64's finaliser can be run backwards: from an account's id to its stream, from
there to its cohort's. Under a secret the finaliser gives way to SipHash-1-3's rounds on one word, with all four
words of the state keyed, and names are hashed with BLAKE2's keyed mode. A stream's 64 bits then tell nothing to
who lacks the secret, and there is no shorter number to search for.

Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from generator.arrays import U64

BYTES = 32
"""Of a secret."""
_Words = tuple[np.uint64, np.uint64, np.uint64, np.uint64]
_SECRET: ContextVar[str] = ContextVar("secret", default="")
_WORDS: ContextVar[_Words | None] = ContextVar("words", default=None)
_LENGTH, _END = np.uint64(8 << 56), np.uint64(0xFF)  # of SipHash: a message of 8 bytes, and the mark of its end
_FINAL_ROUNDS = 3  # of SipHash-1-3


@contextmanager
def keyed(secret: str) -> Iterator[None]:
    """All streams inside are keyed by a secret.

    Parameters
    ----------
    secret : str
        64 hexadecimal digits; "" for an open world.

    Examples
    --------
    >>> from generator.rng import streams
    >>> with keyed("ab" * 32):
    ...     sealed = streams.key("world", 7)
    >>> bool(sealed == streams.key("world", 7))
    False
    """
    tokens = _SECRET.set(secret), _WORDS.set(_words(secret) if secret else None)
    try:
        yield
    finally:
        _WORDS.reset(tokens[1])
        _SECRET.reset(tokens[0])


def check_secret(secret: str) -> None:
    """Refuse to draw for a sealed world outside of `keyed`, or for an open one inside.

    Parameters
    ----------
    secret : str
        That of the world's config; "" for an open world.

    Raises
    ------
    RuntimeError
        The world would not be the one that was asked for.
    """
    if secret != _SECRET.get():
        raise RuntimeError(
            "a sealed world is drawn inside generator.rng.keyed_streams.keyed(config.secret), others outside"
        )


def words() -> _Words | None:
    """State that draws begin with; None outside of `keyed`."""
    return _WORDS.get()


def blake() -> bytes:
    """Key of BLAKE2 for names; empty outside of `keyed`."""
    return bytes.fromhex(_SECRET.get())


def derive(secret: str, *names: str) -> str:
    """Another secret of 256 bits; it tells nothing about the first.

    Parameters
    ----------
    secret : str
        64 hexadecimal digits.
    *names : str
        What the other is for.

    Examples
    --------
    >>> len(derive("ab" * 32, "draws"))
    64
    """
    text = "\x1f".join(("siphonbench derive", *names)).encode()
    return hashlib.blake2b(text, digest_size=BYTES, key=bytes.fromhex(secret)).hexdigest()


def mix(x: U64, state: _Words) -> U64:
    """64 bits that depend on each number and on the whole state, one to one with neither.

    Parameters
    ----------
    x : ndarray of uint64
        Numbers.
    state : tuple of numpy.uint64
        Four words of SipHash's state, see `words`.
    """
    v = _round((*state[:3], state[3] ^ x))
    v = _round((v[0] ^ x, v[1], v[2], v[3] ^ _LENGTH))
    v = (v[0] ^ _LENGTH, v[1], v[2] ^ _END, v[3])
    for _ in range(_FINAL_ROUNDS):
        v = _round(v)
    return np.asarray(v[0] ^ v[1] ^ v[2] ^ v[3])


def _round(v: tuple[U64 | np.uint64, ...]) -> tuple[U64, ...]:
    with np.errstate(over="ignore"):  # scalars of the state wrap around, as arrays do silently
        a, b, c, d = v
        a = a + b
        b = _turn(b, 13) ^ a
        a = _turn(a, 32)
        c = c + d
        d = _turn(d, 16) ^ c
        a = a + d
        d = _turn(d, 21) ^ a
        c = c + b
        b = _turn(b, 17) ^ c
        c = _turn(c, 32)
        return a, b, c, d


def _turn(x: U64 | np.uint64, bits: int) -> U64:
    return np.asarray((x << np.uint64(bits)) | (x >> np.uint64(64 - bits)))


def _words(secret: str) -> _Words:
    digest = bytes.fromhex(derive(secret, "draws"))
    a, b, c, d = (np.uint64(int.from_bytes(digest[i : i + 8], "little")) for i in range(0, BYTES, 8))
    return a, b, c, d
