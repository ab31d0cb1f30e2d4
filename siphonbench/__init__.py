"""SiphonBench: synthetic LLM-API usage logs, and a leaderboard for detecting distillation-extraction campaigns."""

from siphonbench.api import board, evaluate, generate, load, release, submit, verify
from siphonbench.workflows.arena import arena
from siphonbench.workflows.fitted_detectors import fit, load_detector
from siphonbench.workflows.series import evaluate_series

__all__ = [
    "arena",
    "board",
    "evaluate",
    "evaluate_series",
    "fit",
    "generate",
    "load",
    "load_detector",
    "release",
    "submit",
    "verify",
]
