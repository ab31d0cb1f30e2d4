"""Supervised, one account at a time: a linear model on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.base import search_space
from baselines.detectors.accounts import sklearn_base


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

    def classifier(self) -> Any:
        """scikit-learn's, with its default solver."""
        from sklearn.linear_model import LogisticRegression as Linear

        return Linear(C=self.strength, class_weight="balanced", max_iter=2000)
