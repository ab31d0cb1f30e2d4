"""Guess: detectors and their features."""

import generator.moved  # noqa: F401, old import paths say where they went
