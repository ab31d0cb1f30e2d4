"""From latent names to lists of segments: which frames a prompt is made of, in what order, and what fills them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask, map_arrays
from generator.rng import streams
from generator.schema import KINDS
from generator.text.choices import (
    FIELDS,
    FORMAT,
    LEAD_IN,
    MOST_FIELDS,
    MOST_RULES,
    NONE,
    RULES,
    backgrounds,
    item_choices,
    of_tasks,
    question_places,
    scaffold,
    shuffled,
    spread,
    turns,
)
from generator.text.grammar import ITEM_SLOTS
from generator.text.latents import LEAST_FIXED, MOST_WORDS, WORDS_PER_TOKEN, PromptLatents
from generator.text.materials import MOST_SENTENCES, Item, code, notes, tool_results, words_of
from generator.text.segments import (
    BRIEF,
    BULLET,
    DIGITS,
    LINE,
    NAMES,
    NOTE,
    PARAGRAPH,
    POWERS,
    SLOTS,
    SPACE,
    WORD,
    Segments,
)
from generator.text.style import habits
from generator.text.tasks import tasks_on_code

_ATTACHED_FROM = 1.5  # times the text's own tokens, from which on an attachment is spoken of
_LEAST_ATTACHED = 30  # tokens that an attachment has (a)
_SNIPPET = 30 * WORD  # of a comment and a snippet of code
# Shares of templates, of questions and of both with that layout (a).
_RULES_LAST, _BACKGROUND_FIRST, _LEAD_LINE = 0.25, 0.25, 0.6
_HEAD = 2 + MOST_RULES + MOST_FIELDS  # instruction, rules, format, fields
_NAMES, _NUMBER = slice(len(ITEM_SLOTS), len(ITEM_SLOTS) + len(NAMES)), SLOTS.index("n")
_CODE_KIND, _AGENT_KIND = KINDS.index("code"), KINDS.index("agent")
_JOINTS = np.array([SPACE, LINE, BULLET])  # before each rule of a template


@dataclass
class _Framing:
    """What stands around the material: frames, or `NONE`.

    Attributes
    ----------
    head, tail : ndarray of int64, shape (n, `_HEAD`)
        Before and after the material.
    lead : ndarray of int64, shape (n,)
        Announces the material.
    before : ndarray of int64, shape (n,)
        What leads the material in: `SPACE`, `LINE` or `PARAGRAPH`.
    words : ndarray of int64, shape (n,)
        Length of all of this, in parts of a word.
    room : ndarray of float64, shape (n,)
        Parts of a word that are left for the material.
    """

    head: I64
    tail: I64
    lead: I64
    before: I64
    words: I64
    room: F64


def typed(latents: PromptLatents) -> Mask:
    """Prompts that somebody types and that show the author's habits: no templates, no code, no results of tools.

    Parameters
    ----------
    latents : PromptLatents
        Of n prompts.
    """
    free: Mask = _forms(latents) == _FREE
    return free


def compose(latents: PromptLatents, table: Segments) -> tuple[I64, I64]:
    """Segments of each prompt.

    Parameters
    ----------
    latents : PromptLatents
        Of n prompts.
    table : Segments
        What the segments are rows of.

    Returns
    -------
    offsets : ndarray of int64, shape (n + 1,)
        Where each prompt's segments begin.
    segments : ndarray of int64
        Rows of the table.
    """
    n = len(latents.template)
    frames = np.full((n, 2 * _HEAD + MOST_SENTENCES + 2), NONE, np.int64)
    fills = np.full((n, len(SLOTS)), NONE)
    forms = _forms(latents)
    for number, (framing, material) in enumerate(_FORMS):
        rows = np.flatnonzero(forms == number)
        if len(rows):
            part = map_arrays(partial(np.take, indices=rows), latents)
            frames[rows], fills[rows] = _frames(part, table, framing, material)
    return expand(frames, fills, table)


def _forms(latents: PromptLatents) -> I64:
    """Index of `_FORMS`. Only a session's opening stands in its template; an editor puts all code into it."""
    is_code, opening = latents.kind == _CODE_KIND, latents.turn == 0
    templated = (latents.template != 0) & (opening | is_code)
    results = (latents.kind == _AGENT_KIND) & ~opening
    return np.where(templated, np.where(is_code, 1, 0), np.where(is_code, 3, np.where(results, 4, _FREE)))


