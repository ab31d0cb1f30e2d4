"""Numbers behind the pictures: activity grids, rates, gaps, distinct prompts, distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from generator.arrays import F64, I64
from generator.campaign_report.selection import Crowd
from generator.schema import EMBEDDING_COLUMNS

PROMPT = ("prompt_simhash", *EMBEDDING_COLUMNS)  # equal in all of them: the same prompt again
BITS = 64  # of a SimHash
ANSWERED = 200  # HTTP status
_SHORTEST_GAP = 0.001  # seconds: the clock's resolution


def grid(crowd: Crowd, days: int, columns: int) -> tuple[F64, F64]:
    """Requests per account and time bin.

    Parameters
    ----------
    crowd : Crowd
        Any.
    days : int
        Length of the window.
    columns : int
        Bins of the window.

    Returns
    -------
    every, serving : ndarray of float64, shape (accounts, columns)
        All requests, and those that serve the extraction.
    """
    shape = (len(crowd.accounts), columns)
    row, t = crowd.requests["row"].to_numpy(), crowd.requests["t"].to_numpy()
    cell = row.astype(np.int64) * columns + np.minimum((t / days * columns).astype(np.int64), columns - 1)
    size = shape[0] * columns
    flags = crowd.requests["is_extraction"].fill_null(False).to_numpy()
    every = np.bincount(cell, minlength=size).astype(float)
    return every.reshape(shape), np.bincount(cell[flags], minlength=size).astype(float).reshape(shape)


def rate(requests: pl.DataFrame, days: int, hours: int) -> F64:
    """Requests per hour.

    Parameters
    ----------
    requests : polars.DataFrame
        See `Crowd`.
    days : int
        Length of the window.
    hours : int
        Length of a bin.

    Returns
    -------
    ndarray of float64, shape (bins,)
        From the start of the window.
    """
    edges = np.arange(0, days * 24 + hours, hours) / 24
    return np.asarray(np.histogram(requests["t"].to_numpy(), edges)[0] / hours)


def unsteadiness(series: F64) -> float:
    """Coefficient of variation of a rate.

    Parameters
    ----------
    series : ndarray of float64, shape (bins,)
        See `rate`.

    Returns
    -------
    float
        NaN if nothing happened.
    """
    return float(series.std() / series.mean()) if series.size and series.mean() > 0 else float("nan")


def per_day(crowd: Crowd) -> F64:
    """Requests of each account on each of its active days, sorted.

    Parameters
    ----------
    crowd : Crowd
        Any.
    """
    days = crowd.requests.group_by("row", pl.col("t").floor().alias("on")).len()
    return np.sort(days["len"].to_numpy().astype(float))


def column(crowd: Crowd, name: str) -> F64:
    """A column of all requests, as numbers.

    Parameters
    ----------
    crowd : Crowd
        Any.
    name : str
        Name of the column.
    """
    return crowd.requests[name].to_numpy().astype(float)


def gaps(crowd: Crowd) -> F64:
    """Seconds between consecutive requests of an account, at least a millisecond.

    Parameters
    ----------
    crowd : Crowd
        Any.
    """
    between = crowd.requests.select((pl.col("t").diff().over("row") * 86_400).alias("gap"))["gap"]
    return np.asarray(np.maximum(between.drop_nulls().to_numpy(), _SHORTEST_GAP))


def hours(crowd: Crowd) -> F64:
    """Hour of the day of each request, UTC.

    Parameters
    ----------
    crowd : Crowd
        Any.
    """
    return (crowd.requests["t"].to_numpy() % 1) * 24


@dataclass(frozen=True)
class Coverage:
    """How a crowd's answered requests cover what they ask.

    Attributes
    ----------
    growth : ndarray
        Distinct prompts after each request, in the order of time.
    own, other : float
        Share of requests that repeat a prompt first sent by the same account, by another one.
    """

    growth: I64
    own: float
    other: float

    @property
    def distinct(self) -> int:
        """Distinct prompts in all."""
        return int(self.growth[-1]) if len(self.growth) else 0

    @property
    def fresh(self) -> float:
        """Share of requests whose prompt nobody of the crowd sent before."""
        return 1 - self.own - self.other


def coverage(requests: pl.DataFrame) -> Coverage:
    """Coverage of a crowd's prompts; retried and refused requests don't count.

    Parameters
    ----------
    requests : polars.DataFrame
        In the order of time.
    """
    asked = requests.filter(pl.col("status") == ANSWERED).select("row", prompt=pl.struct(PROMPT))
    if asked.is_empty():
        return Coverage(np.zeros(0, np.int64), 0.0, 0.0)
    repeats = asked.select(
        fresh=pl.col("prompt").is_first_distinct(),
        same=pl.col("row") == pl.col("row").first().over("prompt"),
    )
    fresh, same = repeats["fresh"].to_numpy(), repeats["same"].to_numpy()
    return Coverage(np.cumsum(fresh), float((~fresh & same).mean()), float((~fresh & ~same).mean()))


def templates(requests: pl.DataFrame) -> pl.DataFrame:
    """System prompts by their share of requests.

    Parameters
    ----------
    requests : polars.DataFrame
        See `Crowd`.

    Returns
    -------
    polars.DataFrame
        template (null: none), share, accounts; the commonest first.
    """
    shares = requests.group_by(pl.col("system_prompt_hash").alias("template")).agg(
        share=pl.len() / max(1, len(requests)), accounts=pl.col("row").n_unique()
    )
    return shares.sort(["share", "template"], descending=[True, False], nulls_last=True)


def sample(requests: pl.DataFrame, size: int, seed: int) -> pl.DataFrame:
    """Draw rows without replacement, in their order.

    Parameters
    ----------
    requests : polars.DataFrame
        See `Crowd`.
    size : int
        Rows; all if there are fewer.
    seed : int
        The same seed draws the same rows.
    """
    if len(requests) <= size:
        return requests
    return requests[np.sort(np.random.default_rng(seed).choice(len(requests), size, replace=False))]


def plane(parts: list[pl.DataFrame]) -> tuple[list[F64], float]:
    """Prompt embeddings on their two main axes (principal components of all parts together).

    Parameters
    ----------
    parts : list of polars.DataFrame
        Requests of several crowds.

    Returns
    -------
    list of ndarray of float64, shape (requests, 2)
        One for each part.
    float
        Share of the variance that the two axes hold, 0 to 1.
    """
    points = [part.select(EMBEDDING_COLUMNS).to_numpy().astype(float) for part in parts]
    everything = np.concatenate(points)
    if len(everything) < 2:
        return [p[:, :2] for p in points], 0.0
    centre = everything.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(everything - centre, rowvar=False))
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # a sign that no library decides
    return [(p - centre) @ axes for p in points], float(values[-2:].sum() / max(values.sum(), 1e-12))


def nearest(ours: pl.DataFrame, others: pl.DataFrame) -> I64:
    """SimHash bits between each prompt and the nearest of another account (Hamming distance).

    Parameters
    ----------
    ours, others : polars.DataFrame
        Requests.

    Returns
    -------
    ndarray of int64
        By prompt of ours; those without a prompt of another account are left out.
    """
    if ours.is_empty() or others.is_empty():
        return np.zeros(0, np.int64)
    a, b = ours["prompt_simhash"].to_numpy(), others["prompt_simhash"].to_numpy()
    bits = np.bitwise_count(a[:, None] ^ b[None, :]).astype(np.int64)
    same = ours["account_id"].to_numpy()[:, None] == others["account_id"].to_numpy()[None, :]
    best = np.where(same, BITS + 1, bits).min(axis=1)
    return np.asarray(best[best <= BITS])


def chance_distance(prompts: int) -> int:
    """Median of `nearest` were all SimHashes random: the least of so many draws from a binomial.

    Parameters
    ----------
    prompts : int
        Prompts to be near to.
    """
    from scipy.special import bdtr

    below = bdtr(np.arange(BITS + 1), BITS, 0.5)  # of the binomial, without the weight of scipy.stats
    return int(np.searchsorted(below, 1 - 0.5 ** (1 / max(prompts, 1))))
