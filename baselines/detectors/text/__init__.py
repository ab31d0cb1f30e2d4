"""Detectors that read prompts as text."""
