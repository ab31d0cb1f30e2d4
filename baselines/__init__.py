"""Guess: detectors and their features."""

from baselines.registry import DETECTORS

__all__ = ["DETECTORS"]
