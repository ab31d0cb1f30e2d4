"""Detectors of graph anomaly detection as published: an account, and those that share values with it."""
