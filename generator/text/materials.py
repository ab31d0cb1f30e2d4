"""What prompts work on: the notes, the block of code or the results of tools that belong to an item."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from generator.arrays import F64, I32, I64, U64
from generator.rng import streams
from generator.text.choices import NONE, shuffled
from generator.text.grammar import ITEM_SLOTS, PROGRAMMING
from generator.text.latents import CODES
from generator.text.segments import LINE, NAMINGS, NOTE, PARAGRAPH, SPACE, Segments

_RECORDS = np.float32(0.98)  # share of items that are told in short records, not in sentences (a)
MOST_SENTENCES = 20  # or lines, of one prompt
_ITEM = len(ITEM_SLOTS)
_ON_LINES = 0.25  # share of items whose sentences stand on a line each (a)


@dataclass
class Item:
    """What the material of n prompts depends on.

    Attributes
    ----------
    stream : ndarray of uint64, shape (n,)
        Streams of the items, at their turns.
    language : ndarray of int64, shape (n,)
        Index of `LANGUAGES`.
    fills : ndarray of int64, shape (n, len(SLOTS))
        Rows of `Segments` that fill the slots.
    room : ndarray of float64, shape (n,)
        Words, in parts, that the material may have.
    needed : bool
        Whether something must be there however little room there is.
    """

    stream: U64
    language: I64
    fills: I64
    room: F64
    needed: bool


def words_of(frames: I64, fills: I64, table: Segments) -> I32:
    """Length of filled frames, in parts of a word.

    Parameters
    ----------
    frames : ndarray of int64, shape (n, k)
        Frames.
    fills : ndarray of int64, shape (n, len(SLOTS))
        Rows of `Segments` that fill the slots; `NONE` in the columns of slots that do not occur.
    table : Segments
        What both belong to.
    """
    words = table.frame_words[frames]
    for times, rows in zip(table.slots, fills.T, strict=True):
        if len(rows) and rows[0] != NONE:
            words += times[frames] * table.words[rows][:, None]
    return words


def notes(item: Item, table: Segments) -> tuple[I64, I32]:
    """Sentences or short records about an item in its own order, as many as there is room for.

    Parameters
    ----------
    item : Item
        Of n prompts.
    table : Segments
        What the frames belong to.

    Returns
    -------
    frames : ndarray of int64, shape (n, `MOST_SENTENCES`)
        Frames, or `NONE`.
    words : ndarray of int32, shape (n,)
        Their length, in parts of a word.
    """
    records = streams.uniform(streams.child(item.stream, "records")) < _RECORDS
    of_language = [(table.first[s][item.language], table.sizes[s][item.language]) for s in ("records", "body")]
    first, sizes = (np.where(records, *both) for both in zip(*of_language, strict=True))
    frames = first[:, None] + shuffled(streams.child(item.stream, "body"), sizes, MOST_SENTENCES)
    on_lines = streams.uniform(streams.child(item.stream, "layout")) < _ON_LINES
    return _fitted(frames, table.first[NOTE][item.language], np.where(on_lines, LINE, SPACE), item, table)


def code(item: Item, table: Segments) -> tuple[I64, I32]:
    """Snippets in one programming language, one to three, after a comment that says what they are about.

    Parameters
    ----------
    item : Item
        Of n prompts.
    table : Segments
        What the frames belong to.

    Returns
    -------
    frames : ndarray of int64, shape (n, `MOST_SENTENCES`)
        Frames, or `NONE`.
    words : ndarray of int32, shape (n,)
        Their length, in parts of a word.
    """
    programming = streams.below(streams.child(item.stream, "programming"), len(PROGRAMMING))
    sizes = table.sizes["code"][programming] // len(NAMINGS)
    blocks = shuffled(streams.child(item.stream, "blocks"), sizes, len(NAMINGS))
    blocks += table.first["code"][programming][:, None] + sizes[:, None] * np.arange(len(NAMINGS))
    comment = table.first["comments"][programming * len(CODES) + item.language]
    frames = np.column_stack([comment, blocks])
    # The first snippet is there as long as at least half of it fits.
    whole = words_of(frames[:, :2], item.fills, table).sum(axis=1)
    room = np.where(item.room >= whole / 2, np.maximum(item.room, whole), item.room)
    frames, words = _fitted(frames, comment, np.full(len(frames), LINE), replace(item, room=room), table)
    frames[:, 2:] += np.where(frames[:, 2:] == NONE, 0, (PARAGRAPH - LINE) * table.plain)
    nothing = np.full((len(frames), MOST_SENTENCES - frames.shape[1]), NONE)
    return np.column_stack([frames, nothing]), words


def tool_results(item: Item, table: Segments) -> tuple[I64, I32]:
    """What an agent's tools returned, in an order of the item's own.

    Parameters
    ----------
    item : Item
        Of n prompts.
    table : Segments
        What the frames belong to.

    Returns
    -------
    frames : ndarray of int64, shape (n, `MOST_SENTENCES`)
        Frames, or `NONE`.
    words : ndarray of int32, shape (n,)
        Their length, in parts of a word.
    """
    sizes = np.full(len(item.stream), table.sizes["tool_results"][0])
    frames = table.first["tool_results"][0] + shuffled(
        streams.child(item.stream, "results"), sizes, MOST_SENTENCES
    )
    return _fitted(frames, frames[:, 0], np.full(len(frames), LINE), item, table)


def _fitted(frames: I64, brief: I64, leading: I64, item: Item, table: Segments) -> tuple[I64, I32]:
    """As many of the first frames as there is room for; if there must be one and none fits, the brief one."""
    words = words_of(frames, item.fills, table)
    fits = np.cumsum(words, axis=1) <= item.room[:, None]
    frames = np.where(fits, frames, NONE)
    if item.needed:
        frames[:, 0] = np.where(fits[:, 0], frames[:, 0], brief)
    led = np.where(frames == NONE, NONE, frames + leading[:, None] * table.plain)
    return led, np.where(fits, words, 0).sum(axis=1, dtype=np.int32)
