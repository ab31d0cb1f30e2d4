"""Geometry of texts: SimHash of their word shingles, distances of pairs; that of real prompts from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from generator.arrays import F32, I64, U64
from generator.errors import UserError

_SHINGLE = 3  # words
_CHUNK = 2_000  # texts whose shingles' bits are in memory at a time


def simhash(texts: list[str], seed: int = 0) -> U64:
    """64-bit SimHash of each text's shingles of three words, as Charikar has it.

    Parameters
    ----------
    texts : list of str
        The texts. Writing without spaces is cut into characters.
    seed : int
        Of the hashes of words: sketches of other seeds have nothing in common.

    Source: Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002.
    """
    return np.concatenate(
        [_simhash(texts[i : i + _CHUNK], seed) for i in range(0, len(texts), _CHUNK)] or [np.zeros(0, np.uint64)]
    )


def words_of(texts: list[str]) -> pl.Series:
    """Words of each text in small letters; writing without spaces is cut into characters.

    Parameters
    ----------
    texts : list of str
        The texts.

    Returns
    -------
    polars.Series
        A list of words each; one empty word for a text without any.
    """
    pattern = r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\s\p{P}\p{Han}\p{Hiragana}\p{Katakana}]+"
    found = pl.Series("text", texts, dtype=pl.String).str.to_lowercase().str.extract_all(pattern).to_frame()
    return found.select(pl.when(pl.col("text").list.len() > 0).then("text").otherwise([""])).to_series()


def _simhash(texts: list[str], seed: int) -> U64:
    words = words_of(texts)
    length = words.list.len().to_numpy().astype(np.int64)
    word = words.explode().hash(seed=seed).to_numpy()
    text = np.repeat(np.arange(len(texts)), length)
    last = np.cumsum(length)[text] - 1
    at = np.arange(len(word))
    shingle = word.copy()
    for k in range(1, _SHINGLE):
        shingle = _mixed(shingle) + np.where(at + k <= last, word[np.minimum(at + k, len(word) - 1)], 0)
    whole = (at + _SHINGLE - 1 <= last) | (at == np.cumsum(length)[text] - length[text])
    bits = np.unpackbits(_mixed(shingle)[whole].view(np.uint8).reshape(-1, 8), axis=1).astype(np.int32) * 2 - 1
    first = np.searchsorted(text[whole], np.arange(len(texts)))
    sums = np.add.reduceat(bits, first, axis=0)
    return np.packbits(sums > 0, axis=1).view(np.uint64)[:, 0]


def _mixed(x: U64) -> U64:
    """Finalizer of MurmurHash3 (public domain)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return x ^ (x >> np.uint64(33))


def hamming(a: U64, b: U64) -> I64:
    """Bits in which sketches differ.

    Parameters
    ----------
    a, b : ndarray of uint64, shape (pairs,)
        Sketches of both prompts of each pair.
    """
    return np.asarray(np.bitwise_count(a ^ b), np.int64)


def cosine(a: F32, b: F32) -> F32:
    """Cosine of vectors.

    Parameters
    ----------
    a, b : ndarray of float32, shape (pairs, dimensions)
        Vectors of both prompts of each pair.
    """
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(norm, 1e-9), np.float32)


def read_reference(path: Path) -> dict[str, Any]:
    """Geometry of real prompts, by relation.

    Parameters
    ----------
    path : Path
        JSON with `quantiles` and, by relation, quantiles of distances.

    Raises
    ------
    UserError
        If it is no such file.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        shares = document["quantiles"]
        relations = {
            str(name): {str(k): dict(zip(shares, q, strict=True)) for k, q in of.items()}
            for name, of in document["relations"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no geometry of prompts (JSON with quantiles and relations): {error}") from error
    return relations
