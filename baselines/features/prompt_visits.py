"""Visits: what an account did under one system prompt within one hour, with the topic it was about.

A coarse view of the requests, in fewer rows, that still says who used which prompt, when, and for what.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from generator import schema
from generator.arrays import F32, I64
from generator.dataset import Split

FIELDS = tuple(f"requests.{c}" for c in ("ts", "system_prompt_hash", *schema.EMBEDDING_COLUMNS))
TOPICS = 192  # most centres (a)
_LEARNT_FROM = 12  # visits per account, so that every account counts alike (a)
_AT_ONCE = 1 << 16  # embeddings compared at once: bounds memory
_TURNED_AT_ONCE = 64 * _AT_ONCE  # visits whose embeddings are turned into an array at once: likewise
_EMBEDDING = list(schema.EMBEDDING_COLUMNS)


def nearest_topics(centres: F32, embedding: F32) -> I64:
    """Find the topic of each embedding.

    Parameters
    ----------
    centres : ndarray of float32, shape (topics, dimensions)
        As `codebook` learnt them from one world or several, to be used in all.
    embedding : ndarray of float32, shape (visits, dimensions)
        Prompt embeddings, 1/127.

    Returns
    -------
    ndarray of int64, shape (visits,)
        Number of the nearest centre.

    Examples
    --------
    >>> nearest_topics(np.array([[0, 0], [10, 10]], np.float32), np.array([[9, 8], [1, 0]], np.float32))
    array([1, 0])
    """
    numbers = np.zeros(len(embedding), np.int64)
    half = (centres**2).sum(axis=1) / 2
    for first in range(0, len(embedding), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        numbers[rows] = np.argmax(embedding[rows] @ centres.T - half, axis=1)
    return numbers


def codebook(worlds: Iterable[pl.DataFrame], seed: int) -> F32:
    """Learn topics from the first visits of every account, by k-means on mini-batches.

    Parameters
    ----------
    worlds : iterable of polars.DataFrame
        Visits of one world or several, as `visits` gives them.
    seed : int
        Seed of the clustering.

    Returns
    -------
    ndarray of float32, shape (topics, dimensions)
        At most `TOPICS` centres, in the units of the prompt embedding, 1/127.

    References
    ----------
    Sculley, "Web-scale k-means clustering", WWW 2010.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    first = pl.int_range(pl.len()).over("row") < _LEARNT_FROM
    sample = pl.concat([visits.filter(first).select(_EMBEDDING) for visits in worlds]).sort(_EMBEDDING)
    embedding = sample.to_numpy().astype(np.float32)
    distinct = len(np.unique(embedding, axis=0))
    if not distinct:
        return np.zeros((1, len(_EMBEDDING)), np.float32)
    means = MiniBatchKMeans(min(TOPICS, distinct), random_state=seed, batch_size=4096, n_init=3, max_iter=30)
    with threadpool_limits(1, "openmp"):  # batches this small: more threads only wait for each other
        centres = means.fit(embedding).cluster_centers_
    return np.asarray(np.round(centres, 2), np.float32)


def visits(split: Split, ids: pl.Series) -> pl.DataFrame:
    """All visits of a world.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    polars.DataFrame
        row (position in `ids`), template (null: none), seconds since the window began, and the embedding of the
        first prompt; ordered by row, time and template.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    start = pl.lit(split.start).cast(pl.Datetime("ms", "UTC"))
    seconds = (pl.col("ts") - start).dt.total_milliseconds() / 1000
    buckets = []
    for bucket in split.requests.buckets():
        requests = bucket.select("account_id", "ts", "request_id", "system_prompt_hash", *_EMBEDDING).collect()
        grouped = (
            requests.sort("ts", "request_id")
            .group_by("account_id", template="system_prompt_hash", hour=pl.col("ts").dt.epoch("s") // 3600)
            .agg(pl.col("ts", *_EMBEDDING).first())
            .with_columns(pl.col("account_id").cast(pl.String))
            .join(rows, on="account_id")
        )
        buckets.append(grouped.select("row", "template", seconds.alias("seconds"), *_EMBEDDING))
    return pl.concat(buckets).sort("row", "seconds", "template")


def with_topics(visits: pl.DataFrame, topics: F32) -> pl.DataFrame:
    """Replace the embedding of visits by the number of their topic.

    Parameters
    ----------
    visits : polars.DataFrame
        As `visits` gives them.
    topics : ndarray of float32, shape (topics, dimensions)
        Centres, as `codebook` gives them.

    Returns
    -------
    polars.DataFrame
        Column topic in place of the embedding.
    """
    slices = (visits[first : first + _TURNED_AT_ONCE] for first in range(0, max(1, len(visits)), _TURNED_AT_ONCE))
    numbers = [nearest_topics(topics, s.select(_EMBEDDING).to_numpy().astype(np.float32)) for s in slices]
    return visits.drop(_EMBEDDING).with_columns(topic=pl.Series(np.concatenate(numbers)))
