"""Supervised, one account at a time: a linear model on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from baselines.base import search_space
from baselines.detectors.accounts import sklearn_base
from generator.arrays import F64, Mask


@dataclass
class LogisticRegression(sklearn_base.RankedClassifier):
    """Logistic regression with a ridge penalty, both classes weighing the same.

    Parameters
    ----------
    strength : float
        Inverse of the penalty.
    """

    name: ClassVar[str] = "logistic-regression"
    description: ClassVar[str] = "logistic regression on account aggregates"
    source: ClassVar[str] = "Cox, JRSS B 1958; scikit-learn"
    ranges: ClassVar[search_space.Ranges] = {"strength": search_space.SearchRange(1e-3, 10.0, log=True)}

    strength: float = 0.05

    def _learn(self, x: F64, positive: Mask) -> dict[str, npt.NDArray[Any]]:
        """scikit-learn's, with its default solver."""
        from sklearn.linear_model import LogisticRegression as Linear

        linear = Linear(C=self.strength, class_weight="balanced", max_iter=2000).fit(x, positive)
        return {"weights": linear.coef_[0], "offset": linear.intercept_}

    def _chances(self, x: F64) -> F64:
        """Logistic function of the weighted sum."""
        from scipy import special

        return np.asarray(special.expit(x @ self._model["weights"] + self._model["offset"]), np.float64)
