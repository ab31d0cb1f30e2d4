"""SimHash sketches of prompts and answers, by the law of sums that a SimHash of text follows.

A SimHash bit is the sign of a sum over all shingles of a text. The shingles that a template fixes, those that its
task's wording has in common and those of the item are parts of that sum, each normal with a variance that is its
share; so two prompts that share a part differ as often as real ones do: acos(correlation) / pi of the bits.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, I32, I64, U8, U64
from generator.rng import keyed_streams, streams

BITS = 64
_WORDS = BITS // 8  # of 64 bits, that one byte for each bit takes
_UNIT = 32  # of `streams.NORMAL8`
TASK_SHARE = np.float32(0.03)
"""Share of a templated prompt's shingles that prompts of the same task have in common: real prompts of one task
family and different templates differ in 31 of 64 bits, unrelated ones in 32 (geometry of public templates)."""
# An answer's sketch differs from the usual one by about two of 64 bits: 1/16 times 8/16 of them (a).
_ALTERED = np.uint64(1), np.uint64(8)
_PARTS = np.int16(16)
_MOST = np.int16(6 * _UNIT)  # beyond six standard deviations a bit is fixed


def prompt_simhash(template: U64, fixed: F32, task: I64, item: U64, of_item: I64) -> U64:
    """64-bit SimHash of each prompt.

    Parameters
    ----------
    template : ndarray of uint64, shape (uses,)
        Stream of each template.
    fixed : ndarray of float32, shape (uses,)
        Share of a prompt's shingles that the template fixes, below 1 - `TASK_SHARE`.
    task : ndarray of int64, shape (uses,)
        What its wording shares with other templates: number of task and language; -1: nothing.
    item : ndarray of uint64, shape (requests,)
        Stream of what each prompt is about.
    of_item : ndarray of int64, shape (requests,)
        The use of a template that each prompt is; -1: it has none.
    """
    # Few templates are used often.
    _, first, place = np.unique(template + fixed.view(np.uint32), return_index=True, return_inverse=True)
    limits = _limits(template[first], fixed[first], task[first])
    limits = np.concatenate([limits, np.full((1, BITS), 128, np.uint8)])
    ones = _bytes(streams.child(item, "simhash")) < limits.take(np.r_[place, len(first)].take(of_item), axis=0)
    return np.packbits(ones, axis=1).view(np.uint64)[:, 0]


def _limits(template: U64, fixed: F32, task: I64) -> U8:
    """Below which byte of the item's a bit is one, of 256; shape (uses, 64)."""
    common = np.where(task < 0, np.float32(0), TASK_SHARE)
    left = 1 - fixed - common
    # In whole numbers, which any machine rounds alike: normals in 32nds, their weights in 16ths.
    weight, other = (np.rint(_PARTS * np.sqrt(share / left)).astype(np.int16) for share in (fixed, common))
    step = streams.NORMAL8.take(_bytes(streams.child(template, "simhash")))
    step *= weight[:, None]
    step += _of_tasks().take(np.maximum(task, 0), axis=0) * other[:, None]
    step //= _PARTS
    step += _MOST
    return _chances().take(np.clip(step, 0, 2 * _MOST, out=step))


def _bytes(keys: U64) -> U8:
    """One byte for each of 64 bits, shape (n, 64)."""
    words = np.empty((len(keys), _WORDS), np.uint64)
    for i in range(_WORDS):
        words[:, i] = streams.items(keys, np.array([i]))
    return words.view(np.uint8)


@cache
def _chances() -> U8:
    """Chance of a one, of 256, where the sum of the fixed parts is so many steps."""
    steps = np.arange(-_MOST, _MOST + 1) / _UNIT
    return np.array([min(round(256 * (1 + math.erf(x / math.sqrt(2))) / 2), 255) for x in steps], np.uint8)


@cache
def _of_tasks() -> npt.NDArray[np.int16]:
    """What the wording of each task and language adds, the same in every world; shape (256, 64)."""
    with keyed_streams.keyed(""):
        keys = streams.items(np.full(256, streams.key("task wording")), np.arange(256))
        return streams.NORMAL8.take(_bytes(keys))


def response_simhash(item: U64, model: I32, key: U64) -> U64:
    """64-bit SimHash of each answer: that of the item and the model, with about two bits altered by chance.

    Parameters
    ----------
    item : ndarray of uint64, shape (requests,)
        Key of what each request is about.
    model : ndarray of int32, shape (requests,)
        Index into `model_calendar.MODELS`.
    key : ndarray of uint64, shape (requests,)
        Stream of each request.
    """
    usual = streams.items(streams.child(item, "answer"), model)
    rare, half = _ALTERED
    sketch = usual ^ (_flips(streams.child(key, "answer"), rare) & _flips(streams.mix(key), half))
    return sketch | np.uint64(1)  # 0 stands for none


def _flips(word: U64, sixteenths: np.uint64) -> U64:
    """Masks of 64 bits, each set with probability sixteenths / 16."""
    mask = np.zeros(len(word), np.uint64)
    for bit in range(4):
        word = streams.mix(word + np.uint64(bit + 1))
        # All ones where the bit is set: then word | mask, else word & mask.
        ones = ((sixteenths >> np.uint64(bit)) & np.uint64(1)) * np.uint64(2**64 - 1)
        mask = (word & (mask | ones)) | (mask & ones)
    return mask
