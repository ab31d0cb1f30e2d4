"""Guess: detectors and their features."""
