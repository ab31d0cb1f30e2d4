"""Guess: detectors and their features."""

from baselines.registry import DETECTORS, SKIPPED, UPPER_BOUNDS

__all__ = ["DETECTORS", "SKIPPED", "UPPER_BOUNDS"]
