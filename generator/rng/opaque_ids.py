"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.rng import streams

if TYPE_CHECKING:
    pass


def opaque31(keys: streams.U64) -> npt.NDArray[np.int32]:
    """Opaque non-negative 31-bit numbers."""
    return (streams.mix(keys) >> np.uint64(33)).astype(np.int32)


def opaque63(keys: streams.U64) -> npt.NDArray[np.int64]:
    """Opaque non-negative 63-bit numbers."""
    return (streams.mix(keys) >> np.uint64(1)).astype(np.int64)
