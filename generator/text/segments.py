"""All strings that texts are joined from, in one table, and the frames as lists of its rows and of slots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from generator.arrays import I32, I64
from generator.errors import UserError
from generator.schema import LANGUAGES
from generator.text.grammar import (
    ITEM_SLOTS,
    NAME_SLOTS,
    PROGRAMMING,
    SLOT,
    UNCASED,
    Grammar,
    all_sections,
    read_grammar,
)
from generator.text.lexicon import DATA, Lexicon, read_lexicon, read_tasks

WORD = 12
"""Parts of a word that lengths are counted in, so that they stay whole numbers."""
_CHARACTER = 7  # parts of a word that a Chinese, Japanese or Korean character counts for: .7 / 1.2 (a)
_CODE_CHARACTERS = 5  # characters of code that count as a word: 3.5 a token, .7 words a token (a)
NAMES = ("i1", "i2", "i3", "i4", "i5")
"""Slots of names in a prompt's code; a block comes with each of the `NAMINGS`, so that blocks differ."""
SLOTS = (*ITEM_SLOTS, *NAMES, "n")
NAMINGS = (("i1", "i2", "i3"), ("i4", "i2", "i5"), ("i5", "i3", "i1"))
PLAIN, SPACE, LINE, PARAGRAPH, BULLET = range(5)
"""What stands before a frame: nothing, the language's space, a new line, an empty line, a new line with a dash."""
_LEADING = ("", " ", "\n", "\n\n", "\n- ")
_UNSPACED = ("zh", "ja")
_BRIEF = {
    "en": "{e1}: what about {a1}?",
    "zh": "{e1}：{a1}怎么样？",
    "es": "{e1}: ¿y en cuanto a {a1}?",
    "de": "{e1}: Was gilt für {a1}?",
    "fr": "{e1} : et côté {a1} ?",
    "ja": "{e1}：{a1}はどうですか？",
    "pt": "{e1}: e quanto a {a1}?",
    "ko": "{e1}: {a1}에 대해 알려 주세요.",
    "ru": "{e1}: что можно сказать о теме «{a1}»?",
    "other": "{e1}: e per quanto riguarda {a1}?",
}
BRIEF, NOTE = "brief", "note"
"""Sections of one frame: all that a short prompt asks, and all that it works on."""
_NOTE = "{e1}: {a1}; {e2}: {a2}."
_NOTES = {"zh": "{e1}：{a1}；{e2}：{a2}。", "ja": "{e1}：{a1}、{e2}：{a2}。", "fr": "{e1} : {a1} ; {e2} : {a2}."}
DIGITS = 90  # numbers of two significant digits, 10 to 99
POWERS = 6  # and the powers of ten that they are given times
_MOST_FAULTS = 100


@dataclass(frozen=True, eq=False)
class Segments:
    """Table of strings, and of frames made of them.

    Attributes
    ----------
    text : pa.StringArray
        Entities of all languages, topics and places; aspects of all languages, domains and places; then the rest.
    words : ndarray of int32
        Length of each string, in parts (`WORD`) of a word.
    starts : ndarray of int64
        Where the codes of each frame begin in `codes`; one entry more than there are frames.
    codes : ndarray of int32
        Rows of the table, or ``-1 - i`` for the slot ``SLOTS[i]``.
    frame_words : ndarray of int32
        Length of each frame without its slots.
    slots : ndarray of int32, shape (len(SLOTS), frames)
        How often each slot stands in each frame.
    first : dict of str to ndarray of int64
        First frame of a section in each language; of "code" in each programming language.
    sizes : dict of str to ndarray of int64
        How many frames that section has there.
    plain : int
        Frames before they are repeated with every leading string: frame f after leading string k is f + k * plain.
    names, numbers : int
        Rows of the table where names in code and numbers begin.
    name_count : int
        How many names there are.
    """

    text: pa.StringArray
    words: I32
    starts: I64
    codes: I32
    frame_words: I32
    slots: I32
    first: dict[str, I64]
    sizes: dict[str, I64]
    plain: int
    names: int
    numbers: int
    name_count: int


class _Table:
    """Strings in order of their first use, and their lengths."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], int] = {}

    def row(self, text: str, parts: int) -> int:
        return self.rows.setdefault((text, parts), len(self.rows))


def length(text: str, language: str) -> int:
    """Length of a text in parts of a word.

    Parameters
    ----------
    text : str
        Part of a prompt.
    language : str
        One of `LANGUAGES`, or "code".

    Examples
    --------
    >>> length("idle connections, ", "en") / WORD
    2.0
    """
    if language == "code":
        return round(len(text.strip()) * WORD / _CODE_CHARACTERS)
    if language in UNCASED:
        return _CHARACTER * len(re.sub(r"\s", "", text))
    return WORD * sum(any(map(str.isalnum, word)) for word in text.split())


def check(folder: Path = DATA) -> tuple[Lexicon, Grammar]:
    """Lexicon and grammar of a folder.

    Parameters
    ----------
    folder : Path
        Holds `lexicon/`, `grammar/` and `tasks.toml`.

    Raises
    ------
    UserError
        All that is wrong with any of its files.
    """
    faults: list[str] = []
    lexicon = read_lexicon(folder, faults)
    grammar = read_grammar(folder, faults)
    read_tasks(folder, faults)
    if faults:
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise UserError(f"{folder}: mend these files of the text: {'; '.join(faults[:_MOST_FAULTS])}{more}")
    return lexicon, grammar


@cache
def segments() -> Segments:
    """Segments of the package's own lexicon and grammar."""
    return build(*check())


