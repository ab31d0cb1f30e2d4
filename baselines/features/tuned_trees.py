"""Detectors whose boosted trees can be tuned: how deep they grow, and what each adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.base import detector, search_space
from baselines.features import supervision


@dataclass
class TunedTrees(detector.Detector):
    """A detector with gradient-boosted trees.

    Parameters
    ----------
    depth : int
        Most splits in a row.
    eta : float
        What each tree adds.
    """

    ranges: ClassVar[search_space.Ranges] = {
        "depth": search_space.SearchRange(2, 8),
        "eta": search_space.SearchRange(0.01, 0.3, log=True),
    }

    depth: int = supervision.TREES["max_depth"]
    eta: float = supervision.TREES["eta"]

    @property
    def _trees(self) -> Mapping[str, Any]:
        """Parameters of XGBoost."""
        return {**supervision.TREES, "max_depth": self.depth, "eta": self.eta}
