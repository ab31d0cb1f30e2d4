"""After VarDetect: an account whose prompts lie off what benign prompts span."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.queries import prompt_sequences
from baselines.features import supervision
from generator.arrays import F64
from generator.dataset import Split

_HIDDEN = 32  # units on either side of the code (a)
_EPOCHS = 20  # passes over the benign prompts (a)
_EACH = 24  # prompts of an account that are learnt from, so that every account counts alike (a)
_MOST = 200  # prompts of an account that are scored: bounds time (a)
_RATE = 3e-3  # step of Adam (a)
_SCALE = 127.0  # of the embedding
_LEAST = 1e-9  # error of prompts that are all alike


@dataclass
class VarDetect(detector.Detector):
    """How much worse than benign prompts an account's prompts are told again by an autoencoder of benign ones.

    As in the paper, an autoencoder learns what benign queries are like, and each user's queries together are held
    against that. What this setting changes: the autoencoder is a plain one with a narrow middle, not a variational
    one, and takes the provider's embeddings in place of images; the distance is the mean squared error of an
    account's prompts over that of benign ones, where the paper compares distributions of codes; a few prompts of
    doubt keep accounts that asked little at 1.

    An account swarm breaks the assumption that an attacker's queries are from elsewhere: the paper's come from
    other data sets or are made by steps, while a campaign asks about the very topics that customers ask about, in
    prompts written as theirs are. What is odd about it, how it covers topics, is dealt out among its members.

    Parameters
    ----------
    code : int
        Units in the middle.
    doubt : int
        Prompts with the error of benign ones that every account is credited with.
    """

    name: ClassVar[str] = "vardetect"
    description: ClassVar[str] = "error of an autoencoder of benign prompts on one account's prompts"
    source: ClassVar[str] = "after Pal et al., Stateful detection of model extraction attacks, arXiv 2107.05166"
    fields: ClassVar[tuple[str, ...]] = prompt_sequences.EMBEDDING_FIELDS
    ranges: ClassVar[search_space.Ranges] = {
        "code": search_space.SearchRange(2, 12),
        "doubt": search_space.SearchRange(1, 100, log=True),
    }

    code: int = 4
    doubt: int = 10
    _weights: list[F64] = field(init=False, repr=False, default_factory=list)
    _offsets: list[F64] = field(init=False, repr=False, default_factory=list)
    _usual: float = field(init=False, repr=False, default=1.0)

    def fit(self, *worlds: Split) -> Self:
        """Train the autoencoder on prompts of benign accounts."""
        parts = []
        for world in worlds:
            ids = detector.accounts(world)
            known = supervision.training_labels(world, ids)
            benign = ids.gather(known.rows[~known.positive])
            prompts = prompt_sequences.first_prompts(world, benign, prompt_sequences.EMBEDDING, _EACH)
            parts.append(_numbers(prompts))
        x = np.concatenate(parts)
        self._weights, self._offsets = autoencoder(x, self.code, self.seed)
        self._usual = max(float(self._errors(x).mean()), _LEAST) if len(x) else 1.0
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Mean error of the account's first prompts and of those of doubt, over the usual one."""
        ids = detector.accounts(split)
        prompts = prompt_sequences.first_prompts(split, ids, prompt_sequences.EMBEDDING, _MOST)
        row = prompts["row"].to_numpy()
        count = np.bincount(row, minlength=len(ids))
        error = np.bincount(row, self._errors(_numbers(prompts)) / self._usual, len(ids))
        return pl.DataFrame({"account_id": ids, "score": np.round((error + self.doubt) / (count + self.doubt), 6)})

    def _errors(self, x: F64) -> F64:
        """Squared error of each prompt as it is told again."""
        if not self._weights:  # no benign prompt was there to learn from
            return np.ones(len(x))
        told = x
        for k, (weights, offsets) in enumerate(zip(self._weights, self._offsets, strict=True)):
            told = (np.tanh(told) if k else told) @ weights + offsets
        return np.asarray(((told - x) ** 2).sum(axis=1), np.float64)


def autoencoder(x: F64, code: int, seed: int) -> tuple[list[F64], list[F64]]:
    """Train a network to tell its input again through a narrow middle.

    Parameters
    ----------
    x : ndarray of float64, shape (prompts, dimensions)
        Examples; their order makes no difference.
    code : int
        Units in the middle, between two layers of 32, all of them with a hyperbolic tangent.
    seed : int
        Seed of the first weights and of the batches.

    Returns
    -------
    weights, offsets : list of ndarray of float64
        Of each layer; empty without examples.

    References
    ----------
    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313, 2006.
    """
    from sklearn.neural_network import MLPRegressor
    from threadpoolctl import threadpool_limits

    if not len(x):
        return [], []
    ordered = x[np.lexsort(x.T)]
    layers = (_HIDDEN, code, _HIDDEN)
    network = MLPRegressor(
        hidden_layer_sizes=layers, activation="tanh", learning_rate_init=_RATE, random_state=seed
    )
    with threadpool_limits(1):  # sums are added up in one order, and batches this small gain nothing by threads
        for _ in range(_EPOCHS):
            network.partial_fit(ordered, ordered)
    return [np.asarray(w) for w in network.coefs_], [np.asarray(b) for b in network.intercepts_]


def _numbers(prompts: pl.DataFrame) -> F64:
    return prompts.select(prompt_sequences.EMBEDDING).to_numpy().astype(np.float64) / _SCALE
