"""Near-duplicate prompts of strangers: MinHash finds candidates, TF-IDF confirms them, trees judge the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import search_space
from baselines.detectors.text.described_accounts import DescribedAccounts, at_rank, edge_ranks
from baselines.features import prompt_texts
from baselines.graph import shared_keys
from baselines.graph.communities import communities
from generator.arrays import F64, I64, U64
from generator.dataset import Split

_SHINGLE = 16  # bytes: two or three words (a)
_SAMPLED = np.uint64(8)  # one shingle in so many is looked at, chosen by its hash (a)
_KEPT = 12  # prompts of an account, chosen by hash (a)
_COMMON = 3  # accounts that must write a shingle to be joined by it (a)
_BANDS, _ROWS = 8, 2  # MinHashes: prompts that share a third of their shingles meet with a chance of .61 (a)
_RESOLUTION = 0.05  # mean cosine of pairs above which two groups are one (a)
_RANKS = (1, 3, 8)  # partners whose nearness describes an account (a)
_AT_ONCE = 1 << 15  # pairs compared at once: bounds memory


@dataclass
class NearDuplicates(DescribedAccounts):
    """Groups of strangers who write alike, word for word, judged by size, suddenness and mixture.

    A prompt is the set of its shingles. Bands of MinHashes propose pairs of prompts of different accounts, buckets
    of more than `most` accounts being phrases that everybody writes. Proposed pairs of accounts are confirmed by
    the cosine of their TF-IDF vectors, unless they openly belong together, and each account's nearest strangers
    tie it into a group. Trees learn from groups of the training world: how near and how many the partners are,
    since when and how suddenly they write, and how little else the members have in common.

    Parameters
    ----------
    partners : int
        Nearest strangers that an account is tied to, at most.
    most : int
        Accounts above which a bucket is common phrase.
    """

    name: ClassVar[str] = "text-duplicates"
    description: ClassVar[str] = "trees on groups of strangers that write alike, by MinHash candidates and TF-IDF"
    source: ClassVar[str] = "Broder, SEQUENCES 1997; Salton and Buckley, 1988"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*prompt_texts.FIELDS, *shared_keys.ORDER_FIELDS, *shared_keys.DECLARED_FIELDS})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "partners": search_space.SearchRange(4, 40, log=True),
        "most": search_space.SearchRange(20, 200, log=True),
    }

    partners: int = 12
    most: int = 60

    def describe(self, split: Split) -> tuple[pl.Series, F64]:
        """Number the accounts' near-duplicates, and the group that they form."""
        ids = shared_keys.ordered_ids(split)
        texts = prompt_texts.read_texts(split, ids)
        texts = texts.filter(pl.col("text").hash(0).rank("ordinal").over("row") <= _KEPT)
        row = texts["row"].to_numpy()
        terms = shingles(texts)
        pairs = candidates(signatures(terms), row, self.most)
        vectors = account_vectors(terms, row, len(ids))
        graph = shared_keys.without_declared(tied(pairs, vectors), shared_keys.declared_ties(split, ids))
        graph = nearest_of(graph, self.partners)
        label = communities(graph, _RESOLUTION)
        columns = [at_rank(graph, rank) for rank in _RANKS] + [np.log1p(np.diff(graph.indptr))]
        return ids, np.column_stack([*columns, *_of_groups(label, graph, texts, vectors, split.days)])


def shingles(texts: pl.DataFrame) -> sparse.csr_array:
    """Shingles of prompts that several accounts write.

    Parameters
    ----------
    texts : polars.DataFrame
        As `prompt_texts.read_texts` gives them.

    Returns
    -------
    scipy.sparse.csr_array, shape (prompts, shingles)
        1 where a prompt has a shingle.
    """
    plain = texts.select(pl.col("text").str.to_lowercase().str.replace_all(r"\s+", " ")).to_series()
    row, parts = texts["row"].to_numpy(), []
    for start, _, hashes, owner in prompt_texts.hashed_ngrams(plain, _SHINGLE):
        chosen = hashes % _SAMPLED == 0
        parts.append(pl.DataFrame({"h": hashes[chosen], "i": start + owner[chosen]}))
    found = pl.concat([pl.DataFrame(schema={"h": pl.UInt64, "i": pl.Int64}), *parts])
    writers = found.select("h", row=pl.Series(row[found["i"]])).unique().group_by("h").len()
    common = writers.filter(pl.col("len") >= _COMMON).sort("h").select("h", column=pl.int_range(pl.len()))
    kept = found.join(common, on="h")
    shape = (len(texts), len(common))
    terms = sparse.csr_array(
        (np.ones(len(kept), np.float32), (kept["i"].to_numpy(), kept["column"].to_numpy())), shape
    )
    terms.sum_duplicates()
    terms.data[:] = 1
    return terms


