"""Fit the embeddings of prompts to a real encoder: vectors of the lexicon's phrases and of first sentences.

python -m benchmarks.fit_embeddings           # writes generator/prompts/embedding_vectors.npz; needs wordllama
python -m benchmarks.fit_embeddings --check   # only compares with the file that is there

The encoder's vector of a text is the mean of its tokens' vectors, so what a text is made of adds up. In each
language vectors are taken around its usual direction, and to the 16 principal axes of texts of one world. Then
those of other languages are turned so that their phrases lie where the English ones do: one encoder knows all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes

from generator.arrays import F32, I64, map_arrays
from generator.config import dataset_config
from generator.config.parameters import TOPICS
from generator.fidelity.content import encoder
from generator.prompts import embeddings
from generator.schema import EMBEDDING_DIMENSIONS, LANGUAGES
from generator.text import choices, segments
from generator.text.grammar import SLOT
from generator.text.latents import ASPECTS, DOMAINS, ENTITIES, INSTRUCTIONS, QUESTIONS, TASKS
from generator.text.render import render_prompts
from generator.traffic.quotas import plan_world
from generator.traffic.session_content import TECHNICAL
from generator.traffic.simulate import simulate

_STEP = 40  # steps of a phrase's vector, of its standard deviation in a dimension
_WORLD = "small", 4099  # preset and seed of the world whose texts give the axes
# Share taken out of what phrases have in common, and length of what questions do, in usual phrases: the median
# cosine of real prompts is -.04 with unrelated templates, and .10 of two people's own.
_COMMON, _ASKED = 0.6, 1.7
_TEXTS = 40  # of each of its accounts


def token_sums() -> tuple[F32, F32]:
    """Sums of the token vectors of phrases, and of openings without their slots; shape (n, 256) both."""
    lexicon, grammar = segments.check()
    of_all = (*lexicon.entities.values(), *lexicon.aspects.values())  # in the order of `choices.item_choices`
    frames = [
        SLOT.sub("", frame)
        for section in ("instructions", "questions")
        for task in TASKS
        for language in LANGUAGES
        for frame in grammar.sections[f"{task}.{section}", language]
    ]
    phrases = encoder.token_sums([phrase for words in of_all for place in words for phrase in place])
    return phrases, encoder.token_sums(frames)


def fitted() -> dict[str, npt.NDArray[Any]]:
    """Vectors of phrases and openings, see `embeddings.Vectors`."""
    phrases, openings = token_sums()
    parts = [np.zeros((len(table), EMBEDDING_DIMENSIONS)) for table in (phrases, openings)]
    for language, usual, axes in _spaces():
        rows = _phrases_of(language), _of_language(language)
        for part, table, at in zip(parts, (phrases, openings), rows, strict=True):
            part[at] = (table[at] - np.outer(table[at] @ usual, usual)) @ axes
        instructions, questions = np.split(rows[1], [len(TASKS) * INSTRUCTIONS])
        parts[1][instructions] -= parts[1][instructions].mean(axis=0)  # they have a manner of their own in common
        common = parts[1][questions].mean(axis=0)
        usual_phrase = np.linalg.norm(parts[0][rows[0]], axis=1).mean()
        parts[1][questions] += common * (_ASKED * usual_phrase / np.linalg.norm(common) - 1)
        parts[0][rows[0]] -= _COMMON * parts[0][rows[0]].mean(axis=0)
        turn = orthogonal_procrustes(parts[0][rows[0]], parts[0][_phrases_of(0)])[0]
        for part, at in zip(parts, rows, strict=True):
            part[at] = part[at] @ turn
    scale = _STEP / parts[0].std()
    nothing = np.zeros(EMBEDDING_DIMENSIONS)
    return {
        "phrases": np.rint(parts[0] * scale).astype(np.int16),
        "openings": np.rint(np.vstack([parts[1], nothing]) * scale).astype(np.float32),
    }


def _spaces() -> Iterator[tuple[int, F32, F32]]:
    """Of each language, English first: its texts' usual direction and their principal axes around it."""
    shard = simulate(plan_world(dataset_config.from_preset(*_WORLD), "train"), 0, texts=_TEXTS)
    latents = shard.texts.latents
    for language in range(len(LANGUAGES)):
        some = np.flatnonzero((latents.language == language) & (latents.turn == 0) & ~TECHNICAL[latents.kind])
        some = some[(latents.template_language[some] == language) | (latents.template[some] == 0)]
        vectors = encoder.encode(render_prompts(map_arrays(lambda x, at=some: x[at], latents)).to_pylist())
        usual = vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))
        spread = vectors - np.outer(vectors @ usual, usual)
        yield language, usual, np.linalg.eigh(spread.T @ spread)[1][:, ::-1][:, :EMBEDDING_DIMENSIONS]


def _phrases_of(language: int) -> I64:
    """Rows of a language's entities and aspects, in the order of `choices.item_choices`."""
    entities, aspects = TOPICS * ENTITIES, len(DOMAINS) * ASPECTS
    first = choices.FIRST_ASPECT + language * aspects
    return np.asarray(np.r_[language * entities : (language + 1) * entities, first : first + aspects])


def _of_language(language: int) -> I64:
    """Rows of a language's openings, in the order of `wordings`."""
    tasks = np.arange(len(TASKS))[:, None] * len(LANGUAGES) + language
    first = tasks * INSTRUCTIONS + np.arange(INSTRUCTIONS)
    then = len(TASKS) * len(LANGUAGES) * INSTRUCTIONS + tasks * QUESTIONS + np.arange(QUESTIONS)
    return np.concatenate([first.ravel(), then.ravel()])


def main() -> None:
    """Write the file, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="compare with the file that is there")
    vectors = fitted()
    if parser.parse_args().check:
        with np.load(embeddings.FILE) as old:
            off = max(float(np.abs(new.astype(float) - old[name]).max()) for name, new in vectors.items())
        print(f"largest difference: {off:g}")
        return
    np.savez_compressed(embeddings.FILE, **vectors)  # type: ignore[arg-type]
    print(f"{embeddings.FILE}: {embeddings.FILE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
