"""SiphonBench: synthetic LLM-API usage logs, and a leaderboard for detecting distillation-extraction campaigns."""

from siphonbench.api import board, evaluate, generate, load, release, submit, verify
from siphonbench.workflows.duel.arena import arena
from siphonbench.workflows.fitted_detectors import fit, load_detector
from siphonbench.workflows.series import evaluate_series

__version__ = "0.2.0"  # as in pyproject.toml; a literal, so that a checkout that is not installed knows it

__all__ = [
    "__version__",
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
