"""Fit the embeddings of prompts to a real encoder: one vector for each entity and aspect of the lexicon.

python -m benchmarks.fit_embeddings                  # writes generator/prompts/phrase_vectors.npy; needs wordllama
python -m benchmarks.fit_embeddings --check          # only compares with the file that is there

The encoder's vector of a text is the mean of its tokens' vectors. So what a prompt is about adds up: the
vectors of the six phrases that its item is told with. They are taken to 16 dimensions by the principal axes of
such sums, in each language around that language's mean; beside them stands a small part for the language itself.
"""

from __future__ import annotations

import argparse

import numpy as np

from generator.arrays import F32, I8
from generator.fidelity.content import encoder
from generator.prompts.embeddings import FILE
from generator.schema import EMBEDDING_DIMENSIONS, LANGUAGES
from generator.text import choices
from generator.text.latents import TOPICS
from generator.text.lexicon import DATA, read_lexicon

_ITEMS = 20_000  # drawn for each language
_SCALE = 8.5  # SD of a phrase's vector in each dimension, so that six seldom reach 127
_LANGUAGE_SHARE = 0.15  # of the variance of a prompt's embedding that its language makes (a)
_ENGLISH = 0.6  # weight of English among the languages, about its share of requests


def phrase_sums() -> F32:
    """Sum of the token vectors of each phrase of the lexicon, shape (phrases, 256)."""
    faults: list[str] = []
    lexicon = read_lexicon(DATA, faults)
    assert not [f for f in faults if "topics are" not in f], faults
    of_all = (*lexicon.entities.values(), *lexicon.aspects.values())  # in the order of `choices.item_choices`
    return encoder.token_sums([phrase for words in of_all for place in words for phrase in place])


def fitted() -> I8:
    """Vectors of the phrases, shape (phrases, 16)."""
    phrases = phrase_sums()
    rng = np.random.default_rng(0)
    key = rng.integers(0, 2**63, _ITEMS).astype(np.uint64)
    topic = rng.integers(0, TOPICS, _ITEMS)
    centred, second = np.zeros_like(phrases), np.zeros((phrases.shape[1],) * 2)
    language_of = np.empty(len(phrases), np.int64)
    for language, name in enumerate(LANGUAGES):
        chosen = choices.item_choices(key, topic, np.full(_ITEMS, language, np.int32))
        items = phrases[chosen].sum(axis=1)
        length = np.sqrt((items**2).sum(axis=1).mean())
        own = np.unique(chosen)
        language_of[own] = language
        centred[own] = (phrases[own] - items.mean(axis=0) / chosen.shape[1]) / length
        spread = centred[chosen].sum(axis=1)
        second += (_ENGLISH if name == "en" else (1 - _ENGLISH) / (len(LANGUAGES) - 1)) * spread.T @ spread
    axes = np.linalg.eigh(second)[1][:, ::-1][:, :EMBEDDING_DIMENSIONS]
    vectors = centred @ axes
    vectors *= _SCALE / vectors.std()
    tongue = rng.normal(size=(len(LANGUAGES), EMBEDDING_DIMENSIONS))
    spread = np.sqrt(6) * _SCALE * np.sqrt(_LANGUAGE_SHARE / (1 - _LANGUAGE_SHARE))
    vectors += (tongue * spread / 6)[language_of]
    return np.asarray(np.clip(np.rint(vectors), -127, 127), np.int8)


def main() -> None:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="compare with the file that is there")
    vectors = fitted()
    if parser.parse_args().check:
        print(f"largest difference: {int(np.abs(vectors.astype(int) - np.load(FILE).astype(int)).max())} of 127")
        return
    np.save(FILE, vectors)
    print(f"{FILE}: {vectors.shape[0]} phrases, {vectors.nbytes / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
