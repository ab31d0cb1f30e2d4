from __future__ import annotations

import math

import numpy as np
import pytest

from generator.arrays import U64
from generator.rng import exact_functions, streams


def _keys(n: int) -> U64:
    return streams.items(np.full(n, streams.key("test"), np.uint64), np.arange(n))


def test_keys_are_pinned() -> None:
    # A change of these changes every dataset ever made.
    assert int(streams.key("world", 7, "train")) == 0xF6D52BF34D8821A8
    assert int(streams.mix(np.array([1], np.uint64))[0]) == 0x5692161D100B05E5


def test_names_are_not_glued_together() -> None:
    assert streams.key("ab", "c") != streams.key("a", "bc")


def test_draws_have_the_right_moments_and_no_correlation() -> None:
    bits = _keys(200_000)
    columns = [streams.normal(bits, part) for part in range(4)]
    columns += [streams.normal(streams.child(bits, "other"))]
    assert np.abs(np.mean(columns, axis=1)).max() < 0.01
    assert np.abs(np.std(columns, axis=1) - 1).max() < 0.01
    assert np.abs(np.corrcoef(columns) - np.eye(5)).max() < 0.01


def test_exp_agrees_with_the_library() -> None:
    x = np.linspace(-20, 20, 4001)
    assert np.max(np.abs(exact_functions.exp(x) / np.array([math.exp(v) for v in x]) - 1)) < 1e-7


def test_cdf_is_the_normal_distribution_function() -> None:
    z = np.linspace(-3.9, 3.9, 201).astype(np.float32)
    wanted = [0.5 * math.erfc(-v / math.sqrt(2)) for v in z]
    assert np.max(np.abs(exact_functions.cdf(z) - wanted)) < 1e-3


def test_below_covers_its_range_evenly() -> None:
    counts = np.bincount(streams.below(_keys(60_000), 6), minlength=6)
    assert counts.sum() == 60_000
    assert np.abs(counts - 10_000).max() < 500


@pytest.mark.parametrize("shape", [1, 2])
def test_pick_follows_its_weights(shape: int) -> None:
    weights = np.array([0.1, 0.2, 0.7])
    given = weights if shape == 1 else np.tile(np.cumsum(weights), (100_000, 1)).astype(np.float32)
    share = np.bincount(streams.pick(_keys(100_000), given), minlength=3) / 100_000
    assert np.abs(share - weights).max() < 0.01
