"""Near-duplicate prompts of strangers: MinHash finds candidates, TF-IDF confirms them, trees judge the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import search_space
from baselines.detectors.text.described_accounts import DescribedAccounts
from baselines.features import prompt_texts
from baselines.features.prompt_texts import U64
from baselines.graph import shared_keys
from baselines.graph.communities import communities
from generator.arrays import F64, I64
from generator.dataset import Split

_SHINGLE = 32  # bytes: longer than most phrases that a subject interrupts (a)
_SAMPLED = np.uint64(8)  # one shingle in so many is looked at, chosen by its hash (a)
_KEPT = 16  # prompts of an account, chosen by hash (a)
_COMMON = 3  # accounts that must write a shingle: what fewer write is what a prompt is about (a)
_BANDS, _ROWS = 10, 4  # MinHashes: prompts that share .7 of their common shingles meet with a chance of .94 (a)
_SHARED = 12  # shingles that near-duplicates share at least: with one in eight looked at, some 130 bytes (a)
_RESOLUTION = 0.05  # mean tie of pairs above which two groups are one (a)
_AT_ONCE = 1 << 15  # pairs compared at once: bounds memory


@dataclass
class NearDuplicates(DescribedAccounts):
    """Groups of strangers whose prompts are near-duplicates, judged by size, suddenness and mixture.

    A prompt is the set of its shingles. Bands of MinHashes propose pairs of prompts of different accounts, buckets
    of more than `most` accounts being phrases that everybody writes; the cosine of their TF-IDF vectors confirms
    them. Accounts are tied by what is confirmed, unless they openly belong together, and fall into groups. Trees
    learn from groups of the training world: how many accounts, how much of their work is shared, since when and
    how suddenly, and how little else the members have in common.

    Parameters
    ----------
    cosine : float
        TF-IDF cosine from which on two prompts are near-duplicates.
    most : int
        Accounts above which a bucket is common phrase.
    """

    name: ClassVar[str] = "text-duplicates"
    description: ClassVar[str] = "trees on groups of strangers with near-duplicate prompts, by MinHash and TF-IDF"
    source: ClassVar[str] = "Broder, SEQUENCES 1997; Salton and Buckley, 1988"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*prompt_texts.FIELDS, *shared_keys.ORDER_FIELDS, *shared_keys.DECLARED_FIELDS})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "cosine": search_space.SearchRange(0.1, 0.8),
        "most": search_space.SearchRange(20, 200, log=True),
    }

    cosine: float = 0.5
    most: int = 60

    def describe(self, split: Split) -> tuple[pl.Series, F64]:
        """Number the accounts' near-duplicates, and the group that they form."""
        ids = shared_keys.ordered_ids(split)
        texts = prompt_texts.read_texts(split, ids)
        texts = texts.filter(pl.col("text").hash(0).rank("ordinal").over("row") <= _KEPT)
        row = texts["row"].to_numpy()
        terms = shingles(texts)
        pairs = confirmed(candidates(signatures(terms), row, self.most), terms, self.cosine)
        tied = shared_keys.without_declared(tie_graph(pairs, row, len(ids)), shared_keys.declared_ties(split, ids))
        label = communities(tied, _RESOLUTION)
        # Only pairs inside a group say what the group shares.
        inside = pairs.filter(pl.Series(label[row[pairs["i"]]] == label[row[pairs["j"]]]))
        pooled = sparse.csr_array((np.ones(len(row)), (row, np.arange(len(row)))), (len(ids), len(row))) @ terms
        shared = np.union1d(inside["i"].to_numpy(), inside["j"].to_numpy())
        columns = _own(row, shared, pairs, tied) | _of_groups(label, tied, texts, shared, pooled, split.days)
        return ids, np.column_stack(list(columns.values()))


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
    """Pairs of prompts of different accounts that share a band.

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
        i < j, prompts; distinct, sorted. Of an account's prompts in a bucket the first one stands for all.
    """
    bands = []
    for key in signature.T:
        used = np.flatnonzero(key)
        held = pl.DataFrame({"key": key[used], "row": row[used], "i": used})
        held = held.unique(("key", "row"), keep="first", maintain_order=True)
        held = held.filter(pl.len().over("key").is_between(2, most))
        both = held.join(held.select("key", j="i"), on="key").filter(pl.col("i") < pl.col("j"))
        bands.append(both.select("i", "j"))
    return pl.concat(bands).unique().sort("i", "j")


