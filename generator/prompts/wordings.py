"""How prompts begin and how much follows: as far as their embeddings tell it, without any text."""

from __future__ import annotations

import numpy as np

from generator.arrays import F32, F64, I32, I64, U64
from generator.schema import LANGUAGES
from generator.text import choices
from generator.text.latents import INSTRUCTIONS, LEAST_FIXED, MOST_WORDS, QUESTIONS, TASKS, WORDS_PER_TOKEN

NOTHING = len(TASKS) * len(LANGUAGES) * (INSTRUCTIONS + QUESTIONS)
"""Row of what begins with neither an instruction nor a question: code, results of tools, later turns."""
_FIRST_QUESTION = len(TASKS) * len(LANGUAGES) * INSTRUCTIONS
_INSTRUCTION_WORDS, _QUESTION_WORDS = 17, 25  # usual length, a question's with its greeting


def manners(task: I32, language: I32) -> I64:
    """Number of each task in its language.

    Parameters
    ----------
    task, language : ndarray of int32, shape (n,)
        Index of `latents.TASKS` and of `schema.LANGUAGES`.
    """
    return task.astype(np.int64) * len(LANGUAGES) + language


def instructions(template: U64, task: I32, language: I32) -> I64:
    """Row of the instruction that each template begins with.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the templates.
    task, language : ndarray of int32, shape (n,)
        Index of `latents.TASKS` and of `schema.LANGUAGES`.
    """
    return manners(task, language) * INSTRUCTIONS + choices.instruction_places(template)


def questions(stream: U64, task: I32, language: I32) -> I64:
    """Row of the question that each free prompt asks.

    Parameters
    ----------
    stream : ndarray of uint64, shape (n,)
        Streams of the items at their turns, see `choices.turns`.
    task, language : ndarray of int32, shape (n,)
        Index of `latents.TASKS` and of `schema.LANGUAGES`.
    """
    return _FIRST_QUESTION + manners(task, language) * QUESTIONS + choices.question_places(stream)


def room(tokens: I64) -> F64:
    """Words that texts have at most.

    Parameters
    ----------
    tokens : ndarray of int64, shape (n,)
        Tokens of the prompts themselves.
    """
    return np.asarray(np.minimum(tokens * WORDS_PER_TOKEN, MOST_WORDS))


def material(fixed: F32) -> F32:
    """Usual words of material that a template is filled with, if there is room.

    Parameters
    ----------
    fixed : ndarray of float32, shape (n,)
        Share of a prompt's words that each template fixes.
    """
    share = np.maximum(fixed, np.float32(LEAST_FIXED))
    return np.asarray(_INSTRUCTION_WORDS * (1 - share) / share, np.float32)


def words(templated: F32, of_template: I64, stream: U64, tokens: I64) -> F32:
    """Words of material in each prompt, about.

    Parameters
    ----------
    templated : ndarray of float32, shape (uses,)
        See `material`.
    of_template : ndarray of int64, shape (n,)
        The use of a template that each prompt is; -1: it has none.
    stream : ndarray of uint64, shape (n,)
        Streams of the items at their turns.
    tokens : ndarray of int64, shape (n,)
        Tokens of the prompts themselves.
    """
    cap = room(tokens)
    free = (cap - _QUESTION_WORDS) * choices.backgrounds(stream)
    filled = np.minimum(cap - _INSTRUCTION_WORDS, templated.take(of_template))
    return np.asarray(np.maximum(np.where(of_template < 0, free, filled), 0), np.float32)