def _frames(part: PromptLatents, table: Segments, framing: _Framer, material: _Materials) -> tuple[I64, I64]:
    """Frames of prompts of one form in the order of the text, and what fills their slots."""
    stream = turns(part.item, part.turn)
    language = part.language.astype(np.int64)
    fills = np.full((len(stream), len(SLOTS)), NONE)
    fills[:, : len(ITEM_SLOTS)] = item_choices(part.item, part.topic, part.language)
    if material is not notes:
        every = np.full(len(stream), table.name_count)
        fills[:, _NAMES] = table.names + shuffled(streams.child(stream, "names"), every, len(NAMES))
    cap = np.minimum(part.tokens * (WORDS_PER_TOKEN * WORD), MOST_WORDS * WORD)
    around = framing(part, table, stream, fills, cap)
    body, words = material(Item(stream, language, fills, around.room, needed=framing is not _asked), table)
    body[:, 0] = np.where(body[:, 0] == NONE, NONE, body[:, 0] % table.plain + around.before * table.plain)
    frames = np.column_stack([around.head, around.lead, body, around.tail, np.full(len(stream), NONE)])
    missing = _missing(part, around.words + words)
    power = np.searchsorted(10 ** np.arange(2, POWERS + 1), missing, side="right")
    digits = np.minimum(missing // 10**power, DIGITS + 9)
    fills[:, _NUMBER] = table.numbers + power * DIGITS + np.maximum(digits - 10, 0)
    attachment = _drawn("attachments", part.item, language, table) + PARAGRAPH * table.plain
    frames[:, -1] = np.where(missing >= _LEAST_ATTACHED, attachment, NONE)
    # Nothing stands before the first frame of a prompt.
    first = np.argmax(frames != NONE, axis=1)[:, None]
    np.put_along_axis(frames, first, np.take_along_axis(frames, first, axis=1) % table.plain, axis=1)
    return frames, fills


def _missing(part: PromptLatents, words: I64) -> I64:
    """Tokens that an attachment must have held, 0 if the text accounts for enough of them."""
    told = words / (WORDS_PER_TOKEN * WORD)
    return np.where(part.tokens > _ATTACHED_FROM * told, part.tokens - told, 0).astype(np.int64)


def _drawn(section: str, keys: U64, language: I64, table: Segments) -> I64:
    """A frame of a section for each stream."""
    return table.first[section][language] + streams.below(
        streams.child(keys, section), table.sizes[section][language]
    )


def _scaffolded(part: PromptLatents, table: Segments, stream: U64, fills: I64, cap: F64) -> _Framing:
    """A template's scaffold; as much room for the material as leaves it the template's share of the words."""
    is_code = part.kind == _CODE_KIND
    task = np.where(is_code, tasks_on_code(part.task), part.task)
    parts = scaffold(part.template, task, part.template_language, part.fixed, table)
    words = np.where(parts == NONE, 0, words_of(parts, fills, table))
    note = words_of(table.first[NOTE][part.language][:, None], fills, table)[:, 0]
    least = np.where(is_code, _SNIPPET, note)
    late = np.cumsum(words, axis=1) > (cap - least)[:, None]
    late[:, 0] = False
    parts[late], words[late] = NONE, 0
    total = words.sum(axis=1)
    own = np.where(parts == NONE, 0, table.frame_words[parts]).sum(axis=1)  # without what fills the fields
    fixed = np.maximum(part.fixed.astype(np.float64), LEAST_FIXED)
    others = own * (1 - fixed) / fixed * spread(streams.child(stream, "length"))
    # What is asked about code is asked about a snippet, even if that takes the text over its tokens.
    room = np.maximum(np.minimum(cap - total, others - (total - own)), np.where(is_code, _SNIPPET, 0))
    layout = streams.child(part.template, "layout")
    head, tail = _around(parts, layout, table)
    has_lead = parts[:, LEAD_IN] != NONE
    inline = (streams.uniform(layout, 1) >= _LEAD_LINE) & (part.template_language == part.language) & ~is_code
    return _Framing(
        head=head,
        tail=tail,
        lead=np.where(has_lead, parts[:, LEAD_IN] + PARAGRAPH * table.plain, NONE),
        before=np.where(has_lead, np.where(inline, SPACE, LINE), PARAGRAPH),
        words=total,
        room=room,
    )


def _around(parts: I64, layout: U64, table: Segments) -> tuple[I64, I64]:
    """Scaffolds before and after the material; an instruction speaks of what follows, so it stands before it."""
    joint = _JOINTS[streams.below(streams.child(layout, "joint"), len(_JOINTS))][:, None]
    joints = np.repeat(joint, _HEAD, axis=1)
    joints[:, [0]] = PARAGRAPH
    joints[:, [1 + MOST_RULES]] = np.where(joint == SPACE, SPACE, PARAGRAPH)
    joints[:, 2 + MOST_RULES :] = LINE
    block = np.concatenate([parts[:, [0]], parts[:, RULES], parts[:, [FORMAT]], parts[:, FIELDS]], axis=1)
    after = (block != NONE) & (streams.uniform(layout, 0) < _RULES_LAST)[:, None]
    after[:, 0] = False
    joints[after & (np.cumsum(after, axis=1) == 1)] = PARAGRAPH
    block = np.where(block == NONE, NONE, block + joints * table.plain)
    return np.where(after, NONE, block), np.where(after, block, NONE)


def _asked(part: PromptLatents, table: Segments, stream: U64, fills: I64, cap: F64) -> _Framing:
    """A question in somebody's own words, or what is said in a later turn; often with some background."""
    language, opening = part.language.astype(np.int64), part.turn == 0
    question = of_tasks("questions", table)[part.task, language] + question_places(stream)
    ask = np.where(opening, question, _drawn("follow_ups", stream, language, table))
    words = words_of(ask[:, None], fills, table)[:, 0].astype(np.int64)
    ask = np.where(words <= cap, ask, table.first[BRIEF][language])
    layout = streams.child(stream, "question")
    habit = habits(part.style)
    polite = opening & (words + 4 * WORD <= cap)
    head, tail = (np.full((len(ask), _HEAD), NONE) for _ in range(2))
    last = streams.uniform(layout, 1) < _BACKGROUND_FIRST
    greeting = _drawn("greetings", part.style, language, table)
    head[:, 0] = np.where(polite & habit.greets, greeting, NONE)
    head[:, 1] = np.where(last, NONE, ask + LINE * table.plain)
    tail[:, 0] = np.where(last, ask + LINE * table.plain, NONE)
    closing = _drawn("closings", part.style, language, table) + LINE * table.plain
    tail[:, 1] = np.where(polite & habit.closes, closing, NONE)
    return _Framing(
        head=head,
        tail=tail,
        lead=np.full(len(ask), NONE),
        before=np.where(last | (streams.uniform(layout, 2) >= _LEAD_LINE), PARAGRAPH, SPACE),
        words=words,
        room=(cap - words - 8 * WORD) * backgrounds(stream),
    )


def _bare(part: PromptLatents, table: Segments, stream: U64, fills: I64, cap: F64) -> _Framing:
    """Nothing around the material: what an editor or an agent sends."""
    nothing = np.full((len(stream), _HEAD), NONE)
    zero = np.zeros(len(stream), np.int64)
    return _Framing(nothing, nothing, nothing[:, 0], zero + LINE, zero, cap)


def expand(frames: I64, fills: I64, table: Segments) -> tuple[I64, I64]:
    """Segments of rows of frames whose slots are filled.

    Parameters
    ----------
    frames : ndarray of int64, shape (n, k)
        Frames, or `NONE`.
    fills : ndarray of int64, shape (n, len(SLOTS))
        Rows of the table that fill the slots.
    table : Segments
        What both belong to.

    Returns
    -------
    offsets : ndarray of int64, shape (n + 1,)
        Where each row's segments begin.
    segments : ndarray of int64
        Rows of the table.
    """
    kept = frames != NONE
    flat = frames[kept]
    begin = table.starts[flat]
    size = table.starts[flat + 1] - begin
    end = np.cumsum(size)
    place = np.arange(size.sum()) + np.repeat(begin - (end - size), size)
    codes = table.codes[place].astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    offsets = np.concatenate([[0], end])[ends]
    slots = np.flatnonzero(codes < 0)
    row = np.searchsorted(offsets, slots, side="right") - 1
    codes[slots] = fills[row, -1 - codes[slots]]
    return offsets, codes


_Framer = Callable[[PromptLatents, Segments, U64, I64, F64], _Framing]
_Materials = Callable[[Item, Segments], tuple[I64, I32]]
_FORMS: tuple[tuple[_Framer, _Materials], ...] = (
    (_scaffolded, notes),
    (_scaffolded, code),
    (_asked, notes),
    (_bare, code),
    (_bare, tool_results),
)
_FREE = 2
