"""Style without words: casing, punctuation, spacing, spelling and lengths, through boosted trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from generator.arrays import F64, Mask
from generator.audit.text.sampled_prompts import SampledPrompts

_MARKS = (".", ",", ";", ":", "!", "?", "-", "(", '"', "'", "/", "*", "#", "`", "…", "。", "，", "、", "？", "！")
_TREES = {"max_iter": 80, "max_depth": 3, "max_bins": 64, "early_stopping": False, "class_weight": "balanced"}


def numbers(prompts: SampledPrompts, counts: sparse.csr_array) -> dict[str, F64]:
    """Describe the style of each prompt.

    Parameters
    ----------
    prompts : SampledPrompts
        Of one split.
    counts : scipy.sparse.csr_array, shape (prompts, words)
        Words of the same prompts, for how many of them nobody else writes: slips of the pen are rare words.

    Returns
    -------
    dict of str to ndarray of float64, shape (prompts,)
        By habit.
    """
    text = pl.col("text")
    length = pl.max_horizontal(text.str.len_chars(), 1)
    words = pl.max_horizontal(text.str.count_matches(r"\S+"), 1)
    sentences = pl.max_horizontal(text.str.count_matches(r"[.!?。！？]+(\s|$)"), 1)
    habits = {
        "characters": length.log(),
        "characters a word": length / words,
        "words a sentence": words / sentences,
        "bytes a character": text.str.len_bytes() / length,
        "upper case": text.str.count_matches(r"\p{Lu}") / length,
        "digits": text.str.count_matches(r"\d") / length,
        "words in upper case": text.str.count_matches(r"\b\p{Lu}{2,}\b") / words,
        "first letter is upper case": text.str.contains(r"^\W*\p{Lu}"),
        "sentences in lower case": text.str.count_matches(r"[.!?]\s+\p{Ll}") / sentences,
        "ends with a mark": text.str.contains(r"[.!?。！？]\s*$"),
        "ends with space": text.str.contains(r"\s$"),
        "double spaces": text.str.count_matches("  ") / words,
        "no space after a mark": text.str.count_matches(r"[.,;:!?]\p{L}") / words,
        "space before a mark": text.str.count_matches(r"\s[.,;:!?]") / words,
        "lines": text.str.count_matches("\n") / words,
        "empty lines": text.str.count_matches("\n\n") / words,
        "doubled letters": text.str.count_matches(r"aa|bb|cc|dd|ee|ff|gg|ll|mm|nn|oo|pp|rr|ss|tt") / length,
    }
    habits |= {f"mark {mark}": text.str.count_matches(mark, literal=True) / words for mark in _MARKS}
    frame = prompts.text.to_frame("text").select(v.cast(pl.Float64).alias(k) for k, v in habits.items())
    described = {name: frame[name].to_numpy() for name in frame.columns}
    once = sparse.csr_array(counts > 0).astype(np.float64) @ (counts.count_nonzero(axis=0) == 1)
    return described | {"words nobody else writes": once / np.maximum(counts.count_nonzero(axis=1), 1)}


def pooled(prompts: SampledPrompts, described: dict[str, F64]) -> dict[str, F64]:
    """Mean and spread of each habit over an account's prompts.

    Parameters
    ----------
    prompts : SampledPrompts
        Of one split.
    described : dict of str to ndarray of float64, shape (prompts,)
        As `numbers` gives them.

    Returns
    -------
    dict of str to ndarray of float64, shape (accounts,)
        By habit.
    """
    count = np.bincount(prompts.row)
    result: dict[str, F64] = {}
    for name, values in described.items():
        mean = np.bincount(prompts.row, values) / count
        spread = np.bincount(prompts.row, (values - mean[prompts.row]) ** 2) / count
        result |= {f"{name}: mean": mean, f"{name}: SD": np.sqrt(spread)}
    return result


def fit(described: dict[str, F64], positive: Mask) -> Any:
    """Learn which habits tell; the classes weigh the same.

    Parameters
    ----------
    described : dict of str to ndarray of float64, shape (rows,)
        By habit.
    positive : ndarray of bool, shape (rows,)
        Class of each row; both occur.

    Returns
    -------
    sklearn.ensemble.HistGradientBoostingClassifier
        For `score`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(**_TREES, random_state=0).fit(
        np.column_stack(list(described.values())), positive
    )


def score(model: Any, described: dict[str, F64]) -> F64:
    """Chance of each row.

    Parameters
    ----------
    model : sklearn.ensemble.HistGradientBoostingClassifier
        As `fit` gives it.
    described : dict of str to ndarray of float64, shape (rows,)
        By habit.
    """
    return np.asarray(model.predict_proba(np.column_stack(list(described.values())))[:, 1], np.float64)
