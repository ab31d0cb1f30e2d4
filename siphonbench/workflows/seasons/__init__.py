"""Seasons and classes, which need generator, detectors and leaderboard: sealed, served, graded, ended, checked."""
