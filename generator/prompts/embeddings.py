"""Embeddings of prompts: what they are about, in 16 dimensions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generator.arrays import I8, I64, U64
from generator.config.parameters import TOPICS
from generator.rng import keyed_streams, streams
from generator.schema import EMBEDDING_DIMENSIONS

_CENTRE_SIGMA = 10  # of a topic's centre in each dimension, in steps of the embedding (a)
_NOISE_SHIFT = 5  # `streams.NORMAL8` is a standard normal times 2^5


def prompt_embedding(item: U64, topic: I64, width: npt.NDArray[np.int16]) -> I8:
    """Prompt embedding: centre of the topic plus the item's own noise.

    Returns
    -------
    ndarray of int8, shape (dimensions, requests)
        From -127 to 127.
    """
    word = streams.child(item, "embedding")
    draws = np.stack([word, streams.mix(word + np.uint64(1))], axis=1).view(np.uint8)
    result = np.empty((EMBEDDING_DIMENSIONS, len(word)), np.int8)
    for i, (centre, draw) in enumerate(zip(_centres(), np.ascontiguousarray(draws.T), strict=True)):
        noise = streams.NORMAL8.take(draw)
        noise *= width
        noise >>= _NOISE_SHIFT
        noise += centre.take(topic)
        result[i] = np.clip(noise, -127, 127, out=noise)
    return result


def _centres() -> npt.NDArray[np.int16]:
    """Centres of the topics, shape (dimensions, topics): the same in every world, as meanings are."""
    with keyed_streams.keyed(""):
        keys = streams.items(
            streams.items(np.full(1, streams.key("topics")), np.arange(TOPICS))[None, :],
            np.arange(EMBEDDING_DIMENSIONS)[:, None],
        )
    return np.round(streams.normal(keys) * _CENTRE_SIGMA).astype(np.int16)
