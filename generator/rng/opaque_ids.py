"""Ids that tell nothing: keyed hashes of the streams of what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64
from generator.rng import streams

if TYPE_CHECKING:
    pass


def opaque31(keys: U64) -> I32:
    """Opaque non-negative 31-bit numbers."""
    return (streams.mix(keys) >> np.uint64(33)).astype(np.int32)


def opaque63(keys: U64) -> I64:
    """Opaque non-negative 63-bit numbers."""
    return (streams.mix(keys) >> np.uint64(1)).astype(np.int64)
