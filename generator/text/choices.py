"""What streams choose among the segments: known to the renderer and to sketches, which need no text."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from generator.arrays import F32, F64, I32, I64, U64
from generator.config.parameters import TOPICS, TOPICS_PER_DOMAIN
from generator.rng import streams
from generator.schema import LANGUAGES
from generator.text.latents import (
    ASPECTS,
    DOMAINS,
    ENTITIES,
    INSTRUCTIONS,
    QUESTIONS,
    TASKS,
)
from generator.text.segments import WORD, Segments, segments

NONE = -1  # no frame
LEAD_IN, FORMAT = 1, 2  # columns of a scaffold, after the instruction
MOST_RULES, MOST_FIELDS = 6, 6
RULES, FIELDS = slice(3, 3 + MOST_RULES), slice(3 + MOST_RULES, 3 + MOST_RULES + MOST_FIELDS)
_SCAFFOLD = FIELDS.stop
# In which order a scaffold's parts are added: instruction, lead-in, most fields, then rules, format, other fields.
_ADDED = np.array([0, 1, 9, 10, 11, 12, 13, 3, 14, 2, 4, 5, 6, 7, 8])
_LEAD_INS, _FORMATS, _FORMS = 0.7, 0.5, 0.9  # share of templates that have room for them and use them (a)
_TYPICAL = 90  # words of a prompt, median of 95 public templates on real work items
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
    aspects += ((tongue * len(DOMAINS) + topic // TOPICS_PER_DOMAIN) * ASPECTS + FIRST_ASPECT)[:, None]
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
    """Segments of the scaffold that templates put around their items: instruction, lead-in, format, rules, fields.

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
    return offsets, table.codes[table.starts[frames[kept]]].astype(np.int64)  # the first is all that is fixed


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
    ndarray of int64, shape (n, 3 + MOST_RULES + MOST_FIELDS)
        Frames of instruction, lead-in, format, rules and fields; `NONE` for those that a template does without.
    """
    bits = streams.child(template, "scaffold")
    tongue = language.astype(np.int64)
    frames = np.empty((len(template), _SCAFFOLD), np.int64)
    frames[:, 0] = of_tasks("instructions", table)[task, tongue] + instruction_places(template)
    for section, columns, most in (
        ("lead_ins", slice(LEAD_IN, LEAD_IN + 1), 1),
        ("formats", slice(FORMAT, FORMAT + 1), 1),
        ("rules", RULES, MOST_RULES),
    ):
        order = shuffled(streams.child(template, section), table.sizes[section][tongue], most)
        frames[:, columns] = table.first[section][tongue][:, None] + order
    # The list of fields says each slot twice, in other words: one of both is taken.
    form = streams.child(template, "fields")
    order = shuffled(form, np.full(len(form), MOST_FIELDS), MOST_FIELDS)
    order += MOST_FIELDS * streams.below(streams.items(form[:, None], np.arange(MOST_FIELDS)), 2)
    frames[:, FIELDS] = table.first["fields"][tongue][:, None] + order
    wanted = np.ones(frames.shape, np.bool_)
    wanted[:, LEAD_IN] = streams.uniform(bits, 0) < _LEAD_INS
    # What is made of the material has a form of its own.
    wanted[:, FORMAT] = (streams.uniform(bits, 1) < _FORMATS) & (task != TASKS.index("implement"))
    wanted[:, FIELDS] = (streams.uniform(bits, 2) < _FORMS)[:, None]
    words = np.where(wanted, table.frame_words[frames], 0)[:, _ADDED]
    before = np.cumsum(words, axis=1) - words
    # A part is added as long as at least half of it fits.
    room = fixed * np.float32(_TYPICAL * WORD) * spread(streams.child(template, "size"))
    fits = before + words // 2 <= room[:, None]
    fits[:, 0] = True
    wanted[:, _ADDED] &= fits
    return np.where(wanted, frames, NONE)


def spread(keys: U64) -> F64:
    """Length against the usual, 0.5 to 2 with the median 1.

    Parameters
    ----------
    keys : ndarray of uint64
        Streams.
    """
    u = streams.uniform(keys).astype(np.float64)
    return np.where(u < 0.5, 0.5 + u, 1 / (1.5 - u))


def of_tasks(section: str, table: Segments) -> I64:
    """First frame of a section of each task in each language, shape (tasks, languages).

    Parameters
    ----------
    section : str
        Name of a section that every task has.
    table : Segments
        What the frames belong to.
    """
    return np.stack([table.first[f"{task}.{section}"] for task in TASKS])


def shuffled(keys: U64, sizes: I64, most: int) -> I64:
    """The first of the numbers below each size in an order of each stream's own.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
        Streams.
    sizes : ndarray of int64, shape (n,)
        How many numbers there are; few different ones.
    most : int
        How many of them are taken.

    Returns
    -------
    ndarray of int64, shape (n, most)
    """
    order = np.empty((len(keys), most), np.int64)
    drawn = streams.below(keys, _ORDERS)
    for size in np.unique(sizes):
        rows = sizes == size
        order[rows] = _orders(int(size), most)[drawn[rows]]
    return order


@cache
def _orders(size: int, most: int) -> I64:
    """Some orders of the numbers below a size, the same in every world; streams draw which is taken."""
    draws = np.random.PCG64(size).random_raw(_ORDERS * size).reshape(_ORDERS, size)
    return np.argsort(draws, axis=1, kind="stable")[:, :most]