def signatures(terms: sparse.csr_array) -> U64:
    """MinHash the shingles of prompts.

    Parameters
    ----------
    terms : scipy.sparse.csr_array, shape (prompts, shingles)
        As `shingles` gives them.

    Returns
    -------
    ndarray of uint64, shape (prompts, bands)
        Hash of each band's MinHashes; 0 where a prompt has no shingle.

    References
    ----------
    Broder, "On the resemblance and containment of documents", SEQUENCES 1997.
    """
    keys = np.random.default_rng(_SHINGLE).integers(1, 2**64, (_BANDS, _ROWS, terms.shape[1]), dtype=np.uint64)
    some = np.flatnonzero(np.diff(terms.indptr))
    signature = np.zeros((terms.shape[0], _BANDS), np.uint64)
    for band in range(_BANDS):
        for of_row in keys[band]:
            least = np.minimum.reduceat(of_row[terms.indices], terms.indptr[some])
            signature[some, band] = signature[some, band] * np.uint64(prompt_texts.BASE) + least
    return signature


def candidates(signature: U64, row: I64, most: int) -> pl.DataFrame:
    """Pairs of accounts with prompts that share a band.

    Parameters
    ----------
    signature : ndarray of uint64, shape (prompts, bands)
        Keys; 0 is none.
    row : ndarray of int64, shape (prompts,)
        Account of each prompt.
    most : int
        Accounts above which a bucket is left out.

    Returns
    -------
    polars.DataFrame
        i < j, accounts; distinct, sorted.
    """
    bands = []
    for key in signature.T:
        used = np.flatnonzero(key)
        held = pl.DataFrame({"key": key[used], "i": row[used]}).unique()
        held = held.filter(pl.len().over("key").is_between(2, most))
        both = held.join(held.select("key", j="i"), on="key").filter(pl.col("i") < pl.col("j"))
        bands.append(both.select("i", "j").unique())
    return pl.concat(bands).unique().sort("i", "j")


def account_vectors(terms: sparse.csr_array, row: I64, accounts: int) -> sparse.csr_array:
    """TF-IDF vectors of accounts: how often in their prompts, and how seldom elsewhere.

    Parameters
    ----------
    terms : scipy.sparse.csr_array, shape (prompts, shingles)
        As `shingles` gives them.
    row : ndarray of int64, shape (prompts,)
        Account of each prompt.
    accounts : int
        Number of accounts.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, shingles)
        Of length one; 0 for an account without a shingle.

    References
    ----------
    Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    places = row.astype(np.int32), np.arange(len(row), dtype=np.int32)
    counts = sparse.csr_array((np.ones(len(row), np.float32), places), (accounts, len(row))) @ terms
    if not counts.nnz:
        return sparse.csr_array(counts)
    return sparse.csr_array(TfidfTransformer().fit_transform(counts))


def tied(pairs: pl.DataFrame, vectors: sparse.csr_array) -> sparse.csr_array:
    """Tie candidates by the cosine of their vectors.

    Parameters
    ----------
    pairs : polars.DataFrame
        i < j, accounts; distinct.
    vectors : scipy.sparse.csr_array, shape (accounts, shingles)
        Of length one.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric, sorted indices.
    """
    i, j = pairs["i"].to_numpy(), pairs["j"].to_numpy()
    cosine = np.zeros(len(pairs))
    for start in range(0, len(pairs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        cosine[part] = vectors[i[part]].multiply(vectors[j[part]]).sum(axis=1)
    places = (np.r_[i, j], np.r_[j, i])
    graph = sparse.csr_array((np.tile(cosine.round(5), 2), places), shape=(vectors.shape[0], vectors.shape[0]))
    graph.sort_indices()
    return graph


def nearest_of(graph: sparse.csr_array, most: int) -> sparse.csr_array:
    """Keep the edges that are among the heaviest of one of their ends.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric weights.
    most : int
        Edges that each account may name.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric, sorted indices.
    """
    n = graph.shape[0]
    row, rank = edge_ranks(graph)
    kept = np.flatnonzero(rank <= most)
    named = sparse.csr_array((graph.data[kept], (row[kept], graph.indices[kept])), shape=(n, n))
    both = sparse.csr_array(named.maximum(named.T))
    both.sort_indices()
    return both


def _of_groups(
    label: I64, graph: sparse.csr_array, texts: pl.DataFrame, vectors: sparse.csr_array, days: int
) -> list[F64]:
    """What the group of each account says: size and density, how sudden its work, how mixed its members."""
    size = np.bincount(label).astype(np.float64)
    pairs = np.maximum(size * (size - 1), 1)
    group = label[texts["row"].to_numpy()]
    at = pl.DataFrame({"group": group, "day": texts["day"].cast(pl.Float64) / days}).group_by("group")
    when = at.agg(first=pl.col("day").quantile(0.05), middle=pl.col("day").median(), spread=pl.col("day").std())
    times = np.full((3, len(size)), np.nan)
    times[:, when["group"].to_numpy()] = when.select(pl.exclude("group").fill_null(0.0)).to_numpy().T
    inside = shared_keys.weight_inside(graph, label)
    density = np.bincount(label, inside, len(size)) / pairs
    member = sparse.csr_array((np.ones(len(label)), (label, np.arange(len(label)))))
    alike = (sparse.csr_array(member @ vectors).power(2).sum(axis=1) - size) / pairs
    of_group = [np.log(size), density, np.where(size > 1, alike, np.nan), *times]
    return [inside, *(values[label] for values in of_group)]
