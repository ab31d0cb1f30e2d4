"""Accounts that write alike: character n-grams of the layout of their prompts, nearest neighbours, trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import search_space
from baselines.detectors.text.described_accounts import DescribedAccounts, at_rank
from baselines.features import prompt_texts
from baselines.graph import shared_keys
from baselines.graph.communities import communities
from generator.arrays import F32, F64, U8, Mask
from generator.dataset import Split

_WIDTHS = (3, 5)  # bytes of an n-gram (a)
_DIMENSIONS = 1 << 10  # per width
_AT_ONCE = 1 << 10  # accounts compared with all others at once: bounds memory
_RANKS = (1, 3, 8)  # neighbours whose nearness describes an account (a)
_FAR = 6.0  # standard deviations at which a dimension is cut: rare n-grams must not rule (a)
_RESOLUTION = 0.3  # mean nearness of pairs above which two groups are one (a)


def _distorted() -> U8:
    """What bytes are read as: letters as one, digits as one, parts of other scripts as one; the rest as it is."""
    view = np.arange(256, dtype=np.uint8)
    view[128:] = ord("x")
    for first, last in ("az", "AZ", "09"):
        view[ord(first) : ord(last) + 1] = ord(first)
    return view


@dataclass
class StyleLinks(DescribedAccounts):
    """Clusters of strangers whose prompts are laid out alike, whatever they are about.

    Texts are read with every letter, digit and foreign character as the same one, so that casing, punctuation,
    spacing, lengths of words and layout remain. An account is the mean of its prompts' hashed n-grams, each
    dimension centred and scaled over all accounts. Who openly belongs together is no neighbour: houses have a
    style. Trees learn from how near the nearest strangers are, and from the cluster of mutual neighbours.

    Parameters
    ----------
    neighbours : int
        Nearest strangers among which two accounts must find each other to be linked.
    """

    name: ClassVar[str] = "text-style"
    description: ClassVar[str] = "trees on clusters of strangers whose prompts are laid out alike"
    source: ClassVar[str] = "Stamatatos, Authorship attribution using text distortion, EACL 2017"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*prompt_texts.FIELDS, *shared_keys.ORDER_FIELDS, *shared_keys.DECLARED_FIELDS})
    )
    ranges: ClassVar[search_space.Ranges] = {"neighbours": search_space.SearchRange(4, 40, log=True)}

    neighbours: int = 12

    def describe(self, split: Split) -> tuple[pl.Series, F64]:
        """Number the nearness of an account's neighbours, and of the cluster that they form."""
        ids = shared_keys.ordered_ids(split)
        texts = prompt_texts.read_texts(split, ids)
        graph = nearest(style_vectors(texts, len(ids)), shared_keys.declared_ties(split, ids), self.neighbours)
        mutual = sparse.csr_array(graph.minimum(graph.T))
        mutual.eliminate_zeros()
        mutual.sort_indices()
        label = communities(mutual, _RESOLUTION)
        size = np.bincount(label).astype(np.float64)
        inside = shared_keys.weight_inside(mutual, label)
        weight = np.bincount(label, inside, len(size))
        columns: list[F64] = [at_rank(graph, rank) for rank in _RANKS]
        columns += [np.diff(mutual.indptr).astype(np.float64), np.asarray(mutual.sum(axis=1), np.float64)]
        columns += [inside / np.maximum(size[label] - 1, 1), np.log(size)[label]]
        columns += [(weight / np.maximum(size * (size - 1), 1))[label]]
        return ids, np.column_stack(columns)


def style_vectors(texts: pl.DataFrame, accounts: int) -> F32:
    """Style of accounts, without what all of them share.

    Parameters
    ----------
    texts : polars.DataFrame
        As `prompt_texts.read_texts` gives them.
    accounts : int
        Number of accounts.

    Returns
    -------
    ndarray of float32, shape (accounts, 2048)
        Of length one, centred and scaled; 0 for an account without a prompt.
    """
    row, view = texts["row"].to_numpy(), _distorted()
    blocks = []
    for width in _WIDTHS:
        counts = np.zeros(accounts * _DIMENSIONS)
        for start, _, hashes, owner in prompt_texts.hashed_ngrams(texts["text"], width, view):
            at = row[start + owner] * _DIMENSIONS + (hashes % np.uint64(_DIMENSIONS)).astype(np.int64)
            low, high = (int(x) for x in (at.min(initial=0), at.max(initial=-1) + 1))
            counts[low:high] += np.bincount(at - low, minlength=high - low)
        table = counts.reshape(accounts, _DIMENSIONS)
        # Square roots of shares: Hellinger's distance, in which rare n-grams count as they should.
        blocks.append(np.sqrt(table / np.maximum(table.sum(axis=1, keepdims=True), 1)))
    x = np.hstack(blocks)
    wrote: Mask = np.asarray(x.sum(axis=1) > 0)
    spread = x[wrote].std(axis=0) if wrote.any() else np.ones(x.shape[1])
    middle = x[wrote].mean(axis=0) if wrote.any() else 0.0
    x = np.clip((x - middle) / np.where(spread > 1e-9, spread, np.inf), -_FAR, _FAR) * wrote[:, None]
    length = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return np.asarray(x / np.maximum(length, 1e-9), np.float32)


def nearest(x: F32, openly: sparse.csr_array, neighbours: int) -> sparse.csr_array:
    """Nearest strangers of each account.

    Parameters
    ----------
    x : ndarray of float32, shape (accounts, dimensions)
        Vectors of length one.
    openly : scipy.sparse.csr_array, shape (accounts, accounts)
        Who openly belongs together, as `shared_keys.declared_ties` says.
    neighbours : int
        How many of each, at most.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        Cosine where it is above 0.

    Examples
    --------
    >>> x = np.array([[1, 0], [0.8, 0.6], [-1, 0]], np.float32)
    >>> nearest(x, sparse.csr_array(np.eye(3)), 1).toarray().round(2).tolist()
    [[0.0, 0.8, 0.0], [0.8, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    n = len(x)
    k = min(neighbours, n)
    rows, columns, values = [], [], []
    for start in range(0, n, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        cosine = x[part] @ x.T
        cosine[openly[part].nonzero()] = -1
        best = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        rows.append(np.repeat(np.arange(start, start + len(best)), k))
        columns.append(best.ravel())
        values.append(np.take_along_axis(cosine, best, axis=1).ravel())
    value = np.concatenate(values).astype(np.float64).round(5)
    near = value > 0
    places = (np.concatenate(rows)[near], np.concatenate(columns)[near])
    return sparse.csr_array((value[near], places), shape=(n, n))
