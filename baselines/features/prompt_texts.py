"""Prompts as text: who wrote which, and hashed n-grams of their bytes, worked out many prompts at a time.

A text is a row of bytes in UTF-8: an n-gram of bytes is one of characters where these are Latin, and a third as
many where they are Chinese or Japanese, which need no words to be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from generator.arrays import I64, U8, U64
from generator.dataset import Split

FIELDS = ("prompts.day", "prompts.prompt")
_AT_ONCE = 1 << 13  # prompts hashed at once: bounds memory
BASE = 0x9E3779B97F4A7C15  # odd, bits well mixed: Knuth, TAOCP 3, 6.4 (golden ratio of 2^64)
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # finaliser of MurmurHash3 (Appleby, 2011)


def read_texts(split: Split, ids: pl.Series) -> pl.DataFrame:
    """Read the prompts of a split, each with its account.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    polars.DataFrame
        row (position in `ids`), day, text; sorted, so that names and order of requests play no part.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    prompts = split.prompts.polars().select(pl.col("account_id").cast(pl.String), "day", text="prompt")
    return prompts.collect().join(rows, on="account_id").select("row", "day", "text").sort("row", "day", "text")


def hashed_ngrams(texts: pl.Series, width: int, view: U8 | None = None) -> Iterator[tuple[int, int, U64, I64]]:
    """Hash the n-grams of texts, some thousand texts at a time.

    Parameters
    ----------
    texts : polars.Series of str
        Texts.
    width : int
        Bytes of an n-gram.
    view : ndarray of uint8, shape (256,), optional
        What each byte is read as; itself if left out.

    Yields
    ------
    start, stop : int
        Which texts these are.
    hashes : ndarray of uint64, shape (n-grams,)
        Hash of each n-gram, in the order of the texts.
    owner : ndarray of int64, shape (n-grams,)
        Text of each, counted from `start`.

    Examples
    --------
    Equal n-grams have equal hashes:

    >>> [(start, stop, hashes, owner)] = hashed_ngrams(pl.Series(["abab", "xab"]), width=2)
    >>> owner.tolist(), len(np.unique(hashes)), bool(hashes[0] == hashes[2] == hashes[4])
    ([0, 0, 0, 1, 1], 3, True)
    """
    for start in range(0, len(texts), _AT_ONCE):
        encoded = [text.encode() for text in texts[start : start + _AT_ONCE]]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        if view is not None:
            data = view[data]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        owner = np.repeat(np.arange(len(encoded)), lengths)
        hashes = _rolled(data, width)
        count = len(hashes)
        inside = owner[:count] == owner[width - 1 :][:count]
        yield start, start + len(encoded), hashes[inside], owner[:count][inside]


def _rolled(data: U8, width: int) -> U64:
    """Hash of each run of `width` bytes; that of two side by side follows from theirs: lengths double."""
    total, length = np.zeros(max(0, len(data) - width + 1), np.uint64), 0
    power, size, base = data.astype(np.uint64), 1, BASE
    while True:
        if width & size:
            total = total * np.uint64(base) + power[length : length + len(total)]
            length += size
        if length == width:
            break
        power = power[:-size] * np.uint64(base) + power[size:]
        size, base = 2 * size, base * base % 2**64
    total ^= total >> np.uint64(33)
    total *= _MIX
    total ^= total >> np.uint64(33)
    return total
