"""Unsupervised signs that accounts act together."""
