"""What prompts ask for, by what they are about."""

from __future__ import annotations

from functools import cache

import numpy as np

from generator.arrays import I32, I64, U64
from generator.errors import UserError
from generator.rng import streams
from generator.text.latents import DOMAINS, TASKS
from generator.text.lexicon import DATA, read_tasks

_ON_CODE = {
    "answer": "explain",
    "summarise": "explain",
    "classify": "review",
    "extract": "explain",
    "rewrite": "implement",
    "translate": "implement",
    "grade": "review",
    "compare": "review",
    "plan": "implement",
    "brainstorm": "test",
}
"""What each task comes to where the material is code; the others are what one does with code anyway (a)."""
_TASK_ON_CODE = np.array([TASKS.index(_ON_CODE.get(task, task)) for task in TASKS], np.int32)
_UNIFORMS = 65_536  # steps of `streams.uniform`


def tasks_of(keys: U64, domain: I64) -> I32:
    """Task of each template or free question.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
        Streams of the templates or items.
    domain : ndarray of int64, shape (n,)
        What they are about, index of `DOMAINS`.

    Returns
    -------
    ndarray of int32, shape (n,)
        Index of `TASKS`.
    """
    return _task_by_uniform()[domain, streams.halves(streams.child(keys, "task"), 0)]


def tasks_on_code(task: I32) -> I32:
    """What templates ask for when their material is code: to explain, implement, review or test it.

    Parameters
    ----------
    task : ndarray of int32, shape (n,)
        Index of `TASKS`.
    """
    return _TASK_ON_CODE[task]


@cache
def _task_by_uniform() -> I32:
    """Task that each of the uniforms draws in each domain, shape (domains, uniforms)."""
    every = np.arange(_UNIFORMS, dtype=np.uint64)
    faults: list[str] = []
    weights = read_tasks(DATA, faults)
    if faults:
        raise UserError(f"{DATA}: mend {'; '.join(faults)}")
    return np.stack([streams.pick(every, np.array([weights[d].get(t, 0) for t in TASKS], float)) for d in DOMAINS])
