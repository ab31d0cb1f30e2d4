"""All commands, each imported for the sake of being registered."""

from siphonbench.cli import quickstart
from siphonbench.cli.boards import classes, decide, evaluate, leaderboard, seasons, serve, teams
from siphonbench.cli.common.app import app
from siphonbench.cli.datasets import audit, columns, export, fidelity, generate, ingest, inspect, release, scenario
from siphonbench.cli.detectors import (
    authors,
    duel,
    explain,
    fit,
    group,
    redteam,
    reproduce,
    run,
    sensitivity,
    triage,
    tune,
)

__all__ = [
    "app",
    "audit",
    "authors",
    "classes",
    "columns",
    "decide",
    "duel",
    "evaluate",
    "explain",
    "export",
    "fidelity",
    "fit",
    "generate",
    "group",
    "ingest",
    "inspect",
    "leaderboard",
    "quickstart",
    "redteam",
    "release",
    "reproduce",
    "run",
    "scenario",
    "seasons",
    "sensitivity",
    "serve",
    "teams",
    "triage",
    "tune",
]
