"""What the provider's index keeps of prompts and answers: SimHash sketches, embeddings, hashes, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.arrays import I8, I32, I64, U64
from generator.config.parameters import COHORT_CHOICES
from generator.rng import keyed_streams, opaque_ids, streams
from generator.schema import EMBEDDING_DIMENSIONS
from generator.traffic.content import TOPICS

if TYPE_CHECKING:
    from generator.traffic.content import PromptItems, SessionContent
    from generator.workloads.batch import RequestBatch

STOP_CATEGORIES = ("capability_extraction", "machine_learning", "cyber", "other")
# Share of prompts that the provider's noisy classifier flags, by the domain of their topic (a): it fires on what
# models are asked to be good at, and hardly notices style. With more, whoever sends more would be told by any.
_FLAGGED = {
    "coding": 0.0016,
    "agentic tool use": 0.002,
    "long-context reasoning": 0.0026,
    "rubric grading": 0.0022,
    "safety style": 0.0004,
    "domain reasoning": 0.0024,
}
_DOMAINS = COHORT_CHOICES["domain"]
_FLAGGED_BY_TOPIC = np.repeat(np.array([_FLAGGED[d] for d in _DOMAINS], np.float32), TOPICS // len(_DOMAINS))
_FITTING_FLAG = np.float32(0.4)  # share of flags that name one of the first two categories (a)
_COMMON_WIDTH = 6  # SD of the embedding of what a cohort's list holds, in its steps (a)
_CENTRE_SIGMA = 10  # of a topic's centre in each dimension, in steps of the embedding (a)
_NOISE_SHIFT = 5  # `streams.NORMAL8` is a standard normal times 2^5
# An answer's sketch differs from the usual one by about two of 64 bits: 1/16 times 8/16 of them (a).
_ALTERED = np.uint64(1), np.uint64(8)


def prompt_simhash(batch: RequestBatch, content: SessionContent, items: PromptItems) -> U64:
    """64-bit SimHash of each prompt: its template's, some bits flipped by the item; the item's without one.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    content : SessionContent
        Content of their sessions.
    items : PromptItems
        What each is about.
    """
    per_account = np.round(batch.accounts.dials["paraphrase"] / 4).astype(np.uint64)
    sixteenths = per_account[batch.sessions.account][batch.session]
    word = streams.child(items.key, "simhash")
    base = streams.child(content.template, "simhash")[batch.session]
    alone = items.check | ~content.templated[batch.session]
    return np.where(alone, streams.mix(word), base ^ _flips(word, sixteenths))


def response_simhash(item: U64, model: I32, key: U64) -> U64:
    """64-bit SimHash of each answer: that of the item and the model, with about two bits altered by chance.

    Parameters
    ----------
    item : ndarray of uint64, shape (requests,)
        Key of what each request is about.
    model : ndarray of int32, shape (requests,)
        Index into `provider.MODELS`.
    key : ndarray of uint64, shape (requests,)
        Stream of each request.
    """
    usual = streams.items(streams.child(item, "answer"), model)
    rare, half = _ALTERED
    sketch = usual ^ (_flips(streams.child(key, "answer"), rare) & _flips(streams.mix(key), half))
    return sketch | np.uint64(1)  # 0 stands for none


def _flips(word: U64, sixteenths: U64 | np.uint64) -> U64:
    """Masks of 64 bits, each set with probability sixteenths / 16."""
    mask = np.zeros(len(word), np.uint64)
    for bit in range(4):
        word = streams.mix(word + np.uint64(bit + 1))
        # All ones where the bit is set: then word | mask, else word & mask.
        ones = ((sixteenths >> np.uint64(bit)) & np.uint64(1)) * np.uint64(2**64 - 1)
        mask = (word & (mask | ones)) | (mask & ones)
    return mask


def prompt_embedding(batch: RequestBatch, items: PromptItems) -> I8:
    """Prompt embedding: centre of the topic plus the item's own noise.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    items : PromptItems
        What each is about.

    Returns
    -------
    ndarray of int8, shape (dimensions, requests)
        From -127 to 127.
    """
    width = batch.accounts.dials["topic_width"].astype(np.int16)[batch.account]
    width[items.common] = _COMMON_WIDTH
    word = streams.child(items.key, "embedding")
    draws = np.stack([word, streams.mix(word + np.uint64(1))], axis=1).view(np.uint8)
    result = np.empty((EMBEDDING_DIMENSIONS, len(word)), np.int8)
    for i, (centre, draw) in enumerate(zip(_centres(), np.ascontiguousarray(draws.T), strict=True)):
        noise = streams.NORMAL8.take(draw)
        noise *= width
        noise >>= _NOISE_SHIFT
        noise += centre.take(items.topic)
        result[i] = np.clip(noise, -127, 127, out=noise)
    return result


def system_prompt_hash(content: SessionContent) -> I64:
    """Hash of each session's system prompt.

    Parameters
    ----------
    content : SessionContent
        Content of the sessions.
    """
    return opaque_ids.opaque53(streams.child(content.template, "hash"))


def stop_category(topic: I64, bits: U64) -> I32:
    """What the provider's noisy classifier says of each prompt. It reads topics, not intentions.

    Parameters
    ----------
    topic : ndarray of int64, shape (requests,)
        What each is about.
    bits : ndarray of uint64, shape (requests,)
        One draw each.

    Returns
    -------
    ndarray of int32, shape (requests,)
        Index into `STOP_CATEGORIES`; -1: nothing.
    """
    coin = streams.halves(bits, 2).astype(np.int32) & 1
    which = np.where(streams.uniform(bits, 1) < _FITTING_FLAG, coin, 2 + coin)
    return np.where(streams.uniform(bits, 0) < _FLAGGED_BY_TOPIC[topic], which, -1).astype(np.int32)


def _centres() -> npt.NDArray[np.int16]:
    """Centres of the topics, shape (dimensions, topics): the same in every world, as meanings are."""
    with keyed_streams.keyed(""):
        keys = streams.items(
            streams.items(np.full(1, streams.key("topics")), np.arange(TOPICS))[None, :],
            np.arange(EMBEDDING_DIMENSIONS)[:, None],
        )
    return np.round(streams.normal(keys) * _CENTRE_SIGMA).astype(np.int16)
