"""Detectors told part of the truth: what can be reached, not what may be submitted."""
