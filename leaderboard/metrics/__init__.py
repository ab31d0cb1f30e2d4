"""Metrics, the slices they are taken on, and their intervals."""
