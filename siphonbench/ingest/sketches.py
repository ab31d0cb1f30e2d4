"""What is kept of texts: SimHash, a hashed embedding, the language; without the key nobody can try a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from generator.arrays import I8, U64
from generator.fidelity.content import geometry
from generator.prompts.embeddings import LENGTH
from generator.schema import EMBEDDING_DIMENSIONS

_LONGEST = 20_000  # characters that a sketch looks at (a)
_FEWEST = 3  # words of an answer below which it has no fingerprint (a)
_PLAIN = 3  # letters; shorter words say nothing of what a text is about (a)
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_WORDS = {
    "en": "the and of to is in that for with this are you what how",
    "de": "der die das und ist nicht mit ein eine für auf wie den von",
    "fr": "le la les et est des une pour dans que qui avec sur du",
    "es": "el los las y es una para con por del que como en se",
    "pt": "o os as e é uma para com por do da que como em não",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def simhash(texts: Sequence[str], seed: int) -> U64:
    """SimHash of each text, never 0.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    seed : int
        Drawn from the key.
    """
    return geometry.simhash([t[:_LONGEST] for t in texts], seed) | np.uint64(1)


def fingerprints(answers: Sequence[str], seed: int) -> U64:
    """SimHash of each answer; 0 where it is too short to tell one from another.

    Parameters
    ----------
    answers : sequence of str
        The answers.
    seed : int
        Drawn from the key.
    """
    short = np.array([len(a.split(maxsplit=_FEWEST)) < _FEWEST and len(a) < 4 * _FEWEST for a in answers], bool)
    return np.where(short, np.uint64(0), simhash(answers, seed))


def embeddings(texts: Sequence[str], seed: int) -> I8:
    """Embedding of each text: the direction of the sum of its words' random vectors, longer words counting more.

    Texts that name the same things lie near each other, as in generated datasets; where they lie means nothing.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    seed : int
        Drawn from the key.

    Returns
    -------
    ndarray of int8, shape (texts, dimensions)
        From -127 to 127.

    Source: feature hashing, Weinberger et al., ICML 2009.
    """
    if not texts:
        return np.zeros((0, EMBEDDING_DIMENSIONS), np.int8)
    words = geometry.words_of([t[:_LONGEST] for t in texts])
    length = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode()
    letters = flat.str.len_chars().to_numpy().astype(np.float32)
    wide = flat.str.contains(r"^[\p{Han}\p{Hiragana}\p{Katakana}]$").to_numpy()
    weight = np.where(wide, np.float32(1), np.maximum(letters - _PLAIN, np.float32(0)))
    bits = np.unpackbits(flat.hash(seed=seed).to_numpy().view(np.uint8).reshape(-1, 8), axis=1)
    signs = bits[:, :EMBEDDING_DIMENSIONS].astype(np.float32) * 2 - 1
    total = np.add.reduceat(signs * weight[:, None], np.cumsum(length) - length, axis=0)
    total /= np.linalg.norm(total, axis=1, keepdims=True) + np.float32(1e-6)
    return np.clip(np.rint(total * LENGTH), -127, 127).astype(np.int8)


def language(text: str) -> str:
    """Language of a text, by its script or its commonest words; "other" if neither tells.

    Parameters
    ----------
    text : str
        The text.

    Examples
    --------
    >>> language("What is the sum of these?"), language("Wie ist das Wetter?"), language("なぜですか")
    ('en', 'de', 'ja')
    """
    start = text[:1000]
    for name, script in _SCRIPTS:
        if script.search(start):
            return name
    words = start.lower().split()
    hits = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    best = max(hits, key=lambda name: hits[name])
    return best if hits[best] else "other"
