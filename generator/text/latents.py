"""What a prompt is known by before it is a text: names of template, item, topic, language and author's style."""

from __future__ import annotations

from dataclasses import dataclass

from generator.arrays import F32, I32, I64, U64
from generator.config.parameters import COHORT_CHOICES
from generator.schema import LANGUAGES

DOMAINS = COHORT_CHOICES["domain"]
"""What prompts are about, at large; campaigns may aim at the first six, which read like anybody's work."""

TASKS = (
    "explain",
    "answer",
    "summarise",
    "classify",
    "extract",
    "rewrite",
    "translate",
    "grade",
    "compare",
    "plan",
    "implement",
    "review",
    "test",
    "brainstorm",
)
"""What a prompt asks for."""

CODES = (*LANGUAGES[:-1], "it")
"""Name of each language's grammar file; the language "other" is written in Italian."""

INSTRUCTIONS, QUESTIONS = 8, 10
"""Wordings of a template's first sentence, and of a free question, for each task in every language."""
MOST_WORDS, WORDS_PER_TOKEN = 240, 0.7
"""Words of a text, at most, and for each of its tokens (a)."""
LEAST_FIXED = 0.02
"""Share of a prompt's words that a template fixes at least: its instruction stands in every one."""
ENTITIES, ASPECTS = 8, 16
"""Entities of each topic and aspects of each domain, in every language."""


@dataclass
class PromptLatents:
    """Latent names of prompts; every array has one entry a prompt.

    Attributes
    ----------
    template : ndarray of uint64
        Stream of the template; 0: the author writes freely.
    domain : ndarray of int32
        Domain of the template, index of `DOMAINS`.
    task : ndarray of int32
        Task of the template or of the free question, index of `TASKS`.
    template_language : ndarray of int32
        Language of the template, index of `generator.schema.LANGUAGES`.
    fixed : ndarray of float32
        Share of the prompt's words that the template fixes, 0-1; one value a template.
    item : ndarray of uint64
        Stream of what the prompt is about; equal items give equal bodies.
    topic : ndarray of int64
        Topic of the item, 0 to 191.
    language : ndarray of int32
        Language of the item, index of `LANGUAGES`.
    kind : ndarray of int32
        Index of `generator.schema.KINDS`.
    turn : ndarray of int64
        0 for single calls and openings of sessions; later turns are follow-ups, of agents the results of tools.
    style : ndarray of uint64
        Stream of the author's habits.
    tokens : ndarray of int64
        Length of the prompt itself, tokens.
    """

    template: U64
    domain: I32
    task: I32
    template_language: I32
    fixed: F32
    item: U64
    topic: I64
    language: I32
    kind: I32
    turn: I64
    style: U64
    tokens: I64
