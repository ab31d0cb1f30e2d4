"""Guess: detectors and their features."""

from baselines.registry import DETECTORS, UPPER_BOUNDS

__all__ = ["DETECTORS", "UPPER_BOUNDS"]
