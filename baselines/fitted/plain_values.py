"""What a detector has learnt as one JSON document, with its arrays and boosted trees set apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_LARGEST = 2**63  # whole numbers that fit 64 bits


def pack(value: Any, arrays: list[Array], models: list[Any]) -> Any:
    """Turn a value into JSON; arrays and boosted trees go to their lists, and their number stands for them.

    Parameters
    ----------
    value : object
        None, a truth value, number, text, NumPy array, XGBoost model, or lists and dictionaries of such.
    arrays, models : list
        Get what is set apart.

    Returns
    -------
    object
        Plain JSON, in which a dictionary with one key says what the value is: array, trees or dict.

    Raises
    ------
    ValueError
        If there is anything else in it.

    Examples
    --------
    >>> arrays, models = [], []
    >>> pack({"sign": -1.0, "known": [np.zeros(2)]}, arrays, models)
    {'dict': {'sign': -1.0, 'known': [{'array': 0}]}}
    >>> unpack(pack({"sign": -1.0}, arrays, models), arrays, models)
    {'sign': -1.0}
    """
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return [pack(v, arrays, models) for v in value]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: pack(v, arrays, models) for k, v in value.items()}}
    if _is_boosted(value):
        models.append(value)
        return {"trees": len(models) - 1}
    return _scalar(value)


def unpack(document: Any, arrays: Sequence[Array], models: Sequence[Any]) -> Any:
    """The value that `pack` turned into JSON; a tuple comes back as a list.

    Parameters
    ----------
    document : object
        JSON of any origin.
    arrays, models : sequence
        What its numbers stand for.

    Returns
    -------
    object
        As in `pack`.

    Raises
    ------
    ValueError
        If `pack` can't have written it.
    """
    if isinstance(document, list):
        return [unpack(v, arrays, models) for v in document]
    if not isinstance(document, dict):
        return _scalar(document)
    if len(document) != 1:
        raise ValueError(f"a value of its state has {len(document)} kinds instead of one")
    ((kind, inner),) = document.items()
    if kind == "dict" and isinstance(inner, dict):
        return {k: unpack(v, arrays, models) for k, v in inner.items()}
    known = {"array": arrays, "trees": models}.get(kind)
    if known is None or type(inner) is not int or not 0 <= inner < len(known):
        raise ValueError(f"its state names {kind[:20]} {str(inner)[:20]}, which is not there")
    return known[inner]


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    shown = repr(value)[:40] if isinstance(value, int | float) else f"a {type(value).__name__}"
    raise ValueError(f"{shown} is no plain value: None, a finite number, text, an array or boosted trees")


def _is_boosted(value: Any) -> bool:
    return f"{type(value).__module__}.{type(value).__name__}" == "xgboost.core.Booster"
