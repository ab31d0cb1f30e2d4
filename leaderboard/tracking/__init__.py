"""Entries in the MLflow store, read back as ranked boards."""
