"""Bags of hashed words, of single prompts and of all that an account wrote, through a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
from scipy import sparse

from generator.arrays import F64, Mask
from generator.audit.text.sampled_prompts import SampledPrompts

_COLUMNS = 1 << 16
"""Hashed words; a language of the lexicon has some thousands."""
# Words; of scripts that set no spaces, each character.
_TOKENS = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[\w--[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]]+"
_AT_ONCE = 50_000  # prompts
_MODEL = {"loss": "log_loss", "alpha": 1e-5, "max_iter": 10, "tol": None, "average": True, "random_state": 0}
"""Logistic regression by averaged gradient steps: Bottou, Neural Networks: Tricks of the Trade, 2012."""


@dataclass(frozen=True)
class WordModel:
    """A linear model of words.

    Attributes
    ----------
    weights : sklearn.feature_extraction.text.TfidfTransformer
        What each word says.
    model : sklearn.linear_model.SGDClassifier
        Fitted on weighted counts.
    """

    weights: Any
    model: Any

    def score(self, counts: sparse.csr_array) -> F64:
        """Log-odds of each row.

        Parameters
        ----------
        counts : scipy.sparse.csr_array, shape (rows, words)
            As `word_counts` or `pooled` gives them.
        """
        return np.asarray(self.model.decision_function(self.weights.transform(counts)), np.float64)


def word_counts(prompts: SampledPrompts) -> sparse.csr_array:
    """Count the words of each prompt, lower case.

    Parameters
    ----------
    prompts : SampledPrompts
        Of one split.

    Returns
    -------
    scipy.sparse.csr_array, shape (prompts, 2^16)
        Counts by hashed word.
    """
    starts = range(0, len(prompts.text), _AT_ONCE)
    return sparse.csr_array(sparse.vstack([_counted(prompts.text[k : k + _AT_ONCE]) for k in starts], "csr"))


def _counted(text: pl.Series) -> sparse.csr_array:
    words = text.str.to_lowercase().str.extract_all(_TOKENS).rename("word").to_frame().with_row_index("row")
    told = words.explode("word").drop_nulls().group_by("row", "word").len()
    known = told["word"].unique()
    hashed = pl.Series([crc32(word.encode()) % _COLUMNS for word in known], dtype=pl.Int32)
    told = told.join(pl.DataFrame({"word": known, "column": hashed}), on="word")
    row, column = (told[name].cast(pl.Int32).to_numpy() for name in ("row", "column"))  # see `pooled`
    counts = told["len"].cast(pl.Float32).to_numpy()
    return sparse.csr_array((counts, (row, column)), (len(text), _COLUMNS))


def pooled(prompts: SampledPrompts, counts: sparse.csr_array) -> sparse.csr_array:
    """Add the counts of an account's prompts.

    Parameters
    ----------
    prompts : SampledPrompts
        Of one split.
    counts : scipy.sparse.csr_array, shape (prompts, words)
        Of the same prompts.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, words)
        Counts by account.
    """
    n = len(prompts.row)
    places = prompts.row.astype(np.int32), np.arange(n, dtype=np.int32)  # scikit-learn takes 32 bits alone
    member = sparse.csr_array((np.ones(n, np.float32), places))
    return sparse.csr_array(member @ counts)


def fit(counts: sparse.csr_array, positive: Mask) -> WordModel:
    """Learn which words tell; the classes weigh the same.

    Parameters
    ----------
    counts : scipy.sparse.csr_array, shape (rows, words)
        As `word_counts` or `pooled` gives them.
    positive : ndarray of bool, shape (rows,)
        Class of each row; both occur.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import SGDClassifier

    weights = TfidfTransformer(sublinear_tf=True).fit(counts)
    model = SGDClassifier(class_weight="balanced", **_MODEL)
    return WordModel(weights, model.fit(weights.transform(counts), positive))
