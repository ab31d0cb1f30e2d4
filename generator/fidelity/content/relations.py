"""Relations of two prompts: one template, one family of tasks, unrelated, two people's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.arrays import I64, Mask
from generator.config.parameters import TOPICS_PER_DOMAIN
from generator.text.latents import PromptLatents

RELATIONS = (
    "same template, other item",
    "same task family, other template, other item",
    "another task family",
    "two people's own tasks",
)
"""As the files of reference geometry call them."""
_TRIES = 4  # pairs drawn for each that is wanted: some have another relation


def pairs(
    latents: PromptLatents, author: I64, wanted: int, rng: np.random.Generator
) -> dict[str, tuple[I64, I64]]:
    """Random pairs of each relation.

    A task family is what is asked for (explain, grade, ...) and the domain of what it is about.

    Parameters
    ----------
    latents : PromptLatents
        Prompts of one language.
    author : ndarray of int64, shape (prompts,)
        Who wrote each.
    wanted : int
        Pairs of each relation; fewer where there are not so many.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    dict of str to (ndarray of int64, ndarray of int64)
        By `RELATIONS`: positions of both prompts.
    """
    templated = np.flatnonzero(latents.template > 0)
    free = np.flatnonzero(latents.template == 0)
    family = latents.task.astype(np.int64) * 1000 + latents.topic // TOPICS_PER_DOMAIN
    same = _grouped(latents.template[templated], rng, wanted)
    kin = _grouped(family[templated], rng, wanted)
    apart, own = (rng.integers(0, max(len(x), 1), (2, wanted * _TRIES)) for x in (templated, free))
    item, template = latents.item, latents.template

    def kept(pool: I64, pair: I64, holds: Callable[[I64, I64], Mask]) -> tuple[I64, I64]:
        a, b = (pool[side] for side in pair) if len(pool) else (pool, pool)
        at = np.flatnonzero(holds(a, b))[:wanted]
        return a[at], b[at]

    return dict(
        zip(
            RELATIONS,
            (
                kept(templated, same, lambda a, b: item[a] != item[b]),
                kept(templated, kin, lambda a, b: (template[a] != template[b]) & (item[a] != item[b])),
                kept(templated, apart, lambda a, b: family[a] != family[b]),
                kept(free, own, lambda a, b: author[a] != author[b]),
            ),
            strict=True,
        )
    )


def _grouped(group: np.ndarray[tuple[int], np.dtype[np.integer]], rng: np.random.Generator, wanted: int) -> I64:
    """Pairs inside groups: groups alike often, however large; shape (2, pairs)."""
    order = np.argsort(group, kind="stable")
    _, first, size = np.unique(group[order], return_index=True, return_counts=True)
    several = np.flatnonzero(size > 1)
    if not len(several):
        return np.zeros((2, 0), np.int64)
    chosen = rng.choice(several, wanted * _TRIES)
    offset = (rng.random((2, len(chosen))) * size[chosen]).astype(np.int64)
    return np.asarray(order[first[chosen] + offset])
