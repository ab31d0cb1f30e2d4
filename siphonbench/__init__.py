"""SiphonBench: synthetic LLM-API usage logs, and a leaderboard for detecting distillation-extraction campaigns."""

from siphonbench.api import board, evaluate, generate, load, release, submit, verify
from siphonbench.workflows.arena import arena

__all__ = ["arena", "board", "evaluate", "generate", "load", "release", "submit", "verify"]
