"""Embeddings of prompts: what a real encoder makes of what they ask and are about, in 16 dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, I8, I32, I64, U64, Mask
from generator.text.choices import item_choices

FILE = Path(__file__).parent / "embedding_vectors.npz"
"""Vectors of phrases and first sentences, made by `python -m benchmarks.fit_embeddings`."""
PHRASE_WEIGHTS = np.array([5, 4, 2, 5, 3, 2], np.int16)
"""How often a text names its item's phrases, e1 e2 e3 a1 a2 a3, in fifths of the first (rendered texts)."""
NAMED = np.float32(0.08)  # times that a word of material names the first phrase (rendered texts)
LENGTH = np.float32(110)
"""Of an embedding, in steps of its 255: encoders' vectors are of one length."""
_BRIEFEST = np.float32(8)  # words of material, where a prompt has neither an instruction nor a question


@dataclass(frozen=True)
class Vectors:
    """What embeddings add up.

    Attributes
    ----------
    phrases : ndarray of int16, shape (phrases, 16)
        Of entities and aspects, by the rows of `choices.item_choices`.
    openings : ndarray of float32, shape (openings, 16)
        Of instructions, questions and nothing, by the rows of `wordings`.
    """

    phrases: npt.NDArray[np.int16]
    openings: F32


def prompt_embedding(item: U64, topic: I64, language: I32, opening: I64, asked: Mask, words: F32) -> I8:
    """Embedding of each prompt: the direction of the sum of its first sentence and of its item's phrases.

    Parameters
    ----------
    item : ndarray of uint64, shape (requests,)
        Streams of the items.
    topic : ndarray of int64, shape (requests,)
        Their topics.
    language : ndarray of int32, shape (requests,)
        Their languages, index of `schema.LANGUAGES`.
    opening : ndarray of int64, shape (requests,)
        Row of the first sentence, see `wordings`.
    asked : ndarray of bool, shape (requests,)
        Whether it is a question, which names the item's first phrases itself.
    words : ndarray of float32, shape (requests,)
        Words of material behind it.

    Returns
    -------
    ndarray of int8, shape (dimensions, requests)
        From -127 to 127.

    Source: the mean of token vectors is what static encoders make of a text (model2vec, WordLlama, MIT licence);
    the fit and its limits are in docs/text.md.
    """
    vectors, chosen = _vectors(), item_choices(item, topic, language).T
    total = vectors.openings.take(opening, axis=0)
    first = vectors.phrases.take(chosen[0], axis=0) + vectors.phrases.take(chosen[3], axis=0)
    others = np.zeros_like(first)
    for at in (1, 2, 4, 5):
        phrase = vectors.phrases.take(chosen[at], axis=0)
        phrase *= PHRASE_WEIGHTS[at]
        others += phrase
    named = (NAMED / PHRASE_WEIGHTS[0]) * np.maximum(words, _BRIEFEST)
    total += others * named[:, None]
    total += first * (PHRASE_WEIGHTS[0] * named + asked)[:, None]
    total /= np.sqrt((total * total).sum(axis=1, keepdims=True)) + np.float32(1e-6)
    total *= LENGTH
    return np.ascontiguousarray(np.clip(np.rint(total, out=total), -127, 127, out=total).T).astype(np.int8)


@cache
def _vectors() -> Vectors:
    with np.load(FILE) as arrays:
        return Vectors(arrays["phrases"].astype(np.int16), arrays["openings"])
