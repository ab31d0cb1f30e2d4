"""What streams choose among the segments: known to the renderer and to sketches, which need no text."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from generator.arrays import F32, F64, I32, I64, U64
from generator.rng import streams
from generator.schema import LANGUAGES
from generator.text.latents import (
    ASPECTS,
    DOMAINS,
    ENTITIES,
    INSTRUCTIONS,
    QUESTIONS,
    TASKS,
    TOPICS,
    TOPICS_OF_DOMAIN,
)
from generator.text.segments import WORD, Segments, segments

NONE = -1  # no frame
MOST_RULES = 6
_LEAD_INS, _FORMATS = 0.7, 0.6  # share of templates that have room for them and use one (a)
_TYPICAL = 140  # words of a prompt with a template, median of 190 public templates on real work items
_BARE = 0.3  # share of free questions without any background (a)
_ORDERS = 4096
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


def instruction_places(template: U64) -> I64:
    """Which of its task's instructions each template begins with.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the templates.
    """
    return streams.below(streams.child(template, "wording"), INSTRUCTIONS)


def question_places(stream: U64) -> I64:
    """Which of its task's questions each free prompt asks.

    Parameters
    ----------
    stream : ndarray of uint64, shape (n,)
        Streams of the items at their turns, see `turns`.
    """
    return streams.below(streams.child(stream, "wording"), QUESTIONS)


def turns(item: U64, turn: I64) -> U64:
    """Stream of each item at a turn of its conversation.

    Parameters
    ----------
    item : ndarray of uint64, shape (n,)
        Streams of the items.
    turn : ndarray of int64, shape (n,)
        Turns, 0 for openings and single calls.
    """
    return streams.items(streams.child(item, "turn"), turn)


def backgrounds(stream: U64) -> F64:
    """Share of its room that each free prompt fills with background; often none.

    Parameters
    ----------
    stream : ndarray of uint64, shape (n,)
        Streams of the items at their turns.
    """
    share = streams.uniform(streams.child(stream, "question"), 0).astype(np.float64)
    return np.where(share < _BARE, 0, share)


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
    table = segments()
    frames = scaffold(template, task, language, fixed, table)
    frames[template == 0] = NONE
    kept = frames != NONE
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    return offsets, table.codes[table.starts[frames[kept]]].astype(np.int64)  # these frames have one segment each


def scaffold(template: U64, task: I32, language: I32, fixed: F32, table: Segments) -> I64:
    """Frames of the scaffold of templates.

    Parameters
    ----------
    template, task, language, fixed : ndarray
        As `template_choices` takes them.
    table : Segments
        What the frames belong to.

    Returns
    -------
    ndarray of int64, shape (n, 3 + MOST_RULES)
        Frames of instruction, lead-in, format and rules; `NONE` for those that a template does without.
    """
    bits = streams.child(template, "scaffold")
    tongue = language.astype(np.int64)
    frames = np.empty((len(template), 3 + MOST_RULES), np.int64)
    frames[:, 0] = _instructions(table)[task, tongue] + instruction_places(template)
    for column, section in enumerate(("lead_ins", "formats"), 1):
        drawn = streams.child(template, section)
        frames[:, column] = table.first[section][tongue] + streams.below(drawn, table.sizes[section][0])
    rules = shuffled(streams.child(template, "rules"), int(table.sizes["rules"][0]))
    frames[:, 3:] = table.first["rules"][tongue][:, None] + rules[:, :MOST_RULES]
    wanted = np.ones(frames.shape, np.bool_)
    wanted[:, 1] = streams.uniform(bits, 0) < _LEAD_INS
    wanted[:, 2] = streams.uniform(bits, 1) < _FORMATS
    words = np.where(wanted, table.frame_words[frames], 0)
    before = np.cumsum(words, axis=1) - words
    # A part is added as long as at least half of it fits.
    wanted[:, 1:] &= (before + words // 2)[:, 1:] <= (fixed * np.float32(_TYPICAL * WORD))[:, None]
    return np.where(wanted, frames, NONE)


def shuffled(keys: U64, n: int) -> I64:
    """The numbers below n in an order of each stream's own.

    Parameters
    ----------
    keys : ndarray of uint64, shape (rows,)
        Streams.
    n : int
        How many numbers.
    """
    orders = _orders(n)
    return orders[streams.below(keys, len(orders))]


@cache
def _orders(n: int) -> I64:
    """Some orders of the numbers below n, the same in every world: which one is taken is what streams draw."""
    draws = np.random.PCG64(n).random_raw(_ORDERS * n).reshape(_ORDERS, n)
    return np.argsort(draws, axis=1, kind="stable")


@cache
def _instructions(table: Segments) -> I64:
    """First instruction of each task in each language."""
    return np.stack([table.first[f"{task}.instructions"] for task in TASKS])
