"""What streams choose among the segments: known to the renderer and to sketches, which need no text."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from generator.arrays import F32, I32, I64, U64
from generator.rng import streams
from generator.schema import LANGUAGES
from generator.text.latents import ASPECTS, DOMAINS, ENTITIES, TOPICS, TOPICS_OF_DOMAIN

CHOSEN = 3  # entities and aspects that one item is told with
FIRST_ASPECT = len(LANGUAGES) * TOPICS * ENTITIES  # the segments begin with all entities, then all aspects
_ENTITIES = np.array(list(permutations(range(ENTITIES), CHOSEN)))
_ASPECTS = np.array(list(permutations(range(ASPECTS), CHOSEN)))


def item_choices(item: U64, topic: I64, language: I32) -> I64:
    """Segments that fill the slots e1 e2 e3 and a1 a2 a3 of an item's body, and nothing else does.

    Parameters
    ----------
    item : ndarray of uint64, shape (n,)
        Streams of the items.
    topic : ndarray of int64, shape (n,)
        Their topics, 0 to 191.
    language : ndarray of int32, shape (n,)
        Their languages, index of `LANGUAGES`.

    Returns
    -------
    ndarray of int64, shape (n, 6)
        Three different entities of the topic, then three aspects of its domain: rows of `Segments`.
    """
    entities = _ENTITIES[streams.below(streams.child(item, "entities"), len(_ENTITIES))]
    aspects = _ASPECTS[streams.below(streams.child(item, "aspects"), len(_ASPECTS))]
    tongue = language.astype(np.int64)
    entities += ((tongue * TOPICS + topic) * ENTITIES)[:, None]
    aspects += ((tongue * len(DOMAINS) + topic // TOPICS_OF_DOMAIN) * ASPECTS + FIRST_ASPECT)[:, None]
    return np.concatenate([entities, aspects], axis=1)


def template_choices(template: U64, task: I32, language: I32, fixed: F32) -> tuple[I64, I64]:
    """Segments of the scaffold that templates put around their items: instruction, lead-in, format, rules.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the templates; 0 has no scaffold.
    task : ndarray of int32, shape (n,)
        Index of `TASKS`.
    language : ndarray of int32, shape (n,)
        Index of `LANGUAGES`.
    fixed : ndarray of float32, shape (n,)
        Share of a prompt's words that the template fixes, 0-1: the more, the more rules.

    Returns
    -------
    offsets : ndarray of int64, shape (n + 1,)
        Where each template's segments begin.
    segments : ndarray of int64
        Rows of `Segments`.
    """
    raise NotImplementedError
