"""Scores as probabilities: how far they are to be believed, and how any score becomes one.

Sources: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950);
Platt, "Probabilistic outputs for support vector machines", 1999; Zadrozny and Elkan, "Transforming classifier
scores into accurate multiclass probability estimates", KDD 2002 (isotonic regression).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.arrays import F64, Mask
from generator.errors import UserError
from leaderboard.records.scorecard import Line

BINS = 10
"""Bins of a reliability curve, each with as many accounts as any other."""

Calibration = Callable[[F64], F64]


def brier(probability: F64, positive: Mask) -> float | None:
    """Mean squared distance from the truth, 0 to 1, lower is better; None where some score is no probability.

    Parameters
    ----------
    probability : ndarray of float, shape (n,)
        What was said of each row.
    positive : ndarray of bool, shape (n,)
        Truth.

    Notes
    -----
    Equals scikit-learn's `brier_score_loss`. Chance, by saying the prevalence p of everybody: p (1 - p).

    Examples
    --------
    >>> brier(np.array([0.8, 0.4]), np.array([True, False]))  # (0.04 + 0.16) / 2
    0.1
    >>> brier(np.array([2.0, 0.4]), np.array([True, False])) is None
    True
    """
    if probability.min() < 0 or probability.max() > 1:
        return None
    return float(np.mean((probability - positive) ** 2).round(12))


def reliability(probability: F64, positive: Mask) -> Line:
    """Mean probability said in each of `BINS` bins, and the share of positives found there.

    Parameters
    ----------
    probability : ndarray of float, shape (n,)
        From 0 to 1; equal ones stay in one bin.
    positive : ndarray of bool, shape (n,)
        Truth.

    Examples
    --------
    >>> reliability(np.array([0.1, 0.1, 0.6, 0.6]), np.array([False, False, True, False]))
    ((0.1, 0.6), (0.0, 0.5))
    """
    from sklearn.calibration import calibration_curve

    found, said = calibration_curve(positive, probability, n_bins=BINS, strategy="quantile")
    return tuple(said.tolist()), tuple(found.tolist())


def _isotonic(score: F64, positive: Mask) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, positive)
    return lambda s: np.asarray(fitted.predict(s), np.float64)


def _platt(score: F64, positive: Mask) -> Calibration:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(score[:, None], positive)
    return lambda s: np.asarray(fitted.predict_proba(s[:, None])[:, 1], np.float64)


METHODS: dict[str, Callable[[F64, Mask], Calibration]] = {"isotonic": _isotonic, "platt": _platt}
"""Ways to turn scores into probabilities."""


def calibrate(method: str, score: F64, positive: Mask) -> Calibration:
    """What turns scores of a detector into probabilities, learnt where the truth is known.

    Parameters
    ----------
    method : str
        Key of `METHODS`; "isotonic" may tie scores, "platt" keeps their order.
    score : ndarray of float, shape (n,)
        What the detector said, of another split than the one that is to be judged.
    positive : ndarray of bool, shape (n,)
        Truth.

    Raises
    ------
    UserError
        If there is no such method.

    Examples
    --------
    >>> to_probability = calibrate("isotonic", np.array([1.0, 2, 3, 4]), np.array([False, True, False, True]))
    >>> to_probability(np.array([0.0, 2.5, 9.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    if method not in METHODS:
        raise UserError(f"calibration {method[:40]!r} is none of {', '.join(METHODS)}")
    return METHODS[method](score, positive)
