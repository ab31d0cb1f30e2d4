"""What the provider's noisy classifier says of prompts. It reads topics, not intentions."""

from __future__ import annotations

import numpy as np

from generator.arrays import I32, I64, U64
from generator.config.parameters import COHORT_CHOICES, TOPICS_PER_DOMAIN
from generator.rng import streams

STOP_CATEGORIES = ("capability_extraction", "machine_learning", "cyber", "other")
# Share of prompts that it flags, by the domain of their topic (a): it fires on what models are asked to be good
# at, and hardly notices style. With more, whoever sends more would be told by any.
_FLAGGED = {
    "coding": 0.0016,
    "agentic tool use": 0.002,
    "long-context reasoning": 0.0026,
    "rubric grading": 0.0022,
    "safety style": 0.0004,
    "domain reasoning": 0.0024,
}
_USUALLY = 0.0012  # in other domains (a)
_FLAGGED_BY_TOPIC = np.repeat(
    np.array([_FLAGGED.get(d, _USUALLY) for d in COHORT_CHOICES["domain"]], np.float32), TOPICS_PER_DOMAIN
)
_FITTING_FLAG = np.float32(0.4)  # share of flags that name one of the first two categories (a)


def stop_category(topic: I64, bits: U64) -> I32:
    """Category that each prompt is flagged with.

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
