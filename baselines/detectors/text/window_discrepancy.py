"""The published test of distillation traffic: windows of embedded prompts against benign ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.features import prompt_texts, supervision
from baselines.graph import shared_keys
from baselines.graph.communities import communities
from generator.arrays import F32, F64, I64
from generator.dataset import Split

_LINKS = ("template", "conversation", "payment", "prefix")
_MOST, _FOCUS, _RESOLUTION = 60, 0.25, 0.1  # of the candidates' graph, as in `shared_keys` and `communities` (a)
_NGRAM = 4  # bytes (a)
_DIMENSIONS = 512  # of the hashed embedding
_SCALED_BY = 4096  # prompts that the scale of a dimension is learnt from
_DRAWS = 200  # benign windows per size that the threshold is read from
_SIZES = (1, 2, 4, 8, 16, 32)  # accounts of such a window
_LEVEL = 0.99  # share of benign windows below the threshold (a)


@dataclass
class WindowDiscrepancy(detector.Detector):
    """Maximum mean discrepancy between windows of prompts of linked accounts and reference traffic.

    Prompts are hashed character n-grams, scaled as benign training traffic is; random Fourier features stand in
    for a Gaussian kernel, so that a window's mean embedding is one vector. Strangers linked by rare keys are one
    user: their prompts, by day, fall into windows of 1,500, and the unbiased squared discrepancy of each from
    benign training prompts is its statistic. It is held against the 99 % quantile of windows drawn from as many
    benign accounts (of those the reference left out): above 1 is an alarm. An account scores its group's most
    striking window.

    Parameters
    ----------
    components : int
        Random Fourier features.
    window : int
        Most prompts of a window.
    """

    name: ClassVar[str] = "text-discrepancy"
    description: ClassVar[str] = "mean discrepancy of windows of linked accounts' prompts from benign ones"
    source: ClassVar[str] = "Liu, Guo and Dong, arXiv 2606.05725; Gretton et al., JMLR 2012"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*prompt_texts.FIELDS, *shared_keys.fields_of(_LINKS), *shared_keys.DECLARED_FIELDS})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "components": search_space.SearchRange(64, 512, log=True),
        "window": search_space.SearchRange(200, 3000, log=True),
    }

    components: int = 256
    window: int = 1500
    _middle: F32 = field(init=False, repr=False, default_factory=lambda: np.zeros(0, np.float32))
    _scale: F32 = field(init=False, repr=False, default_factory=lambda: np.ones(0, np.float32))
    _reference: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _threshold: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(self, *worlds: Split) -> Self:
        """Scale, mean embedding, and what benign windows of each size show by chance."""
        benign = [_benign_texts(world) for world in worlds]
        read = [(texts, texts["row"].to_numpy()) for texts in benign]
        some = pl.concat(texts["text"] for texts in benign)
        some = some.gather_every(1 + len(some) // _SCALED_BY)
        x = np.concatenate([np.zeros((1, _DIMENSIONS), np.float32), *(part for _, _, part in _embedded(some))])
        self._middle, spread = x.mean(axis=0), x.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1)
        parts = [self._sums(texts["text"], row, int(row.max(initial=-1)) + 1) for texts, row in read]
        sums, count = (np.concatenate(part) for part in zip(*parts, strict=True))
        sums, count = sums[count > 0], count[count > 0]
        self._reference = sums[::2].sum(axis=0) / max(1, count[::2].sum())
        self._threshold = self._calibrated(sums[1::2], count[1::2])
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Statistic of the most striking window of the account's group, in thresholds."""
        keys = shared_keys.read_keys(split, _LINKS)
        graph = shared_keys.weighted(list(keys.incidences.values()), _MOST, _FOCUS)
        graph = shared_keys.without_declared(graph, shared_keys.declared_ties(split, keys.ids))
        group = communities(graph, _RESOLUTION)
        texts = prompt_texts.read_texts(split, keys.ids)
        texts = texts.with_columns(group=pl.Series(group)[texts["row"]]).sort("group", "day", "row", "text")
        place = pl.int_range(pl.len()).over("group") // self.window
        texts = texts.with_columns(window=pl.struct("group", place=place).rle_id())
        windows = texts.group_by("window").agg(pl.col("group").first(), pl.col("row").n_unique()).sort("window")
        sums, count = self._sums(texts["text"], texts["window"].to_numpy(), len(windows))
        allowed = np.interp(np.log2(windows["row"].to_numpy()), np.log2(_SIZES), self._threshold)
        ratio = self._statistic(sums, count) / allowed
        worst = np.full(len(keys.ids), -1.0)
        np.maximum.at(worst, windows["group"].to_numpy(), ratio)
        return shared_keys.score_frame(keys.ids, np.round(worst[group], 6))

    def _sums(self, texts: pl.Series, window: I64, windows: int) -> tuple[F64, F64]:
        """Sum of the Fourier features of each window's prompts, and their number."""
        rng = np.random.default_rng(self.seed)
        # Two prompts are about as many standard deviations apart as the root of twice the dimensions.
        waves = rng.standard_normal((_DIMENSIONS, self.components // 2)) / np.sqrt(2 * _DIMENSIONS)
        waves = waves.astype(np.float32)
        sums = np.zeros((windows, self.components))
        for start, stop, x in _embedded(texts):
            angle = ((x - self._middle) / self._scale) @ waves
            phi = np.hstack([np.cos(angle), np.sin(angle)]) / np.sqrt(self.components // 2)
            member = (np.ones(len(x)), (window[start:stop], np.arange(len(x))))
            sums += sparse.csr_array(member, shape=(windows, len(x))) @ phi
        return sums, np.bincount(window, minlength=windows).astype(np.float64)

    def _statistic(self, sums: F64, count: F64) -> F64:
        """Unbiased squared discrepancy of windows from the reference."""
        mean = sums / np.maximum(count, 1)[:, None]
        # Of n points |mean|^2 is too large by (1 - |mean|^2) / (n - 1), for every point has length one.
        bias = (1 - (mean**2).sum(axis=1)) / np.maximum(count - 1, 1)
        return np.asarray(((mean - self._reference) ** 2).sum(axis=1) - bias, np.float64)

    def _calibrated(self, sums: F64, count: F64) -> F64:
        """The statistic that one in a hundred benign windows of each size exceeds."""
        rng = np.random.default_rng(self.seed + 1)
        limits = []
        for size in _SIZES:
            drawn = np.array([rng.choice(len(sums), size, replace=len(sums) < size) for _ in range(_DRAWS)])
            statistic = self._statistic(sums[drawn].sum(axis=1), count[drawn].sum(axis=1))
            limits.append(max(float(np.quantile(statistic, _LEVEL)), 1e-6))
        return np.array(limits)


def _benign_texts(world: Split) -> pl.DataFrame:
    """Prompts of benign accounts, whose rows are numbered in an order that names have no part in."""
    ids = shared_keys.ordered_ids(world)
    known = supervision.training_labels(world, ids)
    return prompt_texts.read_texts(world, ids.gather(known.rows[~known.positive]))


def _embedded(texts: pl.Series) -> Iterator[tuple[int, int, F32]]:
    """Hashed n-grams of texts, in vectors of length one, some thousand at a time."""
    for start, stop, hashes, owner in prompt_texts.hashed_ngrams(texts, _NGRAM):
        at = owner * _DIMENSIONS + (hashes % np.uint64(_DIMENSIONS)).astype(np.int64)
        x = np.sqrt(np.bincount(at, minlength=(stop - start) * _DIMENSIONS).reshape(-1, _DIMENSIONS))
        length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        yield start, stop, np.asarray(x / np.maximum(length, 1e-9), np.float32)
