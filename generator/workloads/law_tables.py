"""Constants of laws that are not habits of an account: the `[law]` tables of the kinds, and mixtures."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np

from generator.arrays import F32, I32, U64, Integers
from generator.config.archetypes import KINDS_FOLDER
from generator.rng import streams

# Normal scores that quantiles are tabled at: 4,096 from -4 to 4, as in `exact_functions.cdf`.
_SCORES, _PER_UNIT = 4096, 512


@dataclass(frozen=True)
class Mixture:
    """Mixture of exponentially modified lognormals: log x = log median + sigma z + tail e.

    z is a standard normal and e a standard exponential, so that `tail` is one over the exponent of a Pareto tail.

    Attributes
    ----------
    weight, log_median, sigma, tail : ndarray of float32
        One value per component.
    """

    weight: F32
    log_median: F32
    sigma: F32
    tail: F32

    def component(self, bits: U64, part: int = 0) -> I32:
        """Component of each draw.

        Parameters
        ----------
        bits : ndarray of uint64
            One draw each.
        part : int
            Which 16 of the 64 bits are used.
        """
        return streams.pick(bits, self.weight, part)

    def log(self, component: I32, bits: U64, part: int = 1, z: F32 | None = None) -> F32:
        """Logarithm of draws from given components.

        Parameters
        ----------
        component : ndarray of int32
            Component of each draw.
        bits : ndarray of uint64
            One draw each.
        part : int
            Which 16 of the 64 bits the normal takes; the tail takes the next.
        z : ndarray of float32, optional
            Standard normals in place of those drawn.
        """
        normal = streams.normal(bits, part) if z is None else z
        value = self.log_median[component] + self.sigma[component] * normal
        if self.tail.any():
            value = value + self.tail[component] * streams.exponential(bits, part + 1)
        return np.asarray(value, np.float32)


@dataclass(frozen=True)
class Quantiles:
    """A law known by its quantiles: log-linear between them in the normal score, so that it can be correlated.

    Attributes
    ----------
    table : ndarray of float32
        Logarithm of the value at 4,096 normal scores from -4 to 4.
    """

    table: F32

    def log(self, score: F32) -> F32:
        """Logarithm of the values at standard normal scores.

        Parameters
        ----------
        score : ndarray of float32
            Standard normals.
        """
        row = np.clip(score * _PER_UNIT + _SCORES // 2, 0, _SCORES - 1).astype(np.int32)
        return np.asarray(self.table[row])


@cache
def law_table(kind: str) -> dict[str, Any]:
    """The `[law]` tables of a kind of workload.

    Parameters
    ----------
    kind : str
        One of `schema.KINDS`.
    """
    table: dict[str, Any] = tomllib.loads((KINDS_FOLDER / f"{kind}.toml").read_text("utf-8")).get("law", {})
    return table


@cache
def mixture(kind: str, *names: str, prefix: str = "") -> Mixture:
    """Mixture at a path of a kind's law: lists `weight`, `median`, `sigma` and perhaps `tail`.

    Parameters
    ----------
    kind : str
        One of `schema.KINDS`.
    *names : str
        Path to the table inside `[law]`.
    prefix : str
        What stands before `median`, `sigma` and `tail` where a table holds two mixtures.
    """
    table = law_table(kind)
    for name in names:
        table = table[name]
    median = np.array(table[prefix + "median"], np.float64)
    tail = table.get(prefix + "tail", [0] * len(median))
    # Rounded above the last bit: another C library must give the same table.
    logs = np.log(median).round(6)
    weight, log_median, sigma, tails = (
        np.array(x, np.float32) for x in (table["weight"], logs, table[prefix + "sigma"], tail)
    )
    return Mixture(weight, log_median, sigma, tails)


@cache
def quantiles(kind: str, name: str) -> Quantiles:
    """Quantiles in a kind's law: lists `share` (ascending) and `value`.

    Parameters
    ----------
    kind : str
        One of `schema.KINDS`.
    name : str
        Table inside `[law]`.
    """
    table = law_table(kind)[name]
    scores = [NormalDist().inv_cdf(p) for p in table["share"]]
    grid = (np.arange(_SCORES) - (_SCORES - 1) / 2) / _PER_UNIT
    return Quantiles(np.interp(grid, scores, np.log(table["value"])).round(6).astype(np.float32))


def step_values(table: dict[str, Any], column: str, x: Integers) -> F32:
    """Step function of whole numbers: the value of the last `from` that is not above x.

    Parameters
    ----------
    table : dict
        Lists `from` (ascending) and `column`.
    column : str
        Which list the values are in.
    x : ndarray of int
        Whole numbers, none below the first `from`.

    Examples
    --------
    >>> step_values({"from": [1, 10], "share": [0.5, 0.25]}, "share", np.array([1, 9, 10])).tolist()
    [0.5, 0.5, 0.25]
    """
    edges = np.array(table["from"])
    return np.array(table[column], np.float32)[np.searchsorted(edges, x, side="right") - 1]