def confirmed(pairs: pl.DataFrame, terms: sparse.csr_array, least: float) -> pl.DataFrame:
    """Keep the pairs whose TF-IDF vectors are alike.

    Parameters
    ----------
    pairs : polars.DataFrame
        i, j, prompts.
    terms : scipy.sparse.csr_array, shape (prompts, columns)
        Shingles of each prompt.
    least : float
        Cosine from which on a pair is kept.

    Returns
    -------
    polars.DataFrame
        i, j, cosine.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    if pairs.is_empty():
        return pairs.with_columns(cosine=pl.lit(0.0))
    weights = sparse.csr_array(TfidfTransformer().fit_transform(terms), dtype=np.float32)
    i, j = pairs["i"].to_numpy(), pairs["j"].to_numpy()
    shared, cosine = np.zeros(len(pairs)), np.zeros(len(pairs))
    for start in range(0, len(pairs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        both = weights[i[part]].multiply(weights[j[part]])
        shared[part], cosine[part] = both.count_nonzero(axis=1), both.sum(axis=1)
    kept = pairs.with_columns(cosine=pl.Series(cosine.round(5))).filter(pl.Series(shared >= _SHARED))
    return kept.filter(pl.col("cosine") >= least)


def tie_graph(pairs: pl.DataFrame, row: I64, accounts: int) -> sparse.csr_array:
    """Tie accounts by their near-duplicates.

    Parameters
    ----------
    pairs : polars.DataFrame
        i, j, cosine.
    row : ndarray of int64, shape (prompts,)
        Account of each prompt.
    accounts : int
        Number of accounts.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, accounts)
        Symmetric, 0 to 1: summed cosines over the geometric mean of both accounts' prompts; sorted indices.
    """
    count = np.maximum(np.bincount(row, minlength=accounts), 1)
    first, second = row[pairs["i"]], row[pairs["j"]]
    both = (np.r_[first, second], np.r_[second, first])
    graph = sparse.csr_array((np.tile(pairs["cosine"].to_numpy(), 2), both), shape=(accounts, accounts))
    graph.sum_duplicates()
    scale = sparse.diags_array(count**-0.5)
    graph = sparse.csr_array(scale @ graph @ scale)
    graph.data = np.minimum(graph.data, 1.0).round(9)
    graph.sort_indices()
    return graph


def _own(row: I64, shared: I64, pairs: pl.DataFrame, tied: sparse.csr_array) -> dict[str, F64]:
    """What an account's own near-duplicates say."""
    n = tied.shape[0]
    count = np.bincount(row, minlength=n).astype(np.float64)
    cosine = np.tile(pairs["cosine"].to_numpy(), 2)
    holder = row[np.r_[pairs["i"].to_numpy(), pairs["j"].to_numpy()]]
    found = np.bincount(holder, minlength=n)
    return {
        "shared": np.bincount(row[shared], minlength=n) / np.maximum(count, 1),
        "partners": np.log1p(np.diff(tied.indptr)),
        "tie": tied.sum(axis=1),
        "cosine": np.bincount(holder, cosine, n) / np.maximum(found, 1),
    }


def _of_groups(
    label: I64, tied: sparse.csr_array, texts: pl.DataFrame, shared: I64, pooled: sparse.csr_array, days: int
) -> dict[str, Any]:
    """What the group of each account says: its size and ties, how sudden its work, how mixed its members."""
    size = np.bincount(label).astype(np.float64)
    pairs = np.maximum(size * (size - 1), 1)
    row, day = texts["row"].to_numpy(), texts["day"].to_numpy()
    at = pl.DataFrame({"group": label[row[shared]], "day": day[shared]}).group_by("group")
    when = {"first": pl.col("day").min(), "middle": pl.col("day").median(), "last": pl.col("day").max()}
    of_group = {name: np.full(len(size), np.nan) for name in when}
    for group, *values in at.agg(**{k: v.cast(pl.Float64) / days for k, v in when.items()}).iter_rows():
        for name, value in zip(when, values, strict=True):
            of_group[name][group] = value
    weight = np.bincount(label, shared_keys.weight_inside(tied, label), len(size))
    unit = sparse.diags_array(1 / np.maximum(np.sqrt(pooled.power(2).sum(axis=1)), 1)) @ pooled
    member = sparse.csr_array((np.ones(len(label)), (label, np.arange(len(label)))))
    sums = sparse.csr_array(member @ unit)
    alike = (sums.power(2).sum(axis=1) - member @ unit.power(2).sum(axis=1)) / pairs
    used = np.bincount(label[row], minlength=len(size))
    of_group |= {
        "size": np.log(size),
        "density": weight / pairs,
        "work": np.bincount(label[row[shared]], minlength=len(size)) / np.maximum(used, 1),
        "alike": np.where(size > 1, alike, np.nan),
        "span": of_group["last"] - of_group["first"],
    }
    return {f"group:{name}": values[label] for name, values in of_group.items()}
