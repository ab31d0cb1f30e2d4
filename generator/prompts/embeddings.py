"""Embeddings of prompts: what a real encoder makes of what they are about, in 16 dimensions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generator.arrays import I8, I32, I64, U64
from generator.text.choices import item_choices

FILE = Path(__file__).parent / "phrase_vectors.npy"
"""Vectors of the phrases that items are told with, made by `python -m benchmarks.fit_embeddings`."""


def prompt_embedding(item: U64, topic: I64, language: I32) -> I8:
    """Embedding of each prompt: the sum of the vectors of the six phrases that its item is told with.

    Parameters
    ----------
    item : ndarray of uint64, shape (requests,)
        Streams of the items.
    topic : ndarray of int64, shape (requests,)
        Their topics.
    language : ndarray of int32, shape (requests,)
        Their languages, index of `schema.LANGUAGES`.

    Returns
    -------
    ndarray of int8, shape (dimensions, requests)
        From -127 to 127.

    Source: the mean of token vectors is what static encoders make of a text (model2vec, WordLlama, MIT licence);
    the fit and its limits are in docs/text.md.
    """
    chosen = item_choices(item, topic, language)
    vectors = _vectors()
    total = vectors.take(chosen[:, 0], axis=0)
    for phrase in chosen.T[1:]:
        total += vectors.take(phrase, axis=0)
    return np.ascontiguousarray(np.clip(total, -127, 127, out=total).T).astype(np.int8)


@cache
def _vectors() -> npt.NDArray[np.int16]:
    return np.asarray(np.load(FILE), np.int16)
