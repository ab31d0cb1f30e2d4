"""Detectors that are neural networks on tables and sequences of accounts."""
