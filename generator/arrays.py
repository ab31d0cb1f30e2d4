"""Types of arrays, by the letter and width of what they hold, and dataclasses of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]


def map_arrays(function: Callable[..., Any], *parts: Any) -> Any:
    """The same done to each array of some dataclasses of one kind: one of that kind.

    Parameters
    ----------
    function : callable
        Takes as many arrays as there are parts, and returns one.
    *parts : dataclass or ndarray
        Dataclasses of one kind, whose fields are arrays or such dataclasses.
    """
    first = parts[0]
    if isinstance(first, np.ndarray):
        return function(*parts)
    mapped = {f.name: map_arrays(function, *(getattr(part, f.name) for part in parts)) for f in fields(first)}
    return replace(first, **mapped)


def run_starts(*keys: Integers) -> I64:
    """Where the run begins that each row lies in: rows side by side with equal keys.

    Parameters
    ----------
    *keys : ndarray of integers, shape (rows,)
        At least one.

    Examples
    --------
    >>> run_starts(np.array([7, 7, 7, 8]), np.array([1, 1, 2, 2])).tolist()
    [0, 0, 2, 3]
    """
    new = np.ones(len(keys[0]), np.bool_)
    new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
