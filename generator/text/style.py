"""Habits of authors, and what they do to finished texts: casing, stops, spaces, accents, misspelt words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.arrays import U64, Mask
from generator.rng import streams

_TIDY = 0.3  # share of authors, among them programs, without any habit (a)
_GREETING, _CLOSING = 0.25, 0.2  # shares of the others (a)
_LOWER, _UNSTOPPED, _DOUBLED, _UNACCENTED = 0.15, 0.3, 0.06, 0.12
_MISSPELLING = 0.4  # of having one of `_MISSPELT`, which happens once in a text at most
_MISSPELT = (
    ("because", "becuase"),
    ("which", "wich"),
    (" their ", " thier "),
    ("separate", "seperate"),
    ("should", "shoud"),
    ("about", "abuot"),
    (" the ", " teh "),
    ("colleague", "collegue"),
    ("although", "altough"),
    ("improve", "imporve"),
    (", ", " , "),
    (", ", ","),
)
_ACCENTS = tuple(zip("áàâãéèêíóôõúùûçñßü", [*"aaaaeeeiooouuucn", "ss", "ue"], strict=True))


@dataclass
class AuthorHabits:
    """What authors do; every array has one entry a prompt.

    Attributes
    ----------
    greets, closes : ndarray of bool
        Begin with a greeting; end with thanks.
    lower, unstopped, doubled, unaccented : ndarray of bool
        Write no capitals; leave out the last stop; put two spaces after a sentence; leave out accents.
    misspells : list of ndarray of bool
        Misspell each of some words; an author at most one.
    """

    greets: Mask
    closes: Mask
    lower: Mask
    unstopped: Mask
    doubled: Mask
    unaccented: Mask
    misspells: list[Mask]


def habits(style: U64) -> AuthorHabits:
    """Habits of each author.

    Parameters
    ----------
    style : ndarray of uint64, shape (n,)
        Streams of the authors' habits.
    """
    manners, forms, letters = (streams.child(style, name) for name in ("manners", "forms", "letters"))
    loose = streams.uniform(manners, 2) >= _TIDY

    def has(share: float, bits: U64, part: int) -> Mask:
        return loose & (streams.uniform(bits, part) < share)

    slip = np.where(
        has(_MISSPELLING, letters, 0), streams.below(streams.child(letters, "slip"), len(_MISSPELT)), -1
    )
    return AuthorHabits(
        greets=has(_GREETING, manners, 0),
        closes=has(_CLOSING, manners, 1),
        lower=has(_LOWER, forms, 0),
        unstopped=has(_UNSTOPPED, forms, 1),
        doubled=has(_DOUBLED, forms, 2),
        unaccented=has(_UNACCENTED, forms, 3),
        misspells=[slip == i for i in range(len(_MISSPELT))],
    )


def styled(text: pa.StringArray, style: U64, typed: Mask) -> pa.StringArray:
    """Texts as their authors would have typed them.

    Parameters
    ----------
    text : pa.StringArray, n strings
        Well-formed texts.
    style : ndarray of uint64, shape (n,)
        Streams of the authors' habits.
    typed : ndarray of bool, shape (n,)
        Which texts are typed by hand.
    """
    habit = habits(style)
    changes = [(habit.misspells[i], _replacement(_MISSPELT[i : i + 1], most=1)) for i in range(len(_MISSPELT))]
    changes += [
        (habit.unaccented, _replacement(_ACCENTS)),
        (habit.doubled, _replacement(((". ", ".  "),))),
        (habit.unstopped, lambda part: pc.utf8_rtrim(part, characters=".。")),
        (habit.lower, pc.utf8_lower),
    ]
    # Most texts stay as they are, so the others are taken out before they are changed one by one.
    rows = np.flatnonzero(typed & np.logical_or.reduce([mask for mask, _ in changes]))
    chosen = text.take(pa.array(rows))
    for mask, change in changes:
        chosen = _where(chosen, mask[rows], change)
    where = np.zeros(len(text), np.bool_)
    where[rows] = True
    return pc.replace_with_mask(text, pa.array(where), chosen)


def _replacement(
    pairs: tuple[tuple[str, str], ...], most: int | None = None
) -> Callable[[pa.StringArray], pa.StringArray]:
    def replaced(part: pa.StringArray) -> pa.StringArray:
        for old, new in pairs:
            part = pc.replace_substring(part, old, new, max_replacements=most)
        return part

    return replaced


def _where(text: pa.StringArray, mask: Mask, change: Callable[[pa.StringArray], pa.StringArray]) -> pa.StringArray:
    """Texts of which some are changed."""
    if not mask.any():
        return text
    chosen = pa.array(mask)
    return pc.replace_with_mask(text, chosen, change(text.filter(chosen)))