def build(lexicon: Lexicon, grammar: Grammar) -> Segments:
    """Segments of a lexicon and a grammar.

    Parameters
    ----------
    lexicon : Lexicon
        Without faults.
    grammar : Grammar
        Without faults.
    """
    # Entities and aspects may be equal strings, but each keeps a row of its own, so that choices need no look-up.
    texts: list[tuple[str, int]] = []
    for phrases in (lexicon.entities, lexicon.aspects):
        texts += [(p, length(p, language)) for language in LANGUAGES for row in phrases[language] for p in row]
    names = len(texts)
    texts += [(name, length(name, "code")) for name in grammar.identifiers]
    numbers = len(texts)
    texts += [(f"{digits * 10**power}", WORD) for power in range(POWERS) for digits in range(10, 10 + DIGITS)]
    frames, first, sizes = _listed(grammar)
    table = _Table()
    compiled = [_compile(table, len(texts), leading, *frame) for leading in _LEADING for frame in frames]
    texts += table.rows
    parts = np.array([parts for _, parts in texts], np.int32)
    sizes_of_frames = np.array([len(codes) for codes in compiled])
    codes = np.concatenate([np.array(codes, np.int32) for codes in compiled])
    owner = np.repeat(np.arange(len(compiled)), sizes_of_frames)
    slots = np.zeros((len(SLOTS), len(compiled)), np.int32)
    np.add.at(slots, (-1 - codes[codes < 0], owner[codes < 0]), 1)
    frame_words = np.zeros(len(compiled), np.int32)
    np.add.at(frame_words, owner[codes >= 0], parts[codes[codes >= 0]])
    return Segments(
        text=pa.array([text for text, _ in texts], pa.string()),
        words=parts,
        starts=np.concatenate([[0], np.cumsum(sizes_of_frames)]),
        codes=codes,
        frame_words=frame_words,
        slots=slots,
        first=first,
        sizes=sizes,
        plain=len(frames),
        names=names,
        numbers=numbers,
        name_count=len(grammar.identifiers),
    )


def _listed(grammar: Grammar) -> tuple[list[tuple[str, str]], dict[str, I64], dict[str, I64]]:
    """All frames with their languages, and where each section begins in each language."""
    frames: list[tuple[str, str]] = []
    first: dict[str, I64] = {}
    sizes: dict[str, I64] = {}

    def add(section: str, lists: list[tuple[str, list[str]]]) -> None:
        sizes[section] = np.array([len(texts) for _, texts in lists])
        first[section] = len(frames) + np.concatenate([[0], np.cumsum(sizes[section])[:-1]])
        frames.extend((text, language) for language, texts in lists for text in texts)

    for section in all_sections():
        add(section, [(language, list(grammar.sections[section, language])) for language in LANGUAGES])
    add(BRIEF, [(language, [_BRIEF[language]]) for language in LANGUAGES])
    add(NOTE, [(language, [_NOTES.get(language, _NOTE)]) for language in LANGUAGES])
    # Code can be about anything that a page can be about.
    comments = [f"{mark} page on {{e1}}, section on {{a1}}" for mark in PROGRAMMING.values()]
    add("comments", [(language, [comment]) for comment in comments for language in LANGUAGES])
    add("code", [("code", _named(grammar.blocks[name])) for name in PROGRAMMING])
    add("tool_results", [("code", _named(grammar.tool_results))])
    return frames, first, sizes


def _named(texts: tuple[str, ...]) -> list[str]:
    """All texts with the first naming, then all with the next."""
    namings = [dict(zip(NAME_SLOTS, names, strict=True)) for names in NAMINGS]
    return ["".join(_renamed(SLOT.split(text), names)) for names in namings for text in texts]


def _renamed(pieces: list[str], names: dict[str, str]) -> list[str]:
    return [f"{{{names[piece]}}}" if place % 2 else piece for place, piece in enumerate(pieces)]


def _compile(table: _Table, before: int, leading: str, frame: str, language: str) -> list[int]:
    """Codes of a frame after a leading string."""
    leading = "" if leading == " " and language in _UNSPACED else leading
    codes = []
    for place, piece in enumerate(SLOT.split(leading + frame)):
        if place % 2:
            codes.append(-1 - SLOTS.index(piece))
        elif piece:
            codes.append(before + table.row(piece, length(piece, language)))
    return codes
